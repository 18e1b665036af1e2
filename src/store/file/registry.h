#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "store/file/record_file.h"
#include "store/location.h"
#include "store/registry.h"

namespace cluster_leader {

/// The leases in a directory on one machine. Reading them changes nothing and needs no right to
/// write.
class FileRegistry final : public Registry {
 public:
  explicit FileRegistry(FileLocation location, bool (*is_shared)(int fd) = is_shared_file_system)
      : location_(std::move(location)), is_shared_(is_shared) {}

  std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) override;
  std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) override;
  std::variant<Listing, Failed> look(const Key& key, Duration patience) override;
  std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                      Duration patience) override;

 private:
  std::variant<LeaseView, Failed> look_until(const Key& key, std::uint32_t slot,
                                             Time deadline) const;
  bool has(const Key& key, std::uint32_t slot) const;
  std::optional<std::variant<Evicted, Failed>> try_to_evict(const Key& key,
                                                            const Eviction& us) const;

  const FileLocation location_;
  bool (*const is_shared_)(int fd);
};

}  // namespace cluster_leader
