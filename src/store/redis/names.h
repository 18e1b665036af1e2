#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lease/candidacy.h"
#include "lease/hash_tag.h"

namespace cluster_leader {

/// One of the leases of a key (Candidate::slots). Slot 0 is named as a key is that has only one.
struct LeaseName {
  Key key;
  std::uint32_t slot = 0;
};

/// The string whose value is the holder id. That of slot 0 is the key itself.
std::string lock_name(const Key& key, std::uint32_t slot);

/// The hash that describes the lease. Different leases have different records, and a key shares the
/// hash slot with all names here unless can_share_tag() says no.
std::string record_name(const Key& key, std::uint32_t slot = 0);

/// The lease that has a record of this name; nothing if none has.
std::optional<LeaseName> lease_of_record(std::string_view name);

/// A glob pattern that matches the records of all keys that begin with `prefix`, and few others;
/// lease_of_record() finds out.
std::string records_pattern(std::string_view prefix);

/// The hash that remembers when the server was promoted from a replica, one for each database. In a
/// cluster a colon and a hash tag follow, with which it is in a slot of the node.
inline constexpr std::string_view kPromotionMark = "cluster-leader:primary";

/// The sorted set in which those who wait for `key` are in line.
std::string queue_name(const Key& key);

/// The channel on which changes of the lease of `key` are published.
std::string events_channel(const Key& key);

/// The channel for what concerns only this candidacy, which waits for its key or has it.
std::string own_channel(const Candidacy& candidacy);

/// The channel on which those who wait for `key` are asked to take their places again, since the
/// server may have lost them.
std::string waiters_channel(const Key& key);

/// The key whose channel has this name, as a part of `channel`. REQUIRES: it is an events channel.
std::string_view key_of_channel(std::string_view channel);

}  // namespace cluster_leader
