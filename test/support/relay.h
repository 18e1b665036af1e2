#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "store/location.h"

namespace cluster_leader {

/// What may be on the way between clients and servers on 127.0.0.1. As a load balancer, it passes
/// each connection on to the backend of the moment at which it was made. As a NAT or a firewall, it
/// can forget connections: from then on nothing that either side sends arrives, and neither is told
/// that anything is wrong.
class Relay {
 public:
  /// Listens on a loopback address, on a free port unless one is given.
  explicit Relay(std::uint16_t backend, const std::string& address = "127.0.0.1",
                 std::uint16_t port = 0);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  RedisLocation location() const;
  std::string url() const { return "redis://" + address_ + ":" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }

  /// New connections go there. 0: they are closed at once.
  void lead_to(std::uint16_t backend) { backend_ = backend; }
  /// Forgets all connections that there are. New ones are passed on.
  void forget() { forget_up_to_ = connections_.load(); }
  /// The same, and passes on no new ones either.
  void cut() { forget_up_to_ = kAll; }
  /// Passes on new connections again.
  void mend() { forget(); }

  /// How many connections there were.
  int connections() const { return connections_; }

 private:
  static constexpr int kAll = 1 << 30;
  struct Passage {
    int number;
    UniqueFd client;
    UniqueFd server;
  };
  void run();
  void accept();
  bool pass_on(const Passage& passage, short client_events, short server_events) const;

  const std::string address_;
  UniqueFd listener_;
  UniqueFd ended_;  ///< an eventfd
  std::uint16_t port_ = 0;
  std::atomic<std::uint16_t> backend_;
  std::atomic<int> connections_ = 0;
  std::atomic<int> forget_up_to_ = 0;
  std::list<Passage> passages_;  ///< the thread's
  std::thread thread_;
};

}  // namespace cluster_leader
