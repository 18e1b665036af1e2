#include "lease/candidacy.h"

#include <string_view>

namespace cluster_leader {

namespace {

// Known to store/redis/scripts/acquire.lua and finish.lua as well.
constexpr const char* kParked = "parked:";
constexpr const char* kHeld = "held:";

}  // namespace

HolderId parked_for(const std::string& identity) { return {kParked + identity}; }

HolderId held_after(const HolderId& holder) { return {kHeld + holder.value}; }

bool is_parked(const HolderId& holder) { return holder.value.starts_with(kParked); }

bool is_reserved(const HolderId& holder) {
  return is_parked(holder) || holder.value.starts_with(kHeld);
}

std::string program_name(std::string_view path) {
  // Without a slash, npos + 1 is the beginning.
  return std::string(path.substr(path.rfind('/') + 1).substr(0, kMaxLabelLength));
}

std::string label_of_command(std::string_view command_line) {
  return program_name(command_line.substr(0, command_line.find(' ')));
}

std::string node_of(const std::string& holder_value) {
  // A label may itself begin with one of these prefixes; it is then shown without the prefix, and
  // only in messages.
  std::size_t begin = 0;
  for (const std::string_view prefix : {kParked, kHeld}) {
    if (holder_value.starts_with(prefix)) begin = prefix.size();
  }
  return holder_value.substr(begin, holder_value.rfind('/') - begin);
}

}  // namespace cluster_leader
