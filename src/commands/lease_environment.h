#pragma once

#include <string>
#include <vector>

#include "lease/claim.h"
#include "options/options.h"

namespace cluster_leader {

/// Our environment with a lease in it, for a job or a hook. Whatever an outer cluster-leader set
/// does not reach them: without a lease (token 0) there is no holder and no token. Nor does what
/// lets `elect` speak to its service manager, which listens to one process.
///
/// The holder ids of the leases around this one go on in CLUSTER_LEADER_OUTER, so that whatever the
/// job starts knows all the leases that wait for its end.
std::vector<std::string> lease_environment(const Options& options, const std::string& key,
                                           const HolderId& holder, Token token);

/// Whether our environment says that this process is part of the job of the lease of `holder`, or
/// of a job inside that. A holder id is random and of one lease only, so that this is no other key
/// of the same name, and nothing that an earlier run has left in the environment.
bool runs_under(const HolderId& holder);

/// Why a candidate for the key of such a lease is refused, to go behind describe_place().
inline constexpr const char* kRefusalOfNested =
    "this process is part of the job that holds the key, and would wait for itself; run the "
    "command without cluster-leader, or choose another --key";

}  // namespace cluster_leader
