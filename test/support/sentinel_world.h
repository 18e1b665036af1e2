#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/location.h"
#include "support/grown_server.h"

namespace cluster_leader {

/// A primary with two replicas, and three Sentinels that watch it as `mymaster`. They take it for
/// dead after a second.
class SentinelWorld {
 public:
  explicit SentinelWorld(const std::string& program = REDIS_SERVER);

  GrownServer& server(std::size_t number) { return *servers_[number]; }
  Server& sentinel(std::size_t number) { return *sentinels_[number]; }

  /// Names the first `count` Sentinels.
  std::string url(std::size_t count = 3, const std::string& monitor = "mymaster") const;
  SentinelLocation location() const;

  /// The number of the server that a majority of the Sentinels names; 3 if there is none.
  std::size_t primary() const;
  /// SENTINEL FAILOVER. Returns when a majority of the Sentinels names another server.
  void fail_over();
  /// Waits until a majority of the Sentinels names another server than that.
  void await_another(std::size_t before) const;

 private:
  std::uint16_t named_by(const Server& sentinel) const;

  std::vector<std::unique_ptr<GrownServer>> servers_;
  std::vector<std::unique_ptr<Server>> sentinels_;
};

}  // namespace cluster_leader
