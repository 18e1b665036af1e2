#pragma once

#include <vector>

#include "commands/findings.h"
#include "lease/timeline.h"
#include "store/location.h"
#include "store/measurements.h"

namespace cluster_leader {

/// Judges each primary by itself, then the cluster. `node` has the login and the rest of what all
/// nodes have in common.
std::vector<Finding> diagnose_cluster(const ClusterMeasurements& measured,
                                      const RedisLocation& node, const Timeline& timeline);

}  // namespace cluster_leader
