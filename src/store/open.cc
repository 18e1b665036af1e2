// The only file that knows which kinds of store there are.
#include <memory>
#include <variant>

#include "store/file/registry.h"
#include "store/file/store.h"
#include "store/location.h"
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
  return std::make_unique<RedisStore>(std::get<RedisLocation>(location), candidate);
}

std::unique_ptr<Registry> open_registry(const Location& location) {
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return std::make_unique<FileRegistry>(*file);
  }
  if (const auto* sentinels = std::get_if<SentinelLocation>(&location)) {
    return std::make_unique<RedisRegistry>(*sentinels);
  }
  return std::make_unique<RedisRegistry>(std::get<RedisLocation>(location));
}

}  // namespace cluster_leader
