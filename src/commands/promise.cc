#include "commands/promise.h"

#include <algorithm>

namespace cluster_leader {

namespace {

/// So few keys that all of them can be looked at in every turn.
constexpr std::size_t kFew = 16;

/// What is due is not looked at more often than that.
constexpr Duration kShortestPause = std::chrono::milliseconds(5);

}  // namespace

Promise::Promise(const Session& session, const Timeline& timeline, KeeperLink& link)
    : session_(session), timeline_(timeline), link_(link) {}

void Promise::lower(std::size_t contest, Time now) {
  const Time deadline = deadline_of(contest, now);
  if (deadline >= promised_) return;
  promised_ = deadline;
  link_.set_deadline(promised_);
  if (session_.size() > kFew) refresh_at_ = std::min(refresh_at_, refresh_due(now));
}

void Promise::refresh(Time now) {
  if (session_.size() > kFew && now < refresh_at_) return;
  promised_ = kNever;
  for (std::size_t i = 0; i < session_.size(); ++i) {
    promised_ = std::min(promised_, deadline_of(i, now));
  }
  link_.set_deadline(promised_);
  refresh_at_ = session_.size() > kFew ? refresh_due(now) : kNever;
}

Time Promise::deadline_of(std::size_t contest, Time now) const {
  return session_.at(contest).supervisor.front_deadline(now);
}

/// When the promise is near: half the time before it, but not at every turn while no renewal
/// succeeds.
Time Promise::refresh_due(Time now) const {
  if (promised_ == kNever) return kNever;
  const Time half_way = promised_ - (timeline_.ttl - timeline_.margin) / 2;
  const Time due = std::min(promised_, std::max(half_way, now + timeline_.heartbeat / 2));
  return std::max(due, now + kShortestPause);
}

}  // namespace cluster_leader
