#pragma once

#include <string>

#include "commands/findings.h"
#include "lease/timeline.h"
#include "store/measurements.h"

namespace cluster_leader {

/// A warning that `check` is not known, since `command`, for which a user needs `right`, has not
/// told it.
Finding unknown(const char* check, const RedisMeasurements& measured,
                const std::string& command = "INFO", const std::string& right = "info");

/// What to do about a command that the server does not have.
inline constexpr const char* kAdviceForMissing =
    "see rename-command in the server's configuration, or use another server";

/// The server's version, by INFO or by its greeting; may be empty.
std::string version_in(const RedisMeasurements& measured);

// What the server's memory and clock mean for leases of that timeline.

Finding uptime_of(const RedisMeasurements& measured, const Timeline& timeline);
Finding persistence_of(const RedisMeasurements& measured);
Finding eviction_of(const RedisMeasurements& measured);
Finding replicas_of(const RedisMeasurements& measured, bool is_watched);
/// How many replicas must have a lease, against how many there are. REQUIRES: `min_replicas` is
/// more than zero.
Finding min_replicas_of(const RedisMeasurements& measured, int min_replicas);
Finding clock_of(const RedisMeasurements& measured);
/// How many Sentinels answer, and whether they agree.
Finding sentinels_of(const SentinelMeasurements& measured);
/// Whether a lease outlives a failover. REQUIRES: the Sentinels name a primary.
Finding down_after_of(const SentinelMeasurements& measured, const Timeline& timeline);
/// Whether a job outlives the failover of a server that is taken for dead after that time. `advice`
/// is how to shorten it.
Finding survival(const char* check, Duration noticed_after, const Timeline& timeline,
                 const std::string& advice);
/// What the ttl costs where a machine or the server fails.
Finding ttl_of(const Timeline& timeline);

}  // namespace cluster_leader
