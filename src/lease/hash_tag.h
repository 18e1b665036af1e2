#pragma once

#include <string_view>

namespace cluster_leader {

/// The part of a key that decides which node of a cluster has it: the text between its first '{'
/// and the next '}' if that is not empty, otherwise the whole key (Redis Cluster specification,
/// "Hash tags").
std::string_view hash_tag(std::string_view key);

/// Whether that is only a part of the key.
bool has_own_tag(std::string_view key);

/// Whether a name around the key can have the same tag, so that one node has both. Not so for a key
/// with a '}' but without a tag of its own.
bool can_share_tag(std::string_view key);

}  // namespace cluster_leader
