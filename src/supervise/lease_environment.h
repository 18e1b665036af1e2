#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// What the environment of every job and hook of one process has in common.
struct LeaseEnvironment {
  std::string node;
  Duration ttl{};
  /// `elect` keeps the variables with which a process speaks to its service manager to itself: the
  /// manager listens to one process.
  bool hides_service_manager = false;
};

/// Our environment and the variables of a lease, for a job or a hook. What an outer cluster-leader
/// has set is left out: without a lease (token 0) there is no holder, no token and no slot.
///
/// CLUSTER_LEADER_OUTER has the holder ids of the leases around this one, so that whatever the job
/// starts knows all the leases that wait for its end.
std::vector<std::string> lease_environment(const LeaseEnvironment& common, const std::string& key,
                                           const HolderId& holder, Token token, std::uint32_t slot);

/// The holder ids of all leases that we run under, the innermost last, separated by blanks. A label
/// may contain blanks; the ids differ in their random part. A hook does not run under its own
/// lease, which does not wait for the hook's end.
std::string leases_around_us();

/// Whether our environment says that this process is part of the job of the lease of `holder`, or
/// of a job inside that job. A holder id is random and belongs to one lease, so this is never
/// another key of the same name, nor a leftover of an earlier run in the environment.
bool runs_under(const HolderId& holder);

/// Why a candidate for the key of such a lease is refused, to follow describe_key().
inline constexpr const char* kRefusalOfNested =
    "this process is part of the job that holds the key, and would wait for itself; run the "
    "command without cluster-leader, or choose another --key";

}  // namespace cluster_leader
