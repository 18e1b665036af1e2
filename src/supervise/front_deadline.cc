#include "supervise/front_deadline.h"

#include <algorithm>

namespace cluster_leader {

namespace {

/// With up to so many keys, all of them are looked at in every turn.
constexpr std::size_t kFew = 16;

/// No two refreshes come sooner after each other than this.
constexpr Duration kShortestPause = std::chrono::milliseconds(5);

}  // namespace

FrontDeadline::FrontDeadline(const Session& session, const Timeline& timeline, KeeperLink& link)
    : session_(session), timeline_(timeline), link_(link) {}

void FrontDeadline::lower(std::size_t campaign, Time now) {
  const Time deadline = session_.at(campaign).supervisor.front_deadline(now);
  if (deadline >= deadline_) return;
  deadline_ = deadline;
  link_.set_deadline(deadline_);
  if (session_.size() > kFew) refresh_at_ = std::min(refresh_at_, refresh_due(now));
}

void FrontDeadline::refresh(Time now) {
  if (session_.size() > kFew && now < refresh_at_) return;
  deadline_ = kNever;
  for (std::size_t i = 0; i < session_.size(); ++i) {
    deadline_ = std::min(deadline_, session_.at(i).supervisor.front_deadline(now));
  }
  link_.set_deadline(deadline_);
  refresh_at_ = session_.size() > kFew ? refresh_due(now) : kNever;
}

/// Half of a lease's time before the deadline, but not in every turn while no renewal succeeds.
Time FrontDeadline::refresh_due(Time now) const {
  if (deadline_ == kNever) return kNever;
  const Time half_way = deadline_ - (timeline_.ttl - timeline_.margin) / 2;
  const Time due = std::min(deadline_, std::max(half_way, now + timeline_.heartbeat / 2));
  return std::max(due, now + kShortestPause);
}

}  // namespace cluster_leader
