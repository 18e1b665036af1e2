#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lease/claim.h"

namespace cluster_leader {

/// The part of a key that decides its slot in a cluster: what stands between its first '{' and the
/// next '}' if that is not empty, otherwise the whole key (Redis Cluster specification, "Hash
/// tags").
std::string_view hash_tag(std::string_view key);

/// The hash that describes the lease of `key`. Different keys have different records, and a key
/// shares the slot with its record unless shares_slot() says no.
std::string record_name(const Key& key);

/// The key that has a record of this name; nothing if no key has.
std::optional<Key> key_of_record(std::string_view name);

/// The glob pattern that the records of all keys match that begin with `prefix`, and few others:
/// key_of_record() tells those.
std::string records_pattern(std::string_view prefix);

/// The channel on which changes of the lease of `key` are told.
std::string events_channel(const Key& key);

/// The key whose channel has this name, as a part of it. Makes no sense of other names.
std::string_view key_of_channel(std::string_view channel);

/// Whether any name could carry `key` as its hash tag, so that a cluster can run scripts over both.
/// A key with a '}' that belongs to no hash tag of its own cannot.
bool shares_slot(const Key& key);

}  // namespace cluster_leader
