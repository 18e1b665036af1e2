#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"

struct ares_addrinfo;
struct ares_channeldata;

namespace cluster_leader {

/// A socket address.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  /// Whether both are the same address and port.
  bool operator==(const Address& other) const;
};

/// The address that `host` is (IPv4, or IPv6 with or without a zone), or nothing if it is a name
/// that must be looked up.
std::optional<Address> numeric_address(const std::string& host, std::uint16_t port);

/// The address that a socket is connected to; nothing if it is not connected.
std::optional<Address> peer_of(int socket);

/// Looks up one host name, in /etc/hosts and then by DNS, without ever blocking: with a dead name
/// server, getaddrinfo(3) would block the loop for many seconds. Refused memory is a result too:
/// Trouble::kExhausted.
class Resolver {
 public:
  /// At least one address, in the order to try them; or why there is none.
  using Result = std::variant<std::vector<Address>, Failed>;

  /// Begins to look up `host`; a name in /etc/hosts has its result() at once.
  Resolver(const std::string& host, std::uint16_t port, Time now);
  ~Resolver() = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void watch(Poller& poller);
  Time wake_at() const { return wake_at_; }
  void advance(const Poller& poller, Time now);

  /// The result once it is there; nothing before.
  const std::optional<Result>& result() const { return result_; }

 private:
  /// What c-ares has reported.
  struct Found {
    int status;
    std::vector<Address> addresses;
  };
  struct DestroyChannel {
    void operator()(ares_channeldata* channel) const;
  };

  static void on_result(void* self, int status, int timeouts, ares_addrinfo* found) noexcept;
  void set_result();
  void update_wake_at(Time now);

  Time wake_at_ = kNever;
  std::optional<Found> found_;
  std::optional<Result> result_;
  /// Calls on_result() if it is destroyed during a lookup.
  std::unique_ptr<ares_channeldata, DestroyChannel> channel_;
};

}  // namespace cluster_leader
