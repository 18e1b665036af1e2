#pragma once

#include <string>

#include "options/options.h"
#include "store/registry.h"

namespace cluster_leader {

/// `cluster-leader check`: 0 if this node holds the key, the follower's status if not. Says who
/// does as --output wants it.
int check(const Options& options);

/// What `check` says on stdout about `view`: one line, or nothing.
std::string check_line(const Options& options, const LeaseView& view, const Eviction& us);

}  // namespace cluster_leader
