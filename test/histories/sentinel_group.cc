#include "histories/sentinel_group.h"

namespace cluster_leader::histories {

SentinelGroup::SentinelGroup(const Plan& plan)
    : servers_(plan.is_valkey ? VALKEY_SERVER : REDIS_SERVER) {}

std::vector<std::string> SentinelGroup::options(int) const { return {"--server", servers_.url()}; }

bool SentinelGroup::begin(const Fault& fault) {
  if (harmed_) return false;
  const std::size_t primary = servers_.primary();
  if (primary > 2) return false;
  switch (fault.kind) {
    case FaultKind::kFailOver:
      // Refused while the last one is going on, or no replica is good enough.
      return servers_.sentinel(0).text({"SENTINEL", "FAILOVER", "mymaster"}) == "OK";
    case FaultKind::kKillPrimary:
      servers_.server(primary).kill();
      harmed_ = primary;
      return true;
    case FaultKind::kFreeze:
      servers_.server(primary).pause();
      harmed_ = primary;
      return true;
    default:
      return false;
  }
}

void SentinelGroup::end(const Fault& fault) {
  if (!harmed_) return;
  if (fault.kind == FaultKind::kKillPrimary) servers_.server(*harmed_).start();
  if (fault.kind == FaultKind::kFreeze) servers_.server(*harmed_).resume();
  if (fault.kind != FaultKind::kFailOver) harmed_.reset();
}

}  // namespace cluster_leader::histories
