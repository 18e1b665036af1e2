#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/location.h"
#include "support/certificates.h"
#include "support/grown_server.h"
#include "support/relay.h"

namespace cluster_leader {

/// How a SentinelWorld differs from the plain one.
struct SentinelSettings {
  /// The program of all servers and Sentinels, or one for each of the three machines.
  std::vector<std::string> programs = {REDIS_SERVER};
  /// The name of each machine, which is what is announced; empty: addresses are.
  std::vector<std::string> names{};
  /// With it, everything speaks TLS and nothing else, and requires certificates of its clients.
  std::optional<Certificates::Files> certificate{};
  std::string ca{};  ///< that has signed them all
  /// A relay at this address leads to each server and Sentinel, on the same port; empty: none does.
  std::string relay_address{};
};

/// Three machines, each with a server and a Sentinel: a primary with two replicas, which are
/// watched as `mymaster`. The Sentinels take it for dead after a second.
class SentinelWorld {
 public:
  explicit SentinelWorld(const std::string& program = REDIS_SERVER)
      : SentinelWorld(SentinelSettings{.programs = {program}}) {}
  explicit SentinelWorld(const SentinelSettings& settings);

  GrownServer& server(std::size_t number) { return *servers_[number]; }
  Server& sentinel(std::size_t number) { return *sentinels_[number]; }
  /// Where clients reach a server.
  Endpoint endpoint(std::size_t number) const;
  std::string address(std::size_t number) const;  ///< "host:port"

  /// Names the first `count` Sentinels.
  std::string url(std::size_t count = 3, const std::string& monitor = "mymaster") const;
  SentinelLocation location() const;

  /// The number of the server that a majority of the Sentinels names; 3 if there is none.
  std::size_t primary() const;
  /// SENTINEL FAILOVER. Returns when a majority of the Sentinels names another server.
  void fail_over();
  /// Waits until a majority of the Sentinels names another server than that.
  void await_another(std::size_t before) const;

  // What the relays let pass: nothing, and everything again over new connections.
  void cut();
  void mend();

 private:
  std::string host(std::size_t machine) const;
  const std::string& program(std::size_t machine) const;
  std::vector<std::string> tls(std::uint16_t port) const;
  void start_server(std::size_t machine);
  void start_sentinel(std::size_t machine);
  void lead_to(std::uint16_t port);
  std::uint16_t named_by(const Server& sentinel) const;

  const SentinelSettings settings_;
  // What clients connect to: the ports of the programs, or theirs for TLS.
  std::vector<std::uint16_t> server_ports_;
  std::vector<std::uint16_t> sentinel_ports_;
  std::vector<std::unique_ptr<GrownServer>> servers_;
  std::vector<std::unique_ptr<Server>> sentinels_;
  std::vector<std::unique_ptr<Relay>> relays_;
};

}  // namespace cluster_leader
