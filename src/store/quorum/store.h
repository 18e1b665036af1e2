#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "lease/backoff.h"
#include "lease/tally.h"
#include "store/reports.h"
#include "store/store.h"

namespace cluster_leader {

/// Leases on several independent servers, of which a majority decides.
///
/// An acquire asks all servers for their vote, which is their lock and nothing else. If a majority
/// votes for us, the token is larger than every token that these servers know, and a second round
/// writes it to those that voted; the lease is ours once a majority has it. Renewals go to all
/// servers, so that one that has forgotten the lease, or never had it, has it within a heartbeat.
/// If the candidate cannot win, its votes are returned before the answer is given. One that may
/// come late is returned when it has come, as long as this store lives.
///
/// Only so many candidacies ask for votes at the same time, and others wait for their turn: if
/// thousands did, the second round of the first would come after the first round of the last, and
/// none of them would be done in time.
///
/// No server delays an answer by more than limit() if it is silent, whatever the request: then the
/// others decide. It is asked again with the next request.
class QuorumStore final : public Store {
 public:
  struct Server {
    std::string name;  ///< for messages
    std::unique_ptr<Store> store;
  };

  /// REQUIRES: 3 or 5 servers, whose stores have no candidacy yet. `seed` randomizes the pauses
  /// after split votes.
  QuorumStore(std::vector<Server> servers, const Candidate& candidate, std::uint64_t seed);

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

  /// How long the others wait for one server.
  static Duration limit(Duration ttl);

  /// How many candidacies ask for votes at the same time.
  static constexpr std::size_t kMostVoting = 500;

 private:
  /// What a request is doing.
  enum class Step : std::uint8_t { kNone, kVote, kAdopt, kReturn, kRenew, kRelease };
  /// What a server has said to the present step.
  enum class Mark : std::uint8_t { kUnasked, kPending, kYes, kNo, kSilent, kFailed };

  /// A candidacy at one server.
  struct Seat {
    HolderId holder;                        ///< that this server's store uses
    RequestKind kind = RequestKind::kVote;  ///< of the request in flight
    std::uint64_t attempt = 0;              ///< its number; 0: none is in flight
    std::uint64_t step = 0;                 ///< Entry::steps when it was sent
    Time sent_at;
    Time cancel_at = kNever;   ///< when it is given up, and its connection closed
    bool may_hold = false;     ///< the server may have a lock of `holder`
    bool held_before = false;  ///< the same before the request in flight
    Time return_at;            ///< a lock that must be returned is not before then
    Duration return_pause{};   ///< after the last attempt to do that
    Mark mark = Mark::kUnasked;
    Ballot ballot;
    Token other_token;      ///< of the lease in the way; 0: it is only a vote, or not known
    HolderId voted_for;     ///< somebody else who had only its vote, by its last answer
    bool is_stuck = false;  ///< it had said the same before
  };

  struct Entry {
    Key key;
    HolderId holder;
    bool is_spent = false;  ///< votes for `holder` are being returned, so it gets no others
    bool is_burnt = false;  ///< one of these releases was not answered, and may come late
    Request request;        ///< the last one
    bool in_flight = false;
    bool is_voting = false;  ///< it counts in voting_
    bool is_queued = false;  ///< it is to vote when its turn comes
    bool has_place = false;  ///< it is in turns_
    Step step = Step::kNone;
    std::uint64_t steps = 0;  ///< how many there were
    Time silent_at = kNever;  ///< when servers that have not answered the step are left out of it
    bool is_alone = false;    ///< one server is asked for its vote before the others
    Token token;              ///< that is to be adopted
    std::optional<StopRequest> stop{};  ///< somebody asks for the lease of `holder`
    std::vector<Seat> seats;
    Answer result;                  ///< to be given when all votes are returned
    std::optional<Failed> failure;  ///< of a server, with its name
    std::optional<Young> young;     ///< the same
    Backoff backoff;
    unsigned splits = 0;        ///< in a row
    Duration slowest{};         ///< answer of the last vote
    std::uint32_t free_on = 0;  ///< servers that have said so since the last request, as bits
    HolderId freed;             ///< by whom
    Time hint_at = kNever;      ///< when that becomes a hint, though it is no majority
    std::uint32_t taken_on = 0;
    HolderId taker;
    Time armed = kNever;  ///< the time of its entry in queue_
  };

  struct Wake {
    Time at;
    std::size_t candidacy;
    bool operator>(const Wake& other) const { return at > other.at; }
  };

  std::size_t majority() const { return majority_of(servers_.size()); }
  Time due_at(const Entry& entry) const;
  Time unless_heard(Time at, std::size_t server) const;
  void arm(std::size_t candidacy);

  void begin(std::size_t candidacy, Step step);
  void begin_vote(std::size_t candidacy);
  void end_vote(Entry& entry);
  void ask_rest(std::size_t candidacy);
  std::optional<std::size_t> first_to_ask(const Entry& entry) const;
  bool must_return(const Entry& entry, const Seat& seat) const;
  void serve(std::size_t candidacy, std::size_t server);
  void issue(std::size_t candidacy, std::size_t server, const Request& request);
  Request request_of(const Entry& entry) const;

  void handle(std::size_t candidacy, std::size_t server, const Answered& answered);
  void handle(std::size_t candidacy, std::size_t server, const Notice& notice);
  void record_return(std::size_t candidacy, std::size_t server, const Answer& answer);
  void record_ballot(std::size_t candidacy, std::size_t server, const Answer& answer);
  void record_answer(std::size_t candidacy, std::size_t server, const Answer& answer);
  void record_failure(Entry& entry, std::size_t server, const Failed& failure);
  void leave_out_silent(std::size_t candidacy);
  void give_up(std::size_t candidacy, std::size_t server);
  void handle_timers(std::size_t candidacy);

  void progress(std::size_t candidacy);
  void conclude_vote(std::size_t candidacy);
  MajorityAnswer majority_now(const Entry& entry) const;
  void return_votes(std::size_t candidacy, Answer result);
  Answer defeat(Entry& entry, const Verdict& verdict);
  Answer split(Entry& entry, const HolderId& leading);
  Failed no_majority(const Entry& entry) const;
  Lost lost(const Entry& entry) const;
  void finish(std::size_t candidacy, Answer answer);
  void hint(std::size_t candidacy);

  std::vector<Server> servers_;
  std::vector<bool> is_live_;   ///< the server has answered its last request
  std::vector<Time> heard_at_;  ///< when a server last answered anything
  const Duration ttl_;
  const Duration limit_;
  const std::uint64_t seed_;
  std::deque<Entry> entries_;
  std::size_t voting_ = 0;
  std::deque<std::size_t> turns_;  ///< candidacies; one that is not queued any more is skipped
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> queue_;
  Reports reports_;
  std::uint64_t attempts_ = 0;
  Time now_;  ///< of the last call that named it
};

}  // namespace cluster_leader
