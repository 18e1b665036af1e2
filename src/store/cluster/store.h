#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/location.h"
#include "store/redis/store.h"
#include "store/reports.h"
#include "store/store.h"

namespace cluster_leader {

/// Leases in a Redis or Valkey cluster. Each key is on the node that has its slot; a node that does
/// not have it says which one does, having executed nothing, so that a request may go there at
/// once.
///
/// There is a RedisStore for each node that is in use, which does everything that concerns one
/// server. This class knows which node has which slot: from what nodes say about single slots and,
/// with several keys, from CLUSTER SLOTS, asked at most once a second. It need not be right: the
/// nodes are.
class ClusterStore final : public Store {
 public:
  /// Does no I/O yet.
  ClusterStore(const ClusterLocation& location, Candidate candidate);

  std::size_t add(Key key) override;
  void set_holder(std::size_t candidacy, HolderId holder) override;
  void send(std::size_t candidacy, const Request& request, Time now) override;
  void cancel(std::size_t candidacy) override;
  void abandon(std::size_t candidacy) override;
  void watch(Poller& poller) override;
  Time wake_at() const override;
  void advance(const Poller& poller, Time now) override;
  std::optional<StoreEvent> next() override { return reports_.next(); }
  std::string stage(std::size_t candidacy) const override;

 private:
  using NodeNumber = std::uint16_t;
  static constexpr NodeNumber kNone = UINT16_MAX;

  /// A candidacy at one node, whose store has its own numbers for them.
  struct Seat {
    std::uint32_t candidacy = 0;
    std::uint64_t term = 0;  ///< Entry::term when that store was told the holder id
    bool is_used = false;
  };

  struct Node {
    Endpoint endpoint;
    std::unique_ptr<RedisStore> store;                         ///< null: not in use
    std::vector<Seat> seats;                                   ///< by the store's numbers
    std::unordered_map<std::uint32_t, std::uint32_t> numbers;  ///< of the store, by candidacy
    std::size_t used = 0;                                      ///< the number of seats that are
    Time failed_at = Time::min();  ///< when it gave no answer; the minimum: it has given one since
    Time used_at = Time::min();    ///< when it was last seen in use
    bool was_reached = false;
    bool is_named = false;  ///< by the user, and not by another node
  };

  struct Entry {
    Key key;
    HolderId holder;
    std::uint64_t term = 0;  ///< how many holder ids there were
    Request request;         ///< the last one
    Time sent_at;
    bool in_flight = false;
    std::uint16_t slot = 0;
    // Where it has a seat:
    NodeNumber home = kNone;       ///< the node that has its slot, as far as is known
    NodeNumber guest = kNone;      ///< the node that its slot is being moved to
    NodeNumber scout = kNone;      ///< a node that is asked because the home does not answer
    NodeNumber asked = kNone;      ///< one of them: the request in flight was sent to it
    bool owes_home_a_try = false;  ///< the scout that was asked instead has not answered either
    RedisStore::Past past;         ///< of its last home, if it has no seat at the present one
    bool is_id_spent = false;      ///< at a seat that it has left
    unsigned hops = 0;             ///< how many nodes that was sent to
    std::unique_ptr<const Failed> failure;  ///< why one of them could not be reached
  };

  NodeNumber node_at(const Endpoint& endpoint);
  void forget_nodes();
  NodeNumber route(Entry& entry);
  NodeNumber any_but(NodeNumber other) const;
  /// A node that has not answered since then is asked only if another one says so, or if there is
  /// no other: a request that hangs there takes the time of a whole attempt.
  static bool has_failed(const Node& node) { return node.failed_at != Time::min(); }

  bool has_seat(NodeNumber number, std::uint32_t candidacy) const;
  std::uint32_t take_seat(NodeNumber number, std::uint32_t candidacy);
  void leave_seat(NodeNumber number, std::uint32_t candidacy);
  void leave(std::uint32_t candidacy, NodeNumber Entry::*role);
  bool is_id_spent(std::uint32_t candidacy) const;
  void settle(std::uint32_t candidacy, NodeNumber home);
  void ask(std::uint32_t candidacy, NodeNumber number, bool is_asking);

  void handle_node(NodeNumber number);
  void handle(NodeNumber number, std::uint32_t candidacy, const RedisStore::Redirected& redirected);
  void handle(NodeNumber number, std::uint32_t candidacy, const Answered& answered);
  bool try_elsewhere(NodeNumber number, std::uint32_t candidacy, const Failed& failure);
  void record_failure(std::uint32_t candidacy);
  Failed at_node(const Node& node, Failed failure) const;
  void finish(std::uint32_t candidacy, Answer answer);
  void ask_slots(NodeNumber number);
  void learn(const std::vector<SlotRange>& ranges);
  void close_unused();

  const RedisLocation location_;  ///< of a node, without host and port
  const Candidate candidate_;
  std::deque<Entry> entries_;
  std::deque<Node> nodes_;                                      ///< all that were heard of
  std::unordered_map<std::string, NodeNumber> number_of_node_;  ///< by endpoint
  std::vector<NodeNumber> forgotten_;                           ///< numbers that are free again
  std::vector<NodeNumber> node_of_slot_;                        ///< by slot
  Time slots_asked_at_ = Time::min();
  Reports reports_;
  Time now_;  ///< of the last call that named it
};

}  // namespace cluster_leader
