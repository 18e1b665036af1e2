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

/// CLUSTER SETSLOT; false if the node refuses.
bool ClusterGroup::set_slot(std::size_t node, const std::string& what, std::size_t other) const {
  std::vector<std::string> words = {"CLUSTER", "SETSLOT", std::to_string(slot_), what};
  if (what != "STABLE") words.push_back(nodes_.id(other));
  return nodes_.node(node).text(words) == "OK";
}

bool ClusterGroup::begin_move() {
  const std::size_t from = owner();
  for (std::size_t to = 0; to < nodes_.size(); ++to) {
    // A primary of another pair. One that is being replaced refuses.
    if (to % kPrimaries == from % kPrimaries || !set_slot(to, "IMPORTING", from)) continue;
    if (set_slot(from, "MIGRATING", to)) {
      move_ = Move{from, to};
      return true;
    }
    set_slot(to, "STABLE", from);
    return false;
  }
  return false;
}

/// Moves the keys, one by one as an administrator's tool does, and then the slot. If a key cannot
/// be moved, or the nodes have changed, the slot stays.
void ClusterGroup::end_move() {
  const auto [from, to] = *move_;
  move_.reset();
  const std::string slot = std::to_string(slot_);
  const std::string port = std::to_string(nodes_.node(to).port());
  bool is_empty = owner() == from;
  const ServerReply keys = nodes_.node(from).command({"CLUSTER", "GETKEYSINSLOT", slot, "100"});
  for (std::size_t i = 0; i < keys->elements && is_empty; ++i) {
    const std::string moved =
        nodes_.node(from).text({"MIGRATE", "127.0.0.1", port, keys->element[i]->str, "0", "1000"});
    is_empty = moved == "OK" || moved == "NOKEY";
  }
  // Keys that were made meanwhile are on the other node already.
  if (is_empty && set_slot(to, "NODE", to)) {
    set_slot(from, "NODE", to);
  } else {
    set_slot(to, "STABLE", from);
    set_slot(from, "STABLE", to);
  }
}

void ClusterGroup::end(const Fault& fault) {
  if (fault.kind == FaultKind::kReshard && move_) end_move();
  if (!harmed_) return;
  if (fault.kind == FaultKind::kKillPrimary) nodes_.node(*harmed_).start();
  if (fault.kind == FaultKind::kFreeze) nodes_.node(*harmed_).resume();
  if (fault.kind == FaultKind::kKillPrimary || fault.kind == FaultKind::kFreeze) harmed_.reset();
}

}  // namespace cluster_leader::histories
