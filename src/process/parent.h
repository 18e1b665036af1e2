#pragma once

#include <vector>

#include "base/poller.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// Notices when the process that started this one is gone (`--die-with-parent`). It has a pidfd of
/// the parent and, as long as the ancestors are shells, of those above it, up to the first one that
/// is not. A shell only passes a command on, and outlives its own caller: `cluster-leader ...; echo
/// done` keeps running when Node-RED is killed. PR_SET_PDEATHSIG would not do: it fires when a
/// *thread* of the parent ends, and an exec that changes rights clears it. A parent outside our PID
/// namespace cannot be watched and counts as alive.
class ParentWatch {
 public:
  /// To be made early: a parent that has died before that goes unnoticed. Throws std::system_error
  /// if no descriptor is available.
  ParentWatch();

  void watch(Poller& poller) const;
  /// True if one of them was gone when `poller` last waited. That does not change again, so stop
  /// watching afterwards.
  bool is_gone(const Poller& poller) const;

 private:
  std::vector<UniqueFd> ancestors_;  ///< each is readable once its process is gone
};

}  // namespace cluster_leader
