#include "lease/majority.h"

#include <algorithm>
#include <utility>

namespace cluster_leader {

void Majority::record(const std::string& member, std::string answer, std::size_t group,
                      std::uint64_t round) {
  last_[member] = {std::move(answer), group, round};
}

std::optional<std::string> Majority::agreed(std::uint64_t round) const {
  const std::size_t needed = this->needed(round);
  for (const auto& [member, last] : last_) {
    if (last.round >= round && count(last.answer, round) >= needed) return last.answer;
  }
  return std::nullopt;
}

std::size_t Majority::answered(std::uint64_t round) const {
  return static_cast<std::size_t>(std::count_if(
      last_.begin(), last_.end(), [&](const auto& one) { return one.second.round >= round; }));
}

std::size_t Majority::count(const std::string& answer, std::uint64_t round) const {
  return static_cast<std::size_t>(std::count_if(last_.begin(), last_.end(), [&](const auto& one) {
    return one.second.round >= round && one.second.answer == answer;
  }));
}

std::size_t Majority::members(std::uint64_t round) const {
  std::size_t members = std::max(known_, answered(round));
  for (const auto& [member, last] : last_) {
    if (last.round >= round) members = std::max(members, last.group);
  }
  return members;
}

}  // namespace cluster_leader
