#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/location.h"

struct redisReply;

namespace cluster_leader {

// The slots of a cluster (Redis Cluster specification, "Key distribution model").

inline constexpr std::size_t kSlots = 16384;

/// The slot of a key.
std::uint16_t slot_of(std::string_view key);

/// A text in braces that gives a key its slot: "{3}".
std::string tag_for(std::uint16_t slot);

/// Some slots and the nodes that have them, in answer to CLUSTER SLOTS.
struct SlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  std::string primary_id;  ///< what the cluster calls it; may be empty
  Endpoint primary;
  std::vector<Endpoint> replicas;
};

/// The ranges in a reply to CLUSTER SLOTS, without those that make no sense; empty if it is an
/// error. `asked` is the node that has answered, whose host is that of every node without one.
std::vector<SlotRange> slots_in(const redisReply& reply, const Endpoint& asked);

/// The range that has `slot`; null if none of them has.
const SlotRange* range_with(std::uint16_t slot, const std::vector<SlotRange>& ranges);

/// The lowest slot of the primary that has `slot`; nothing if `ranges` does not say.
std::optional<std::uint16_t> lowest_slot_beside(std::uint16_t slot,
                                                const std::vector<SlotRange>& ranges);

/// Where a node says that a request must go, of which it has executed nothing.
struct Redirection {
  /// The slot is the other node's. If not, it is being moved there, and only this one request goes
  /// there, behind ASKING.
  bool is_for_good = false;
  std::uint16_t slot = 0;
  Endpoint node;
};

/// The redirection in an error such as "MOVED 3999 10.0.0.3:6379" or "ASK 3999 [host]:6379";
/// nothing if it is none. The host of `asked` is that of a node without one.
std::optional<Redirection> redirection_in(std::string_view error, const Endpoint& asked);

}  // namespace cluster_leader
