#include "process/hangup.h"

#include <poll.h>

namespace cluster_leader {

// POLLHUP is always reported, but not for a socket whose peer has only shut down its writing side.
void watch_hangup(int fd, Poller& poller) { poller.watch(fd, POLLRDHUP); }

bool is_hung_up(int fd, const Poller& poller) {
  return (poller.ready(fd) & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

}  // namespace cluster_leader
