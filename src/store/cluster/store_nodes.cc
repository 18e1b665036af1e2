// The nodes that a ClusterStore knows, and which candidacies have a seat there.
#include <algorithm>
#include <utility>

#include "store/cluster/store.h"

namespace cluster_leader {

namespace {

/// A cluster has fewer nodes.
constexpr std::size_t kMostNodes = 4096;

/// For how long the line to a node stays open when nobody has a seat there.
constexpr Duration kKeepUnused = std::chrono::seconds(5);

}  // namespace

/// The number of the node at `endpoint`, which may be new; kNone if there are too many.
ClusterStore::NodeNumber ClusterStore::node_at(const Endpoint& endpoint) {
  const auto known = number_of_node_.find(describe(endpoint));
  if (known != number_of_node_.end()) return known->second;
  if (nodes_.size() >= kMostNodes && forgotten_.empty()) forget_nodes();
  NodeNumber number = kNone;
  if (!forgotten_.empty()) {
    number = forgotten_.back();
    forgotten_.pop_back();
  } else if (nodes_.size() < kMostNodes) {
    number = static_cast<NodeNumber>(nodes_.size());
    nodes_.emplace_back();
  } else {
    return kNone;
  }
  nodes_[number].endpoint = endpoint;
  number_of_node_.emplace(describe(endpoint), number);
  return number;
}

/// Frees the numbers of nodes that are not in use.
void ClusterStore::forget_nodes() {
  std::vector<bool> is_forgotten(nodes_.size());
  for (std::size_t number = 0; number < nodes_.size(); ++number) {
    const Node& node = nodes_[number];
    if (node.store || node.is_named || node.endpoint.port == 0) continue;
    number_of_node_.erase(describe(node.endpoint));
    nodes_[number] = Node{};
    forgotten_.push_back(static_cast<NodeNumber>(number));
    is_forgotten[number] = true;
  }
  for (NodeNumber& number : node_of_slot_) {
    if (number != kNone && is_forgotten[number]) number = kNone;
  }
  for (Entry& entry : entries_) {
    // Without a seat there.
    if (entry.home != kNone && is_forgotten[entry.home]) entry.home = kNone;
  }
}

/// Where a request goes first: to the node that has the slot. If that did not answer the last time,
/// another one may know who does by now; but if that did not answer either, it is the node's turn.
ClusterStore::NodeNumber ClusterStore::route(Entry& entry) {
  const NodeNumber number = node_of_slot_[entry.slot];
  const bool is_owed = std::exchange(entry.owes_home_a_try, false);
  if (number != kNone && (is_owed || !has_failed(nodes_[number]))) return number;
  return any_but(number);
}

/// A node to ask who has a slot: the first connected one, else the first that has not failed, else
/// the one that failed longest ago. `other` counts as failed.
ClusterStore::NodeNumber ClusterStore::any_but(NodeNumber other) const {
  const auto rank = [&](NodeNumber number) {
    const Node& node = nodes_[number];
    if (number == other || has_failed(node)) return 0;
    return node.store && node.store->is_connected() ? 2 : 1;
  };
  const auto is_better = [&](NodeNumber number, NodeNumber than) {
    if (rank(number) != rank(than)) return rank(number) > rank(than);
    return rank(number) == 0 && nodes_[number].failed_at < nodes_[than].failed_at;
  };
  NodeNumber best = other;
  const auto count = static_cast<NodeNumber>(nodes_.size());
  for (NodeNumber number = 0; number < count; ++number) {
    const bool is_forgotten = nodes_[number].endpoint.port == 0;
    if (!is_forgotten && (best == kNone || is_better(number, best))) best = number;
  }
  return best;
}

bool ClusterStore::has_seat(NodeNumber number, std::uint32_t candidacy) const {
  if (number == kNone) return false;
  const Node& node = nodes_[number];
  const auto seat = node.numbers.find(candidacy);
  return seat != node.numbers.end() && node.seats[seat->second].is_used;
}

/// Returns the number that the candidacy has in the store of that node.
std::uint32_t ClusterStore::take_seat(NodeNumber number, std::uint32_t candidacy) {
  Node& node = nodes_[number];
  Entry& entry = entries_[candidacy];
  if (!node.store) {
    node.store = std::make_unique<RedisStore>(at(location_, node.endpoint), candidate_,
                                              RedisLine::Role::kNode);
  }
  auto seat = node.numbers.find(candidacy);
  if (seat == node.numbers.end()) {
    const auto added = static_cast<std::uint32_t>(node.store->add(entry.key));
    node.seats.push_back({.candidacy = candidacy});
    seat = node.numbers.emplace(candidacy, added).first;
  }
  Seat& taken = node.seats[seat->second];
  if (!std::exchange(taken.is_used, true)) {
    ++node.used;
    const bool has_home = entry.home != number && has_seat(entry.home, candidacy);
    node.store->enter(seat->second, has_home ? nodes_[entry.home].store->past(
                                                   nodes_[entry.home].numbers.at(candidacy))
                                             : std::exchange(entry.past, {}));
  }
  if (taken.term != entry.term) node.store->set_holder(seat->second, entry.holder);
  taken.term = entry.term;
  return seat->second;
}

void ClusterStore::leave_seat(NodeNumber number, std::uint32_t candidacy) {
  if (!has_seat(number, candidacy)) return;
  Node& node = nodes_[number];
  const std::uint32_t seat = node.numbers.at(candidacy);
  Entry& entry = entries_[candidacy];
  node.seats[seat].is_used = false;
  --node.used;
  entry.is_id_spent |= node.seats[seat].term == entry.term && node.store->is_id_spent(seat);
  node.store->leave(seat);
}

/// Nobody has that role any more, and no seat unless it is another one's too.
void ClusterStore::leave(std::uint32_t candidacy, NodeNumber Entry::*role) {
  Entry& entry = entries_[candidacy];
  const NodeNumber number = std::exchange(entry.*role, kNone);
  const bool is_needed = number == entry.home || number == entry.guest || number == entry.scout;
  if (number != kNone && !is_needed) leave_seat(number, candidacy);
}

/// That node has the slot; kNone: the candidacy is nowhere.
void ClusterStore::settle(std::uint32_t candidacy, NodeNumber home) {
  Entry& entry = entries_[candidacy];
  if (home != kNone) node_of_slot_[entry.slot] = home;
  const NodeNumber former = std::exchange(entry.home, home);
  if (former != home && has_seat(former, candidacy)) {
    const Node& node = nodes_[former];
    if (!has_seat(home, candidacy)) entry.past = node.store->past(node.numbers.at(candidacy));
    if (former != entry.guest && former != entry.scout) leave_seat(former, candidacy);
  }
  leave(candidacy, &Entry::guest);
  leave(candidacy, &Entry::scout);
}

/// Closes the lines to nodes where nobody has had a seat for a while.
void ClusterStore::close_unused() {
  for (Node& node : nodes_) {
    if (!node.store) continue;
    if (node.used > 0 || node.store->awaits_slots()) node.used_at = now_;
    if (now_ < node.used_at + kKeepUnused) continue;
    node.store.reset();
    node.seats.clear();
    node.numbers.clear();
  }
}

}  // namespace cluster_leader
