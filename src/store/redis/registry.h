#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "store/location.h"
#include "store/redis/caller.h"
#include "store/redis/names.h"
#include "store/redis/slots.h"
#include "store/redis/view.h"
#include "store/registry.h"

namespace cluster_leader {

/// The leases on one Redis or Valkey server, or on the one that Sentinels name. Stays connected
/// between calls.
class RedisRegistry final : public Registry {
 public:
  /// Who waits is in the queue; in a quorum, which has none, whoever is subscribed to the events of
  /// a key waits for it.
  enum class Waiters : std::uint8_t { kQueued, kSubscribed };

  explicit RedisRegistry(const RedisLocation& location,
                         RedisCaller::Role role = RedisCaller::Role::kPrimary,
                         Waiters waiters = Waiters::kQueued)
      : caller_(location, role), waiters_(waiters), endpoint_{location.host, location.port} {}
  explicit RedisRegistry(const SentinelLocation& location) : caller_(location) {}

  std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) override;
  std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) override;
  std::variant<Listing, Failed> look(const Key& key, Duration patience) override;
  std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                      Duration patience) override;
  void begin(Time deadline) override { caller_.begin(deadline); }
  void watch(Poller& poller) override { caller_.watch(poller); }
  Time wake_at() const override { return caller_.wake_at(); }
  bool advance(const Poller& poller, Time now) override { return caller_.advance(poller, now); }

  // What follows is for the nodes of a cluster (RedisCaller::Role::kNode).

  /// Which node has which slots; empty if it refuses to say.
  std::variant<std::vector<SlotRange>, Failed> slots(Duration patience);
  /// Where the node has said that the key of the last call is, if that has failed for this reason.
  const std::optional<Redirection>& redirection() const { return redirection_; }
  /// The last call has failed since the slot of the key is being moved, and a part of what belongs
  /// to the key is on another node.
  bool is_moving_key() const { return is_moving_key_; }
  /// Whether everything is sent behind ASKING: the slot of the key is being moved to this node.
  void set_asking(bool is_asking) { is_asking_ = is_asking; }

 private:
  using Leases = std::vector<LeaseName>;
  std::variant<Leases, Failed> scan(const std::string& prefix, Duration patience, Time deadline);
  std::variant<Leases, Failed> find(std::span<const Key> keys, Time deadline);
  std::variant<Listing, Failed> show_until(std::span<const LeaseName> leases, Duration patience,
                                           Time deadline);
  std::variant<std::vector<Inspection>, Failed> inspect(std::span<const LeaseName> leases,
                                                        Time deadline);
  Inspection inspect(const LeaseName& lease, Time deadline);
  std::variant<RedisCaller::Replies, Failed> call(std::vector<RedisCaller::Command> commands,
                                                  Time deadline);
  std::variant<ReplyPtr, Failed> call_one(RedisCaller::Command command, Time deadline);
  std::variant<ReplyPtr, Failed> call_script(RedisCaller::Command command, Time deadline);

  /// Whether a part of what belongs to the key of the last call may be on another node.
  bool is_slot_moving() const {
    return is_moving_key_ || (redirection_ && !redirection_->is_for_good);
  }

  RedisCaller caller_;
  Waiters waiters_ = Waiters::kQueued;
  Endpoint endpoint_;
  bool is_asking_ = false;
  std::optional<Redirection> redirection_;
  bool is_moving_key_ = false;
};

}  // namespace cluster_leader
