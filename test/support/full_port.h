#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "base/unique_fd.h"
#include "support/loopback.h"

namespace cluster_leader {

/// A port of this machine whose queue is full: connecting to it neither succeeds nor fails.
class FullPort {
 public:
  FullPort() : number_(listen_at(listener_.get(), loopback(0), /*backlog=*/0)) {
    for (UniqueFd& waiting : waiting_) {
      waiting.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      connect_to(waiting.get(), number_);
    }
  }
  std::uint16_t number() const { return number_; }

 private:
  const UniqueFd listener_ = new_tcp_socket();
  const std::uint16_t number_;
  UniqueFd waiting_[4];
};

}  // namespace cluster_leader
