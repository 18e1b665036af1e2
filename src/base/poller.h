#pragma once

#include <poll.h>

#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// The one blocking call of a loop: poll(2) with an absolute deadline on the lease's clock. The
/// deadline is a timerfd, since poll's own timeout stops while the machine is suspended.
///
/// In each turn every object that waits for something calls watch(), then wait() blocks once, and
/// each object calls ready() for its own descriptors. Nothing stays registered between turns.
///
/// A loop that never sleeps is a bug: something is ready and nobody reads it, or a deadline has
/// passed and nobody acts on it. Such a loop must not use up a core, but it must not stop either,
/// since its kills must happen. So after kManyTurns waits in which this thread has never slept,
/// each wait() pauses for a millisecond until there is something to wait for again. A loop that is
/// only very busy loses little by that: more is ready in its next turn.
class Poller {
 public:
  /// Throws std::system_error if no descriptor is available.
  Poller();

  /// Adds `events` (POLLIN, POLLOUT) on `fd` to the next wait(). A negative fd is ignored.
  void watch(int fd, short events);

  /// Blocks until a watched descriptor is ready or the clock reaches `deadline` (kNever: no
  /// deadline), then reads the clock once and returns it. Interruption by a signal counts as a
  /// wake-up.
  Time wait(Time deadline);

  /// The events of the last wait() on `fd`: POLLIN, POLLOUT, POLLERR, POLLHUP; 0 if none.
  short ready(int fd) const;

  static constexpr int kManyTurns = 4096;

 private:
  void arm(Time deadline);
  void pause_if_spinning(Time deadline);

  UniqueFd timer_;
  Time armed_ = kNever;  ///< never later than the deadline of the wait
  std::vector<pollfd> watched_;
  std::vector<pollfd> found_;
  int turns_ = 0;       ///< since the last check whether the loop spins
  long slept_ = 0;      ///< how often this thread had slept at that check
  bool spins_ = false;  ///< no wait has slept since
};

}  // namespace cluster_leader
