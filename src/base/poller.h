#pragma once

#include <poll.h>

#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// The one blocking call of a loop: poll(2) with an absolute deadline on the lease's clock. The
/// deadline is a timerfd, since poll's own timeout stands still while the machine is suspended.
///
/// A loop in which nothing ever has to be waited for is a bug: somebody watches what is ready and
/// does not take it, or names a deadline that has passed and does not act on it. It must not burn a
/// core beside the job, nor may it end anything: the loop goes on, and so does every kill, but
/// after kManyTurns waits in which this thread has never slept, wait() takes a millisecond more
/// until there is something to wait for again. A loop with that much to do loses little by it: more
/// is ready at its next turn.
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

  static constexpr int kManyTurns = 4096;

 private:
  void arm(Time deadline);
  void rest_if_spinning(Time deadline);

  UniqueFd timer_;
  Time armed_ = kNever;  ///< never later than the deadline of the wait
  std::vector<pollfd> watched_;
  std::vector<pollfd> found_;
  int turns_ = 0;       ///< since it was last looked whether the loop spins
  long slept_ = 0;      ///< how often this thread had slept by then
  bool spins_ = false;  ///< no wait has slept since
};

}  // namespace cluster_leader
