#pragma once

#include <vector>

#include "base/poller.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// Notices when the process that started this one is gone (`--die-with-parent`): a pidfd of the
/// parent, and of those above it as long as they are shells, up to the first that is none. A shell
/// only passes a command on, and outlives whoever gave it: `cluster-leader ...; echo done` goes on
/// when Node-RED is killed. Not PR_SET_PDEATHSIG, which fires when a *thread* of the parent ends,
/// and is cleared by an exec that changes rights. A parent outside our PID namespace cannot be
/// watched, and is taken to live.
class ParentWatch {
 public:
  /// To be made early: a parent that died before cannot be told from one that was never there.
  /// Throws std::system_error if the kernel has no descriptor to give.
  ParentWatch();

  void watch(Poller& poller) const;
  /// True if one of them was gone when `poller` last waited, in whatever way it ended. Asked for
  /// again, it is true again, so whoever has acted on it stops watching.
  bool is_gone(const Poller& poller) const;

 private:
  std::vector<UniqueFd> ancestors_;  ///< each is readable once that one is gone
};

}  // namespace cluster_leader
