#include "store/file_store.h"
#include "store/location.h"
#include "store/redis_store.h"

namespace cluster_leader {

std::unique_ptr<Store> open_store(const Location& location, const Claim& claim, bool listening) {
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return std::make_unique<FileStore>(*file, claim, listening);
  }
  return std::make_unique<RedisStore>(std::get<RedisLocation>(location), claim, listening);
}

}  // namespace cluster_leader
