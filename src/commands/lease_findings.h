#pragma once

#include <optional>
#include <vector>

#include "commands/findings.h"
#include "lease/timeline.h"
#include "store/lease_probe.h"

namespace cluster_leader {

/// Adds what a lease that was taken for a try says about leases of that timeline: whether it was
/// granted and kept, how long the answers took, and whether ttl and heartbeat suit that.
void add_lease_findings(std::vector<Finding>& findings, const std::optional<LeaseProbe>& lease,
                        const Timeline& timeline);

}  // namespace cluster_leader
