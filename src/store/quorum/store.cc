#include "store/quorum/store.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace cluster_leader {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

Duration QuorumStore::limit(Duration ttl) {
  // At most half of Timeline::attempt, so that two rounds fit into it.
  return std::min<Duration>(ttl / 20, milliseconds(500));
}

QuorumStore::QuorumStore(std::vector<Server> servers, const Candidate& candidate,
                         std::uint64_t seed)
    : servers_(std::move(servers)),
      is_live_(servers_.size(), false),
      heard_at_(servers_.size()),
      ttl_(candidate.ttl),
      limit_(limit(candidate.ttl)),
      seed_(seed) {
  assert(servers_.size() == 3 || servers_.size() == 5);
  // Each server would give a vote for a slot of its own choice.
  assert(candidate.slots == 1);
}

std::size_t QuorumStore::add(Key key) {
  const std::size_t number = entries_.size();
  for (const Server& server : servers_) {
    [[maybe_unused]] const std::size_t candidacy = server.store->add(key);
    assert(candidacy == number);
  }
  entries_.push_back({.key = std::move(key),
                      .holder = {},
                      .request = {},
                      .token = {},
                      .seats = std::vector<Seat>(servers_.size()),
                      .result = Failed{},
                      .failure = {},
                      .young = {},
                      .backoff = Backoff(seed_ + number),
                      .freed = {},
                      .taker = {}});
  return number;
}

void QuorumStore::set_holder(std::size_t candidacy, HolderId holder) {
  Entry& entry = entries_[candidacy];
  entry.holder = std::move(holder);
  entry.is_spent = entry.is_burnt = false;
  entry.stop.reset();
}

void QuorumStore::send(std::size_t candidacy, const Request& request, Time now) {
  now_ = now;
  Entry& entry = entries_[candidacy];
  entry.request = request;
  entry.in_flight = true;
  entry.failure.reset();
  entry.young.reset();
  end_vote(entry);
  if (request.kind == RequestKind::kRenew) return begin(candidacy, Step::kRenew);
  if (request.kind != RequestKind::kAcquire) {
    entry.is_spent = true;
    return begin(candidacy, Step::kRelease);
  }
  entry.free_on = 0;
  entry.hint_at = kNever;
  if (entry.is_spent) {
    const bool is_clean = std::none_of(
        entry.seats.begin(), entry.seats.end(),
        [](const Seat& seat) { return seat.attempt != 0 && seat.kind == RequestKind::kRelease; });
    if (!is_clean || entry.is_burnt) {
      finish(candidacy, Failed{.trouble = Trouble::kUnreachable,
                               .text = "votes of an earlier attempt are still being returned",
                               .id_spent = true});
      return;
    }
    // Every release was answered the first time, so that none may come late.
    entry.is_spent = false;
  }
  begin_vote(candidacy);
}

void QuorumStore::cancel(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  for (std::size_t server = 0; server < servers_.size(); ++server) give_up(candidacy, server);
  entry.in_flight = false;
  entry.step = Step::kNone;
  end_vote(entry);
  arm(candidacy);
}

void QuorumStore::abandon(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    servers_[server].store->abandon(candidacy);
    Seat& seat = entry.seats[server];
    seat.attempt = 0;
    seat.may_hold = false;
    seat.mark = Mark::kUnasked;
  }
  entry.in_flight = false;
  entry.is_spent = true;
  entry.step = Step::kNone;
  entry.hint_at = kNever;
  end_vote(entry);
}

void QuorumStore::watch(Poller& poller) {
  for (const Server& server : servers_) server.store->watch(poller);
}

Time QuorumStore::wake_at() const {
  if (!reports_.empty()) return Time::min();
  Time at = queue_.empty() ? kNever : queue_.top().at;
  for (const Server& server : servers_) at = std::min(at, server.store->wake_at());
  return at;
}

void QuorumStore::advance(const Poller& poller, Time now) {
  now_ = now;
  // Answers before timeouts: what has arrived is not late.
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Store& store = *servers_[server].store;
    store.advance(poller, now);
    while (const auto event = store.next()) {
      std::visit([&](const auto& what) { handle(event->candidacy, server, what); }, event->what);
      arm(event->candidacy);
    }
  }
  while (!queue_.empty() && queue_.top().at <= now) {
    const Wake wake = queue_.top();
    queue_.pop();
    Entry& entry = entries_[wake.candidacy];
    if (wake.at != entry.armed) continue;
    entry.armed = kNever;
    if (due_at(entry) <= now) handle_timers(wake.candidacy);
    arm(wake.candidacy);
  }
}

std::string QuorumStore::stage(std::size_t candidacy) const {
  const Entry& entry = entries_[candidacy];
  if (entry.is_queued) return "waiting for the votes for other keys";
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    if (entry.seats[server].attempt == 0) continue;
    return servers_[server].name + ": " + servers_[server].store->stage(candidacy);
  }
  return "waiting for a majority of the servers";
}

Time QuorumStore::due_at(const Entry& entry) const {
  Time at = entry.hint_at;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    const Seat& seat = entry.seats[server];
    if (seat.attempt != 0) at = std::min(at, unless_heard(seat.cancel_at, server));
    if (seat.attempt == 0 && must_return(entry, seat)) at = std::min(at, seat.return_at);
    if (entry.step != Step::kNone && seat.mark == Mark::kPending) {
      at = std::min(at, unless_heard(entry.silent_at, server));
    }
  }
  return at;
}

