#pragma once

#include <string>

#include "options/options.h"
#include "store/registry.h"

namespace cluster_leader {

/// `cluster-leader check`: returns 0 if this node holds the key, otherwise the follower's status.
/// Prints who holds it in the format of --output.
int check(const Options& options);

/// The output of `check` for `view`: one line, or nothing. As JSON it is an object with `key`,
/// `state` (leader: this node; follower: another one; none: nobody runs a job under the key),
/// `node` (this one), and `leader`, `host`, `pid`, `token`, `since` and `ttl_remaining_ms` of the
/// holder, which are null if there is none or they are not known.
std::string check_line(const Options& options, const LeaseView& view, const Eviction& us);

}  // namespace cluster_leader
