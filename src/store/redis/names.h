#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lease/candidacy.h"
#include "lease/hash_tag.h"

namespace cluster_leader {

/// The hash that describes the lease of `key`. Different keys have different records, and a key
/// shares the slot with its record unless can_share_tag() says no.
std::string record_name(const Key& key);

/// The key that has a record of this name; nothing if no key has.
std::optional<Key> key_of_record(std::string_view name);

/// A glob pattern that matches the records of all keys that begin with `prefix`, and few others;
/// key_of_record() finds out.
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
