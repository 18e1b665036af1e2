#pragma once

#include "base/poller.h"

namespace cluster_leader {

/// Watches for nobody being left who could write to `fd`, whether or not what was written before
/// has been read: the other end of a pipe or socket is closed, a terminal was hung up. The end of a
/// regular file, /dev/null and a terminal's ^D are no hang-up. Nothing is read.
void watch_hang_up(int fd, Poller& poller);

/// True if that was so when `poller` last waited. It stays so: whoever has acted on it stops
/// watching.
bool is_hung_up(int fd, const Poller& poller);

}  // namespace cluster_leader
