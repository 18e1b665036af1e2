#pragma once

#include "options/options.h"

namespace cluster_leader {

/// `cluster-leader run`: takes the lease, runs the command under it, releases it. Then the process
/// exits with the status, or dies of the signal that the job has died of, without running
/// destructors. Throws std::system_error if the operating system refuses something.
[[noreturn]] void run(const Options& options);

}  // namespace cluster_leader
