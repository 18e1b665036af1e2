#include "process/hang_up.h"

#include <poll.h>

namespace cluster_leader {

// A socket whose peer only writes no more is not told as POLLHUP, which comes unasked.
void watch_hang_up(int fd, Poller& poller) { poller.watch(fd, POLLRDHUP); }

bool is_hung_up(int fd, const Poller& poller) {
  return (poller.ready(fd) & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

}  // namespace cluster_leader
