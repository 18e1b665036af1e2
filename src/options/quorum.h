#pragma once

#include <optional>
#include <string>
#include <vector>

#include "options/options.h"

namespace cluster_leader {

/// The URLs in a list with blanks between them. A blank that no URL follows is part of the URL
/// before it, which is then wrong.
std::vector<std::string> urls_in(const std::string& list);

/// One sentence about what is wrong with Options::servers, or with options that a quorum does not
/// have; nothing if it is not a quorum.
std::optional<std::string> fault_of_quorum(const Options& options);

}  // namespace cluster_leader
