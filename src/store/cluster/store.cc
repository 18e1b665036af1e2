#include "store/cluster/store.h"

#include <algorithm>
#include <utility>

#include "store/failure.h"

namespace cluster_leader {

namespace {

/// A request goes to so many nodes at most. One is usual, two after a slot has moved.
constexpr unsigned kMostHops = 6;

/// CLUSTER SLOTS is asked at most so often.
constexpr Duration kPauseBetweenSlots = std::chrono::seconds(1);

Failed no_agreement() {
  return {.trouble = Trouble::kNotServing,
          .text = "the nodes of the cluster do not agree on which of them has the key: try again",
          .retry_after = std::chrono::milliseconds(100)};
}

}  // namespace

ClusterStore::ClusterStore(const ClusterLocation& location, Candidate candidate)
    : location_(location.node), candidate_(std::move(candidate)), node_of_slot_(kSlots, kNone) {
  for (const Endpoint& endpoint : location.nodes) nodes_[node_at(endpoint)].is_named = true;
}

std::size_t ClusterStore::add(Key key) {
  Entry& entry = entries_.emplace_back();
  entry.slot = slot_of(key.value);
  entry.key = std::move(key);
  return entries_.size() - 1;
}

void ClusterStore::set_holder(std::size_t candidacy, HolderId holder) {
  Entry& entry = entries_[candidacy];
  entry.holder = std::move(holder);
  entry.is_id_spent = false;
  ++entry.term;
}

void ClusterStore::send(std::size_t candidacy, const Request& request, Time now) {
  now_ = now;
  Entry& entry = entries_[candidacy];
  entry.request = request;
  entry.sent_at = now;
  entry.in_flight = true;
  entry.hops = 0;
  entry.failure.reset();
  ask(static_cast<std::uint32_t>(candidacy), route(entry), /*is_asking=*/false);
}

void ClusterStore::cancel(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  if (!std::exchange(entry.in_flight, false)) return;
  const auto number = static_cast<std::uint32_t>(candidacy);
  record_failure(number);
  const Node& node = nodes_[entry.asked];
  node.store->cancel(node.numbers.at(number));
}

void ClusterStore::abandon(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  const auto number = static_cast<std::uint32_t>(candidacy);
  entry.in_flight = false;
  for (const NodeNumber at : {entry.scout, entry.guest, entry.home}) {
    if (has_seat(at, number)) nodes_[at].store->abandon(nodes_[at].numbers.at(number));
  }
  settle(number, kNone);
  entry.is_id_spent = false;
}

void ClusterStore::watch(Poller& poller) {
  close_unused();
  for (Node& node : nodes_) {
    if (node.store) node.store->watch(poller);
  }
}

Time ClusterStore::wake_at() const {
  if (!reports_.empty()) return Time::min();
  Time at = kNever;
  for (const Node& node : nodes_) {
    if (node.store) at = std::min(at, node.store->wake_at());
  }
  return at;
}

void ClusterStore::advance(const Poller& poller, Time now) {
  now_ = now;
  // A node that is heard of on the way has no descriptor yet.
  const std::size_t count = nodes_.size();
  for (std::size_t number = 0; number < count; ++number) {
    if (!nodes_[number].store) continue;
    nodes_[number].store->advance(poller, now);
    handle_node(static_cast<NodeNumber>(number));
  }
}

std::string ClusterStore::stage(std::size_t candidacy) const {
  const Entry& entry = entries_[candidacy];
  if (!entry.in_flight) return "waiting for an answer";
  const Node& node = nodes_[entry.asked];
  const std::uint32_t number = node.numbers.at(static_cast<std::uint32_t>(candidacy));
  return describe(node.endpoint) + ": " + node.store->stage(number);
}

/// Whether the holder id must not acquire any more: a release of it may be on its way to some node.
bool ClusterStore::is_id_spent(std::uint32_t candidacy) const {
  const Entry& entry = entries_[candidacy];
  const auto at = [&](NodeNumber number) {
    if (!has_seat(number, candidacy)) return false;
    const Node& node = nodes_[number];
    const std::uint32_t seat = node.numbers.at(candidacy);
    return node.seats[seat].term == entry.term && node.store->is_id_spent(seat);
  };
  return entry.is_id_spent || at(entry.home) || at(entry.guest) || at(entry.scout);
}

void ClusterStore::ask(std::uint32_t candidacy, NodeNumber number, bool is_asking) {
  Entry& entry = entries_[candidacy];
  if (takes_lock(entry.request.kind) && is_id_spent(candidacy)) {
    return finish(candidacy, still_releasing());
  }
  ++entry.hops;
  entry.asked = number;
  if (is_asking) {
    if (entry.guest != number) leave(candidacy, &Entry::guest);
    entry.guest = number;
  } else if (!has_seat(entry.home, candidacy)) {
    entry.home = number;
  } else if (entry.home != number) {
    if (entry.scout != number) leave(candidacy, &Entry::scout);
    entry.scout = number;
  }
  const std::uint32_t seat = take_seat(number, candidacy);
  RedisStore& store = *nodes_[number].store;
  is_asking ? store.send_asking(seat, entry.request, now_) : store.send(seat, entry.request, now_);
}

void ClusterStore::handle_node(NodeNumber number) {
  Node& node = nodes_[number];
  RedisStore& store = *node.store;
  if (store.is_connected()) node.was_reached = true;
  if (const auto ranges = store.take_slots()) learn(*ranges);
  while (const auto redirected = store.next_redirection()) {
    handle(number, node.seats[redirected->candidacy].candidacy, *redirected);
  }
  while (const auto event = store.next()) {
    const std::uint32_t candidacy = node.seats[event->candidacy].candidacy;
    if (const auto* answered = std::get_if<Answered>(&event->what)) {
      handle(number, candidacy, *answered);
    } else if (entries_[candidacy].home == number) {
      // Nodes pass messages on to each other, so that a former home would only repeat them.
      reports_.notice(candidacy, std::get<Notice>(event->what));
    }
  }
}

void ClusterStore::handle(NodeNumber number, std::uint32_t candidacy,
                          const RedisStore::Redirected& redirected) {
  Entry& entry = entries_[candidacy];
  const bool is_awaited =
      entry.in_flight && entry.asked == number && entry.request.attempt == redirected.attempt;
  if (!is_awaited) return;
  nodes_[number].failed_at = Time::min();
  const NodeNumber next = node_at(redirected.to.node);
  if (next == kNone) return finish(candidacy, no_agreement());
  if (redirected.to.is_for_good) {
    settle(candidacy, next);
    const bool is_old =
        slots_asked_at_ == Time::min() || now_ >= slots_asked_at_ + kPauseBetweenSlots;
    if (entries_.size() > 1 && is_old) ask_slots(number);
  } else if (number != entry.guest && number != entry.home) {
    settle(candidacy, number);
  }
  const bool has_just_failed = nodes_[next].failed_at >= entry.sent_at && entry.failure;
  if (entry.hops >= kMostHops || has_just_failed) {
    return finish(candidacy, has_just_failed ? *entry.failure : no_agreement());
  }
  ask(candidacy, next, !redirected.to.is_for_good);
}

void ClusterStore::handle(NodeNumber number, std::uint32_t candidacy, const Answered& answered) {
  Entry& entry = entries_[candidacy];
  const bool is_awaited =
      entry.in_flight && entry.asked == number && entry.request.attempt == answered.attempt;
  if (!is_awaited) return;
  Node& node = nodes_[number];
  const auto* failed = std::get_if<Failed>(&answered.answer);
  if (failed == nullptr) {
    node.failed_at = Time::min();
    if (entry.guest != number) settle(candidacy, number);
    // Who does more than run a short job must know other nodes when this one fails.
    const bool is_over =
        is_grant(answered.answer) || std::holds_alternative<Released>(answered.answer);
    if (!is_over && slots_asked_at_ == Time::min()) ask_slots(number);
    return finish(candidacy, answered.answer);
  }
  const bool is_away = failed->trouble == Trouble::kUnreachable || node.store->is_out_of_service();
  if (is_away && !failed->id_spent) record_failure(candidacy);
  Failed failure = at_node(node, *failed);
  if (try_elsewhere(number, candidacy, failure)) return;
  // What others say about the cluster says more than that one is gone, and that one more than the
  // next.
  const bool has_others = entry.failure && failure.trouble == Trouble::kUnreachable;
  finish(candidacy, has_others ? *entry.failure : failure);
}

/// Asks another node if this one could not be reached. Nothing was sent to it, and any of them can
/// say which one has the key.
bool ClusterStore::try_elsewhere(NodeNumber number, std::uint32_t candidacy,
                                 const Failed& failure) {
  Entry& entry = entries_[candidacy];
  const bool was_sent = failure.unknown || failure.id_spent;
  if (failure.trouble != Trouble::kUnreachable || was_sent || entry.hops >= kMostHops) return false;
  const NodeNumber other = any_but(number);
  if (other == number || nodes_[other].failed_at >= entry.sent_at) return false;
  if (!entry.failure) entry.failure = std::make_unique<const Failed>(failure);
  ask(candidacy, other, /*is_asking=*/false);
  return true;
}

/// The node that was asked has not answered, or serves nothing.
void ClusterStore::record_failure(std::uint32_t candidacy) {
  Entry& entry = entries_[candidacy];
  nodes_[entry.asked].failed_at = now_;
  if (entry.asked == entry.scout) entry.owes_home_a_try = true;
}

/// Names the node in a failure, since the location names only some of them.
Failed ClusterStore::at_node(const Node& node, Failed failure) const {
  const std::string name = describe(node.endpoint);
  const bool is_only_announced =
      failure.trouble == Trouble::kUnreachable && !node.was_reached && !node.is_named;
  if (!is_only_announced) return from_server(name, std::move(failure));
  failure.text = "the cluster announces " + name +
                 " for this key, which cannot be reached from here (" + failure.text +
                 "): if it is not down, set cluster-announce-ip or cluster-announce-hostname";
  return failure;
}

void ClusterStore::finish(std::uint32_t candidacy, Answer answer) {
  Entry& entry = entries_[candidacy];
  entry.in_flight = false;
  reports_.answer(candidacy, entry.request.attempt, std::move(answer));
}

void ClusterStore::ask_slots(NodeNumber number) {
  slots_asked_at_ = now_;
  nodes_[number].store->ask_slots();
}

void ClusterStore::learn(const std::vector<SlotRange>& ranges) {
  for (const SlotRange& range : ranges) {
    const NodeNumber primary = node_at(range.primary);
    if (primary == kNone) continue;
    const auto begin = node_of_slot_.begin() + range.first;
    std::fill(begin, begin + (range.last - range.first + 1), primary);
    for (const Endpoint& replica : range.replicas) static_cast<void>(node_at(replica));
  }
}

}  // namespace cluster_leader
