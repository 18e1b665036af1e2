#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "store/location.h"
#include "store/redis/caller.h"
#include "store/redis/view.h"
#include "store/registry.h"

namespace cluster_leader {

/// The leases on one Redis or Valkey server, or on the one that Sentinels name. Stays connected
/// between calls.
class RedisRegistry final : public Registry {
 public:
  explicit RedisRegistry(const RedisLocation& location) : caller_(location) {}
  explicit RedisRegistry(const SentinelLocation& location) : caller_(location) {}

  std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) override;
  std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) override;
  std::variant<LeaseView, Failed> look(const Key& key, Duration patience) override;
  std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                      Duration patience) override;
  void begin(Time deadline) override { caller_.begin(deadline); }
  void watch(Poller& poller) override { caller_.watch(poller); }
  Time wake_at() const override { return caller_.wake_at(); }
  bool advance(const Poller& poller, Time now) override { return caller_.advance(poller, now); }

 private:
  std::variant<std::vector<Key>, Failed> scan(const std::string& prefix, Duration patience,
                                              Time deadline);
  std::variant<Listing, Failed> show_until(std::span<const Key> keys, Duration patience,
                                           Time deadline);
  std::variant<std::vector<Inspection>, Failed> inspect(std::span<const Key> keys, Time deadline);
  Inspection inspect(const Key& key, Time deadline);

  RedisCaller caller_;
};

}  // namespace cluster_leader
