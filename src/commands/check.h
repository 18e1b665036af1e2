#pragma once

#include <string>
#include <vector>

#include "options/options.h"
#include "store/registry.h"

namespace cluster_leader {

/// `cluster-leader check`: returns 0 if this node holds the key, or one of its slots, otherwise the
/// follower's status. Prints who holds it in the format of --output.
int check(const Options& options);

/// The output of `check` for the `views` of one key, of which there is at least one: one line, or
/// nothing. As JSON it is an object with `key`, `state` (leader: this node; follower: another one;
/// none: nobody runs a job under the key), `node` (this one), and `slot`, `leader`, `host`, `pid`,
/// `token`, `since` and `ttl_remaining_ms` of the lease: that of this node or, if it has none, of
/// the only holder. They are null if there is no such lease or they are not known.
std::string check_line(const Options& options, const std::vector<LeaseView>& views,
                       const Eviction& us);

}  // namespace cluster_leader
