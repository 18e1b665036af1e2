#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "store/location.h"
#include "store/redis/registry.h"
#include "store/redis/slots.h"
#include "store/registry.h"

namespace cluster_leader {

/// The leases in a Redis or Valkey cluster. Each node that is asked has its own `patience`, one
/// after the other.
class ClusterRegistry final : public Registry {
 public:
  explicit ClusterRegistry(ClusterLocation location) : location_(std::move(location)) {}

  /// The keys of all primaries. If one of them cannot be asked, the listing has what the others
  /// have, and a failure. Fails if no node says which primaries there are.
  std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) override;
  std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) override;
  std::variant<Listing, Failed> look(const Key& key, Duration patience) override;
  std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                      Duration patience) override;

 private:
  RedisRegistry& node_at(const Endpoint& endpoint);
  std::optional<Failed> find_slots(Duration patience);
  void show_at(const Endpoint& owner, const std::vector<Key>& keys, Duration patience,
               Time deadline, Listing& all);
  void show_one_by_one(const std::vector<Key>& keys, Duration patience, Time deadline,
                       Listing& all);
  const SlotRange* range_of(const Key& key) const;
  template <typename Result>
  std::variant<Result, Failed> ask_owner(
      const Key& key, Duration patience,
      const std::function<std::variant<Result, Failed>(RedisRegistry& node)>& ask);

  const ClusterLocation location_;
  std::vector<SlotRange> ranges_;  ///< by the last find_slots(); empty: not known
  std::map<std::string, std::unique_ptr<RedisRegistry>> nodes_;  ///< by description
};

}  // namespace cluster_leader
