#pragma once

#include "options/options.h"

namespace cluster_leader {

/// `cluster-leader doctor`: tells whether a server or directory suits leases, and what to change. 0
/// if nothing failed, else the status of what failed first.
int doctor(const Options& options);

}  // namespace cluster_leader
