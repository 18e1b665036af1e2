#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "store/location.h"

namespace cluster_leader {

/// A load balancer in front of servers on 127.0.0.1: each connection goes to the backend of the
/// moment at which it was made, and stays there.
class Balancer {
 public:
  /// Listens on a loopback address, on a free port unless one is given.
  explicit Balancer(std::uint16_t backend, const std::string& address = "127.0.0.1",
                    std::uint16_t port = 0);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// New connections go there. 0: they are closed at once.
  void lead_to(std::uint16_t backend) { backend_ = backend; }

  RedisLocation location() const;
  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void serve();

  const std::string address_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<std::uint16_t> backend_;
  std::atomic<int> connections_ = 0;
  UniqueFd stop_;  ///< writable end of a pipe, whose other end ends serve() when it is closed
  UniqueFd stopped_;
  std::thread thread_;
};

}  // namespace cluster_leader
