#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lease/candidacy.h"

namespace cluster_leader {

/// The part of a key that decides its slot in a cluster: the text between its first '{' and the
/// next
/// '}' if that is not empty, otherwise the whole key (Redis Cluster specification, "Hash tags").
std::string_view hash_tag(std::string_view key);

/// The hash that describes the lease of `key`. Different keys have different records, and a key
/// shares the slot with its record unless shares_slot() says no.
std::string record_name(const Key& key);

/// The key that has a record of this name; nothing if no key has.
std::optional<Key> key_of_record(std::string_view name);

/// A glob pattern that matches the records of all keys that begin with `prefix`, and few others;
/// key_of_record() finds out.
std::string records_pattern(std::string_view prefix);

/// The hash that remembers when the server was promoted from a replica, one for each database. In a
/// cluster a colon and a hash tag follow, with which it is in a slot of the node.
inline constexpr std::string_view kPromotionMark = "cluster-leader:primary";

/// The channel on which changes of the lease of `key` are published.
std::string events_channel(const Key& key);

/// The key whose channel has this name, as a part of `channel`. REQUIRES: it is an events channel.
std::string_view key_of_channel(std::string_view channel);

/// Whether a record name can have the hash tag of `key`, so that a cluster can run scripts over
/// both. Not so for a key with a '}' but without a hash tag of its own.
bool shares_slot(const Key& key);

}  // namespace cluster_leader
