#include "supervise/known_leaders.h"

#include <utility>

namespace cluster_leader {

void KnownLeaders::update(std::size_t index, const Leadership& leadership) {
  const Leadership before = std::exchange(known_[index], leadership);
  heard_of_ += before.standing == Standing::kUnknown ? 1 : 0;
  led_ -= before.standing == Standing::kLeader ? 1 : 0;
  led_ += leadership.standing == Standing::kLeader ? 1 : 0;
  const bool has_leader =
      leadership.standing == Standing::kLeader || leadership.standing == Standing::kFollower;
  if (has_leader) {
    unreleased_.erase(index);
  } else if (before.standing == Standing::kLeader) {
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
