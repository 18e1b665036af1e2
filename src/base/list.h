#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cluster_leader {

/// "a, b and 4 more": at most `most` of the items are named.
std::string list_of(const std::vector<std::string>& items, std::size_t most);

}  // namespace cluster_leader
