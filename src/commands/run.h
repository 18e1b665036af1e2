#pragma once

#include "options/options.h"

namespace cluster_leader {

/// `cluster-leader run`: stands for the lease, runs the command under it, releases it. Then the
/// process exits with the status, or dies of the signal that the job has died of, and no destructor
/// runs. Throws std::system_error if the machine refuses what we need.
[[noreturn]] void run(const Options& options);

}  // namespace cluster_leader
