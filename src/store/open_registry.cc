#include "store/file_registry.h"
#include "store/location.h"
#include "store/redis/registry.h"

namespace cluster_leader {

std::unique_ptr<Registry> open_registry(const Location& location) {
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return std::make_unique<FileRegistry>(*file);
  }
  return std::make_unique<RedisRegistry>(std::get<RedisLocation>(location));
}

}  // namespace cluster_leader
