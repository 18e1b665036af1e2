#include "supervise/known_leaders.h"

#include <utility>

namespace cluster_leader {

void KnownLeaders::update(std::size_t index, const Leadership& leadership) {
  const Leadership before = std::exchange(known_[index], leadership);
  heard_of_ += before.state == ElectionState::kUnknown ? 1 : 0;
  led_ -= before.state == ElectionState::kLeader ? 1 : 0;
  led_ += leadership.state == ElectionState::kLeader ? 1 : 0;
  const bool has_leader =
      leadership.state == ElectionState::kLeader || leadership.state == ElectionState::kFollower;
  if (has_leader) {
    unreleased_.erase(index);
  } else if (before.state == ElectionState::kLeader) {
    unreleased_[index] = before;
  }
}

void KnownLeaders::record_unreleased(std::size_t index, const Leadership& leadership) {
  unreleased_[index] = leadership;
}

std::map<std::size_t, Leadership> KnownLeaders::take_unreleased() {
  return std::exchange(unreleased_, {});
}

}  // namespace cluster_leader
