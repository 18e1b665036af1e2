#pragma once

#include "options/options.h"

namespace cluster_leader {

/// `cluster-leader release`: ends the lease of the key if this node holds or has parked it, or with
/// --force whoever does, and says whose it was. Nobody's is as good; another's is status 75.
int release(const Options& options);

}  // namespace cluster_leader
