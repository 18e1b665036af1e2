#include "store/file_store.h"
#include "store/location.h"
#include "store/redis/store.h"

namespace cluster_leader {

std::unique_ptr<Store> open_store(const Location& location, const Candidate& candidate) {
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return std::make_unique<FileStore>(*file, candidate);
  }
  return std::make_unique<RedisStore>(std::get<RedisLocation>(location), candidate);
}

}  // namespace cluster_leader
