// The only file that knows which kinds of store there are.
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.h"
#include "store/cluster/registry.h"
#include "store/cluster/store.h"
#include "store/file/registry.h"
#include "store/file/store.h"
#include "store/location.h"
#include "store/quorum/registry.h"
#include "store/quorum/store.h"
#include "store/redis/registry.h"
#include "store/redis/store.h"

namespace cluster_leader {

std::unique_ptr<Store> open_store(const Location& location, const Candidate& candidate) {
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return std::make_unique<FileStore>(*file, candidate);
  }
  if (const auto* sentinels = std::get_if<SentinelLocation>(&location)) {
    return std::make_unique<RedisStore>(*sentinels, candidate);
  }
  if (const auto* cluster = std::get_if<ClusterLocation>(&location)) {
    return std::make_unique<ClusterStore>(*cluster, candidate);
  }
  if (const auto* quorum = std::get_if<QuorumLocation>(&location)) {
    std::vector<QuorumStore::Server> servers;
    for (const RedisLocation& server : quorum->servers) {
      servers.push_back({short_name(server), open_store(server, candidate)});
    }
    return std::make_unique<QuorumStore>(std::move(servers), candidate, random_u64());
  }
  return std::make_unique<RedisStore>(std::get<RedisLocation>(location), candidate);
}

std::unique_ptr<Registry> open_registry(const Location& location) {
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return std::make_unique<FileRegistry>(*file);
  }
  if (const auto* sentinels = std::get_if<SentinelLocation>(&location)) {
    return std::make_unique<RedisRegistry>(*sentinels);
  }
  if (const auto* cluster = std::get_if<ClusterLocation>(&location)) {
    return std::make_unique<ClusterRegistry>(*cluster);
  }
  if (const auto* quorum = std::get_if<QuorumLocation>(&location)) {
    std::vector<QuorumRegistry::Server> servers;
    for (const RedisLocation& server : quorum->servers) {
      servers.push_back({short_name(server),
                         std::make_unique<RedisRegistry>(server, RedisCaller::Role::kPrimary,
                                                         RedisRegistry::Waiters::kSubscribed)});
    }
    return std::make_unique<QuorumRegistry>(std::move(servers));
  }
  return std::make_unique<RedisRegistry>(std::get<RedisLocation>(location));
}

}  // namespace cluster_leader
