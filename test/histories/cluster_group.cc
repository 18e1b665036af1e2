#include "histories/cluster_group.h"

namespace cluster_leader::histories {

namespace {

constexpr std::size_t kPrimaries = 3;

}  // namespace

ClusterGroup::ClusterGroup(const Plan& plan)
    : nodes_({.program = plan.is_valkey ? VALKEY_SERVER : REDIS_SERVER}),
      slot_(nodes_.slot_of(kKey)) {}

std::vector<std::string> ClusterGroup::options(int) const {
  return {"--server", nodes_.url({0, 1, 2, 3, 4, 5})};
}

std::size_t ClusterGroup::owner() const {
  // A node that was cut off may still take itself for the owner: two others must agree.
  const std::size_t first = nodes_.owner(slot_, 0);
  for (std::size_t asked = 1; asked < nodes_.size(); ++asked) {
    if (nodes_.owner(slot_, asked) != first) return nodes_.size();
  }
  return first;
}

bool ClusterGroup::begin(const Fault& fault) {
  if (harmed_ || move_) return false;
  const std::size_t primary = owner();
  if (primary >= nodes_.size()) return false;
  const std::size_t replica = (primary + kPrimaries) % nodes_.size();
  switch (fault.kind) {
    case FaultKind::kFailOver:
      return nodes_.node(replica).text({"CLUSTER", "FAILOVER"}) == "OK";
    case FaultKind::kKillPrimary:
      nodes_.node(primary).kill();
      harmed_ = primary;
      return true;
    case FaultKind::kFreeze:
      nodes_.node(primary).pause();
      harmed_ = primary;
      return true;
    case FaultKind::kReshard:
      return begin_move();
    default:
      return false;
  }
}

bool ClusterGroup::begin_move() {
  const std::size_t from = owner();
  // A primary of another pair.
  for (std::size_t to = 0; to < nodes_.size(); ++to) {
    if (to % kPrimaries == from % kPrimaries) continue;
    if (nodes_.node(to).text({"INFO", "replication"}).find("role:master") == std::string::npos) {
      continue;
    }
    nodes_.begin_move(slot_, from, to);
    move_ = Move{from, to};
    return true;
  }
  return false;
}

void ClusterGroup::end_move() {
  const auto [from, to] = *move_;
  move_.reset();
  const ServerReply keys =
      nodes_.node(from).command({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot_), "100"});
  for (std::size_t i = 0; i < keys->elements; ++i) {
    nodes_.move_key(keys->element[i]->str, from, to);
  }
  nodes_.end_move(slot_, from, to);
}

void ClusterGroup::end(const Fault& fault) {
  if (fault.kind == FaultKind::kReshard && move_) end_move();
  if (!harmed_) return;
  if (fault.kind == FaultKind::kKillPrimary) nodes_.node(*harmed_).start();
  if (fault.kind == FaultKind::kFreeze) nodes_.node(*harmed_).resume();
  if (fault.kind == FaultKind::kKillPrimary || fault.kind == FaultKind::kFreeze) harmed_.reset();
}

}  // namespace cluster_leader::histories
