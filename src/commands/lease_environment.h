#pragma once

#include <string>
#include <vector>

#include "lease/claim.h"
#include "options/options.h"

namespace cluster_leader {

/// Our environment with a lease in it, for a job or a hook. Whatever an outer cluster-leader set
/// does not reach them: without a lease (token 0) there is no holder and no token. Nor does what
/// lets `elect` speak to its service manager, which listens to one process.
std::vector<std::string> lease_environment(const Options& options, const std::string& key,
                                           const HolderId& holder, Token token);

}  // namespace cluster_leader
