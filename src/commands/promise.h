#pragma once

#include <cstddef>

#include "base/clock.h"
#include "commands/session.h"
#include "lease/timeline.h"
#include "process/keeper_link.h"

namespace cluster_leader {

/// The keeper's promise to the front: by when it has moved the promise on, or the front kills it
/// and the job in its place. It is never later than any job's kill deadline. While something of a
/// job may be alive that has no lease any more, it is the present: each turn of the keeper moves it
/// on, so that one that stops between two kills is overruled. One that comes too early is kept as
/// well, so that with many keys it is enough to look at all of them when it comes near.
class Promise {
 public:
  Promise(const Session& session, const Timeline& timeline, KeeperLink& link);

  /// Something has happened to one contest: the promise may have to come earlier.
  void lower(std::size_t contest, Time now);
  /// Moves the promise on where that is due.
  void refresh(Time now);
  /// When refresh() wants to be called, if nothing happens before.
  Time wake_at() const { return refresh_at_; }

 private:
  Time deadline_of(std::size_t contest, Time now) const;
  Time refresh_due(Time now) const;

  const Session& session_;
  const Timeline& timeline_;
  KeeperLink& link_;
  Time promised_ = kNever;
  Time refresh_at_ = kNever;
};

}  // namespace cluster_leader
