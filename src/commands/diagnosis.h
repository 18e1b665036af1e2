#pragma once

#include <vector>

#include "commands/findings.h"
#include "lease/timeline.h"
#include "store/location.h"
#include "store/measurements.h"

namespace cluster_leader {

/// Judges the measurements for leases of that timeline: a finding for each check that could begin,
/// in the order in which the checks build on each other.
std::vector<Finding> diagnose(const SentinelMeasurements& measured, const Timeline& timeline);
/// `is_watched`: Sentinels or the other nodes of a cluster say which server is the primary, so that
/// an old one that is cut off does no harm.
std::vector<Finding> diagnose(const RedisMeasurements& measured, const RedisLocation& location,
                              const Timeline& timeline, bool is_watched = false);
std::vector<Finding> diagnose(const FileMeasurements& measured, const Timeline& timeline);

}  // namespace cluster_leader
