#pragma once

#include "options/options.h"

namespace cluster_leader {

/// `cluster-leader run`: stands for the lease, runs the command under it, releases it. Returns the
/// exit status, or does not return where the process must die of a signal as the job did.
/// Throws std::system_error if the machine refuses what we need.
int run(const Options& options);

}  // namespace cluster_leader
