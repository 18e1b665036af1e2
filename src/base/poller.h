#pragma once

#include <poll.h>

#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// The one blocking call of a loop: poll(2) with an absolute deadline on the lease's clock. The
/// deadline is a timerfd, since poll's own timeout stands still while the machine is suspended.
///
/// Each turn: everybody who waits for something calls watch(), then wait() blocks once, and each
/// asks ready() about its own descriptors. Nothing stays registered between turns.
class Poller {
 public:
  /// Throws std::system_error if the kernel has no descriptor to give.
  Poller();

  /// Waits for `events` (POLLIN, POLLOUT) on `fd` in the next wait(). A negative fd is ignored.
  void watch(int fd, short events);

  /// Blocks until a watched descriptor is ready or the clock reaches `deadline` (kNever: no
  /// deadline), then reads the clock once and returns it. Interruption by a signal counts as a
  /// wake-up.
  Time wait(Time deadline);

  /// What the last wait() found on `fd`: POLLIN, POLLOUT, POLLERR, POLLHUP; 0 if nothing.
  short ready(int fd) const;

 private:
  void arm(Time deadline);

  UniqueFd timer_;
  Time armed_ = kNever;  ///< never later than the deadline of the wait
  std::vector<pollfd> watched_;
  std::vector<pollfd> found_;
};

}  // namespace cluster_leader
