#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cluster_leader {

/// What a server says about itself in reply to INFO. Nothing, or empty, for what it does not say.
struct ServerFacts {
  std::string version;
  std::string run_id;  ///< another one after each start
  std::string role;    ///< "master" or "slave"
  std::optional<std::int64_t> uptime_s;
  std::optional<bool> has_append_file;
  std::string eviction;  ///< maxmemory-policy
  std::optional<std::int64_t> max_memory;
  std::optional<std::int64_t> replicas;
  std::optional<std::int64_t> good_replicas;  ///< nothing if min-replicas-to-write is off
  std::string replication_id{};
  bool was_replica = false;  ///< it has a former replication id
};

}  // namespace cluster_leader
