#include "lease/freshness.h"

#include <algorithm>

namespace cluster_leader {

namespace {

/// Half of the shortest ttl (Timeline::fault). A holder that has moved to another server leaves a
/// lock on the old one that lasts for two thirds of its ttl at least, and we need not know its ttl.
constexpr Duration kFreshForGrants = std::chrono::milliseconds(500);

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
