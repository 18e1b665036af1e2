#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <thread>

#include "base/unique_fd.h"

namespace cluster_leader {

/// A router between clients and a server, on a port of 127.0.0.1, that can forget connections as a
/// NAT or a firewall does: from then on nothing that either side sends arrives, and neither is told
/// that anything is wrong.
class Nat {
 public:
  explicit Nat(std::uint16_t server_port);
  ~Nat();
  Nat(const Nat&) = delete;
  Nat& operator=(const Nat&) = delete;

  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

  /// Forgets all connections that there are. New ones are passed on.
  void forget() { forget_up_to_ = connections_.load(); }
  /// The same, and passes on no new ones either.
  void cut() { forget_up_to_ = kAll; }

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

  const std::uint16_t server_port_;
  UniqueFd listener_;
  UniqueFd ended_;  ///< an eventfd
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<int> forget_up_to_ = 0;
  std::list<Passage> passages_;  ///< the thread's
  std::thread thread_;
};

}  // namespace cluster_leader
