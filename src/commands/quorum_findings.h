#pragma once

#include <string>
#include <vector>

#include "commands/findings.h"
#include "lease/timeline.h"
#include "store/location.h"
#include "store/measurements.h"

namespace cluster_leader {

/// What was measured at one server of a quorum.
struct MeasuredServer {
  RedisLocation location;
  RedisMeasurements measured;
};

/// Judges each server by itself, and then whether a majority suits leases of that timeline and
/// whether the servers' clocks agree well enough for the tokens.
std::vector<Finding> diagnose_quorum(const std::vector<MeasuredServer>& servers,
                                     const Timeline& timeline);

}  // namespace cluster_leader
