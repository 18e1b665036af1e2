#pragma once

#include "base/poller.h"

namespace cluster_leader {

/// Watches `fd` for a hang-up: nobody is left who could write to it, because the other end of a
/// pipe or socket is closed or a terminal was closed. It is noticed even if earlier data is unread.
/// The end of a regular file, /dev/null and a terminal's ^D do not count. Nothing is read.
void watch_hangup(int fd, Poller& poller);

/// True if the last wait of `poller` found `fd` hung up. That does not change again, so stop
/// watching it afterwards.
bool is_hung_up(int fd, const Poller& poller);

}  // namespace cluster_leader