/// A server that answers other requests is not silent, so it gets more time than until `at`.
Time QuorumStore::unless_heard(Time at, std::size_t server) const {
  return std::max(at, heard_at_[server] + limit_);
}

void QuorumStore::arm(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  const Time at = due_at(entry);
  // An entry that is too early does no harm: advance() replaces it by the right one.
  if (at >= entry.armed) return;
  entry.armed = at;
  queue_.push({at, candidacy});
}

// Asking.

/// Asks all servers, or the first one alone after a split vote.
void QuorumStore::begin(std::size_t candidacy, Step step) {
  Entry& entry = entries_[candidacy];
  entry.step = step;
  ++entry.steps;
  entry.silent_at = now_ + limit_;
  const std::optional<std::size_t> alone =
      step == Step::kVote && entry.splits > 0 ? first_to_ask(entry) : std::nullopt;
  entry.is_alone = alone.has_value();
  if (step == Step::kVote) entry.slowest = {};
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Seat& seat = entry.seats[server];
    if (step == Step::kVote) seat.ballot = {};
    if (step == Step::kAdopt) {
      // A vote that comes late is adopted too.
      const bool may_vote =
          seat.mark == Mark::kYes || (seat.attempt != 0 && seat.kind == RequestKind::kVote);
      seat.mark = may_vote ? Mark::kPending : Mark::kFailed;
    } else {
      seat.mark = !alone || server == *alone ? Mark::kPending : Mark::kUnasked;
    }
    seat.return_at = now_;
    serve(candidacy, server);
  }
  arm(candidacy);
}

/// Begins the vote, or queues it. One that was queued before and has timed out since has kept its
/// place.
void QuorumStore::begin_vote(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  if (voting_ < kMostVoting) {
    entry.is_voting = true;
    ++voting_;
    return begin(candidacy, Step::kVote);
  }
  entry.is_queued = true;
  if (!std::exchange(entry.has_place, true)) turns_.push_back(candidacy);
}

/// Both rounds of it are over, or it is not needed any more: the next ones may begin.
void QuorumStore::end_vote(Entry& entry) {
  entry.is_queued = false;
  if (std::exchange(entry.is_voting, false)) --voting_;
  while (voting_ < kMostVoting && !turns_.empty()) {
    const std::size_t next = turns_.front();
    turns_.pop_front();
    entries_[next].has_place = false;
    if (std::exchange(entries_[next].is_queued, false)) begin_vote(next);
  }
}

/// The other servers after the one that was asked alone.
void QuorumStore::ask_rest(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  entry.is_alone = false;
  entry.silent_at = now_ + limit_;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Seat& seat = entry.seats[server];
    if (seat.mark != Mark::kUnasked) continue;
    seat.mark = Mark::kPending;
    serve(candidacy, server);
  }
}

/// The same for all candidates, as far as it can be: so it decides between them. Nothing: none.
std::optional<std::size_t> QuorumStore::first_to_ask(const Entry& entry) const {
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    if (is_live_[server] && !entry.seats[server].is_stuck) return server;
  }
  return std::nullopt;
}

/// Whether a lock that the server may have must be released before anything else.
bool QuorumStore::must_return(const Entry& entry, const Seat& seat) const {
  if (!seat.may_hold) return false;
  return seat.holder != entry.holder || (entry.is_spent && entry.step != Step::kRelease);
}

/// Sends what is next for this server, unless a request to it is in flight.
void QuorumStore::serve(std::size_t candidacy, std::size_t server) {
  Entry& entry = entries_[candidacy];
  Seat& seat = entry.seats[server];
  if (seat.attempt != 0) return;
  if (must_return(entry, seat)) {
    if (now_ >= seat.return_at)
      issue(candidacy, server, {.kind = RequestKind::kRelease, .token = {}});
    return;
  }
  if (entry.step == Step::kNone || seat.mark != Mark::kPending) return;
  if (entry.step == Step::kReturn) {
    seat.mark = Mark::kYes;
    return;
  }
  if (seat.holder != entry.holder) {
    seat.holder = entry.holder;
    servers_[server].store->set_holder(candidacy, seat.holder);
  }
  issue(candidacy, server, request_of(entry));
}

Request QuorumStore::request_of(const Entry& entry) const {
  Request request = entry.request;
  if (entry.step == Step::kVote) request.kind = RequestKind::kVote;
  if (entry.step == Step::kAdopt) {
    request.kind = RequestKind::kAdopt;
    request.token = entry.token;
  }
  return request;
}

void QuorumStore::issue(std::size_t candidacy, std::size_t server, const Request& request) {
  Entry& entry = entries_[candidacy];
  Seat& seat = entry.seats[server];
  seat.kind = request.kind;
  seat.attempt = ++attempts_;
  seat.step = entry.steps;
  seat.sent_at = now_;
  // As Timeline::attempt and Timeline::connect. Nobody waits for so long.
  const Duration patience = is_live_[server] ? std::min<Duration>(ttl_ / 6, seconds(1))
                                             : std::min<Duration>(ttl_ / 3, seconds(2));
  seat.cancel_at = now_ + patience;
  seat.held_before = seat.may_hold;
  seat.may_hold = true;
  Request numbered = request;
  numbered.attempt = seat.attempt;
  servers_[server].store->send(candidacy, numbered, now_);
}

}  // namespace cluster_leader
