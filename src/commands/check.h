#pragma once

#include <string>

#include "options/options.h"
#include "store/registry.h"

namespace cluster_leader {

/// `cluster-leader check`: 0 if this node holds the key, the follower's status if not. Says who
/// does as --output wants it.
int check(const Options& options);

/// What `check` says on stdout about `view`: one line, or nothing. As JSON it is an object with
/// `key`, `state` (leader: this node; follower: another one; none: nobody runs a job under it),
/// `node` (this one), and of the holder, null if there is none or it is not known, `leader`,
/// `host`, `pid`, `token`, `since` and `ttl_remaining_ms`.
std::string check_line(const Options& options, const LeaseView& view, const Eviction& us);

}  // namespace cluster_leader
