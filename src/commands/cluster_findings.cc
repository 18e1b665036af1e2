#include "commands/cluster_findings.h"

#include <string>
#include <utility>

#include "commands/diagnosis.h"
#include "commands/server_findings.h"

namespace cluster_leader {

namespace {

using Result = Finding::Result;

constexpr std::size_t kAllSlots = 16384;

Finding state_of(const ClusterMeasurements& measured) {
  if (measured.state.empty()) {
    return warning("cluster", "not known: CLUSTER INFO is refused",
                   "allow it: ACL SETUSER USER +cluster|info");
  }
  const std::string detail = "state " + measured.state + ", " +
                             std::to_string(measured.primaries.size()) +
                             (measured.primaries.size() == 1 ? " primary" : " primaries");
  if (measured.state == "ok") return ok("cluster", detail);
  return {"cluster", Result::kFailed, detail + ": it serves no keys, or not all of them",
          "see the log of its nodes, and CLUSTER NODES", Trouble::kNotServing};
}

Finding slots_of(const ClusterMeasurements& measured) {
  const std::string detail =
      std::to_string(measured.slots) + " of " + std::to_string(kAllSlots) + " are on some node";
  if (measured.slots >= kAllSlots) return ok("slots", detail);
  return {"slots", Result::kFailed, detail, "run redis-cli --cluster fix", Trouble::kNotServing};
}

/// A node is taken for dead after its timeout, and its replica is elected in about 1.5 s.
Finding node_timeout_of(const ClusterMeasurements& measured, const Timeline& timeline) {
  if (!measured.node_timeout) {
    return warning("node-timeout", "not known: CONFIG is refused",
                   "allow CONFIG GET: ACL SETUSER USER +config|get");
  }
  return survival("node-timeout", *measured.node_timeout, timeline,
                  "set a shorter cluster-node-timeout");
}

}  // namespace

std::vector<Finding> diagnose_cluster(const ClusterMeasurements& measured,
                                      const RedisLocation& node, const Timeline& timeline) {
  if (measured.failure) {
    return {failed("cluster", *measured.failure, advice_for(*measured.failure))};
  }
  std::vector<Finding> all;
  for (const ClusterMeasurements::Primary& primary : measured.primaries) {
    for (Finding& finding :
         diagnose(primary.measured, at(node, primary.endpoint), timeline, /*is_watched=*/true)) {
      finding.server = describe(primary.endpoint);
      all.push_back(std::move(finding));
    }
  }
  all.push_back(state_of(measured));
  all.push_back(slots_of(measured));
  all.push_back(node_timeout_of(measured, timeline));
  return all;
}

}  // namespace cluster_leader
