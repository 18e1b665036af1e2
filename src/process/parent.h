#pragma once

#include <vector>

#include "base/poller.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// Notices when the process that started this one is gone (`--die-with-parent`): a pidfd of the
/// parent, and of its parent where the parent is a shell, since a shell that is killed with its
/// command's line half done leaves the command behind (node-red.md). Not PR_SET_PDEATHSIG, which
/// fires when a *thread* of the parent ends, and is cleared by an exec that changes rights. A parent
/// outside our PID namespace cannot be watched, and is taken to live.
class ParentWatch {
 public:
  /// To be made early: a parent that died before cannot be told from one that was never there.
  /// Throws std::system_error if the kernel has no descriptor to give.
  ParentWatch();

  void watch(Poller& poller) const;
  /// True if one of them was gone when `poller` last waited.
  bool is_gone(const Poller& poller) const;

 private:
  std::vector<UniqueFd> ancestors_;
};

/// Whether nobody can write to `fd` any more: the other end of a pipe or socket is closed, a
/// terminal was hung up. End of file on a regular file or /dev/null is no hang-up. To be watched
/// with watch_hang_up() before the wait.
bool is_hung_up(int fd, const Poller& poller);
void watch_hang_up(int fd, Poller& poller);

}  // namespace cluster_leader
