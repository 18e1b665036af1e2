#pragma once

#include "options/options.h"

namespace cluster_leader {

/// `cluster-leader elect`: campaigns for every key and reports each change of state, until it is
/// told to stop. Returns the exit status.
int elect(const Options& options);

}  // namespace cluster_leader
