#pragma once

#include "options/options.h"

namespace cluster_leader {

/// `cluster-leader doctor`: reports whether a server or directory suits leases, and what to change.
/// Returns 0 if no check failed, otherwise the status of the first failure.
int doctor(const Options& options);

}  // namespace cluster_leader
