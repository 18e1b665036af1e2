#include "lease/freshness.h"

#include <algorithm>

namespace cluster_leader {

namespace {

/// A holder that has moved to another server leaves a lock on the old one, which lasts for the
/// margin before its end at least, whenever it moved: 0.3 s with the shortest ttl (Timeline::of).
constexpr Duration kFreshForGrants = std::chrono::milliseconds(250);

}  // namespace

void Freshness::expect_check() { check_at_ = std::max(checked_at_ + interval_, not_before_); }

void Freshness::confirm(Time asked_at) {
  confirmed_at_ = std::max(confirmed_at_, asked_at);
  confirm_address(asked_at);
}

void Freshness::confirm_address(Time asked_at) {
  // A check that began before the connection says nothing new.
  checked_at_ = std::max(checked_at_, asked_at);
  if (check_at_ != kNever) expect_check();
}

bool Freshness::counts(Time granted_at) const {
  return granted_at < confirmed_at_ + kFreshForGrants;
}

}  // namespace cluster_leader
