#pragma once

#include <cstddef>

#include "base/clock.h"
#include "lease/timeline.h"
#include "process/keeper_link.h"
#include "supervise/session.h"

namespace cluster_leader {

/// The time at which the front kills keeper and job, unless the keeper moves it on before
/// (KeeperLink::set_deadline). It is the earliest front_deadline() of all supervisors, or earlier:
/// with many keys all of them are looked at only when it comes near. Never later than any job's
/// kill deadline. While something of a job may be alive without a lease, it is the present: each
/// turn of the keeper moves it on, so that a keeper that hangs between two kills is overruled.
class FrontDeadline {
 public:
  FrontDeadline(const Session& session, const Timeline& timeline, KeeperLink& link);

  /// To be called when something has happened to one campaign: it may need an earlier deadline.
  void lower(std::size_t campaign, Time now);
  /// Moves the deadline on if that is due.
  void refresh(Time now);
  /// When refresh() must be called, if nothing happens before.
  Time wake_at() const { return refresh_at_; }

 private:
  Time refresh_due(Time now) const;

  const Session& session_;
  const Timeline& timeline_;
  KeeperLink& link_;
  Time deadline_ = kNever;
  Time refresh_at_ = kNever;
};

}  // namespace cluster_leader
