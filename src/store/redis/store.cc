#include "store/redis/store.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "store/redis/names.h"
#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

/// Between attempts to connect, if there are several candidacies or the last connection broke at
/// once.
constexpr Duration kPauseBetweenConnects = std::chrono::milliseconds(100);

/// For how long the kernel asks after a server that has been silent for Dialer::kIdle. A candidate
/// that waits asks again by its own timer when the lease it has seen would end, which is sooner for
/// every ttl up to that time. Where leases are longer, it learns that its connection is dead long
/// before, and the longer they are, the less it costs to wait for a network that is only slow.
Duration asking_of(const Candidate& candidate) {
  return std::clamp<Duration>(candidate.ttl / 4, std::chrono::seconds(6), std::chrono::seconds(30));
}

Failed no_answer_in_time() {
  return {.trouble = Trouble::kUnreachable,
          .text = "the server did not answer in time, so the connection was closed",
          .unknown = true};
}

std::size_t hash_of(std::string_view holder) { return std::hash<std::string_view>()(holder); }

}  // namespace

RedisStore::RedisStore(RedisLocation location, Candidate candidate, RedisLine::Role role)
    : location_(std::move(location)),
      candidate_(std::move(candidate)),
      patience_(std::min<Duration>(candidate_.ttl / 6, std::chrono::seconds(1))),
      asking_(asking_of(candidate_)),
      line_(std::make_unique<RedisLine>(location_, role, asking_)),
      command_(candidate_),
      freshness_(candidate_.ttl),
      node_(role == RedisLine::Role::kNode ? std::make_unique<Node>() : nullptr) {}

RedisStore::RedisStore(const SentinelLocation& location, Candidate candidate)
    : RedisStore(location.server, std::move(candidate)) {
  sentinels_ = std::make_unique<SentinelWatch>(location, patience_, asking_);
}

std::size_t RedisStore::add(Key key) {
  const std::size_t number = candidacies_.size();
  Entry& entry = candidacies_.emplace_back();
  entry.candidacy.key = std::move(key);
  if (candidate_.listens) {
    candidacy_of_key_.emplace(entry.candidacy.key.value, static_cast<std::uint32_t>(number));
  }
  return number;
}

void RedisStore::set_holder(std::size_t candidacy, HolderId holder) {
  Entry& entry = candidacies_[candidacy];
  entry.former_holder = hash_of(entry.candidacy.holder.value);
  if (std::exchange(entry.id_spent, false)) {
    entry.unreleased = std::make_unique<const HolderId>(std::move(entry.candidacy.holder));
  }
  entry.candidacy.holder = std::move(holder);
  entry.is_near = false;
  // That channel was for the id before.
  if (!hears_all(candidate_)) entry.listening_on = 0;
}

void RedisStore::send(std::size_t candidacy, const Request& request, Time now) {
  start(candidacy, request, now, /*is_asking=*/false);
}

void RedisStore::start(std::size_t candidacy, const Request& request, Time now, bool is_asking) {
  now_ = now;
  Entry& entry = candidacies_[candidacy];
  entry.request = request;
  entry.in_flight = true;
  entry.is_asking = is_asking;
  if (request.kind == RequestKind::kRenew && !probe_ && !sentinels_) freshness_.expect_check();
  entry.round = later_round();
  if (!entry.used) ++used_;
  entry.used = true;
  const auto number = static_cast<std::uint32_t>(candidacy);
  if (takes_lock(request.kind) && entry.id_spent) {
    finish(number, still_releasing());
  } else if (accepts_requests()) {
    append_request(number, By::kSha1);
  } else {
    if (!line_->is_open() && !has_waiting()) address_round_ = entry.round;
    waiting_.push_back({number, request.attempt});
  }
}

void RedisStore::cancel(std::size_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  if (awaits_only_check(candidacy)) {
    // The check goes on, and the next attempt may profit from it.
    entry.in_flight = false;
    return;
  }
  const bool waited = entry.in_flight;
  forget_request(entry);
  // A lookup goes on, for the others and for the next request.
  const auto stage = line_->stage();
  if (!waited || stage == RedisLine::Stage::kLookup || stage == RedisLine::Stage::kClosed) return;
  close(no_answer_in_time());
}

void RedisStore::abandon(std::size_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  if (!entry.used) return;
  entry.used = false;
  --used_;
  if (line_->is_open()) {
    append_unreleased(entry);
    append_release(static_cast<std::uint32_t>(candidacy));
    line_->flush();
  }
  // The next term has another id, and begins with nothing to release.
  entry.id_spent = false;
  entry.unreleased.reset();
  forget_request(entry);
  if (!has_waiting()) line_->stop_connecting();
  if (used_ > 0) return;
  events_.reset();
  line_->drain();
  close({});
}

void RedisStore::watch(Poller& poller) {
  ask_sentinels();
  const bool is_due = line_->stage() != RedisLine::Stage::kClosed || now_ >= open_at_;
  if (!line_->is_open() && is_due && has_waiting() && knows_server()) {
    if (line_->stage() == RedisLine::Stage::kClosed) freshness_.confirm(now_);
    line_->open(patience_, now_);
    handle_events();
  }
  append_wait();
  line_->watch(poller);
  if (sentinels_) sentinels_->watch(poller, now_);
  if (probe_) probe_->watch(poller);
  if (events_) events_->watch(poller, now_);
}

Time RedisStore::wake_at() const {
  // There are events that needed no waiting; and watch() has work to do.
  if (!reports_.empty() || is_check_done()) return Time::min();
  if (node_ && (!node_->redirected.empty() || node_->has_news)) return Time::min();
  Time at = events_ ? events_->wake_at() : kNever;
  if (line_->stage() != RedisLine::Stage::kClosed) {
    at = std::min(at, line_->wake_at());
  } else if (!waiting_.empty() && (!sentinels_ || sentinels_->named(address_round_))) {
    at = std::min(at, open_at_);
  }
  if (sentinels_) return std::min(at, sentinels_->wake_at());
  if (probe_) return std::min(at, probe_->wake_at());
  return line_->is_open() ? std::min(at, freshness_.check_at()) : at;
}

void RedisStore::advance(const Poller& poller, Time now) {
  now_ = now;
  if (!has_waiting()) line_->stop_connecting();
  line_->advance(poller, now);
  handle_events();
  if (sentinels_) sentinels_->advance(poller, now);
  follow_sentinels();
  if (probe_) probe_->advance(poller, now);
  conclude_check();
  check_if_due();
  if (!events_) return;
  events_->advance(poller, now);
  handle_events_of_keys();
}

std::optional<StoreEvent> RedisStore::next() { return reports_.next(); }

std::string RedisStore::stage(std::size_t candidacy) const {
  const bool awaits_check = awaits_only_check(candidacy);
  const bool has_server = line_->stage() != RedisLine::Stage::kClosed;
  if (sentinels_ && (awaits_check || !has_server)) return sentinels_->describe_stage();
  return probe_ && awaits_check ? probe_->describe_stage() : line_->describe_stage();
}

/// Nothing is known yet about the server at the end of the line.
void RedisStore::begin_connection() {
  ++connection_number_;
  taught_at_ = {};
  known_ = {};
  if (node_) forget_node();
  must_wait_ = false;
  age_.emplace(now_);
  connected_at_ = now_;
}

void RedisStore::handle_events() {
  while (const auto event = line_->next()) {
    if (std::holds_alternative<RedisLine::Connected>(*event)) {
      begin_connection();
      append_waiting();
    } else if (const auto* received = std::get_if<Received>(&*event)) {
      handle(*received);
    } else if (const auto* ended = std::get_if<RedisLine::Ended>(&*event)) {
      handle(*ended);
    }
  }
}

void RedisStore::handle_events_of_keys() {
  while (const auto event = events_->next()) {
    if (const auto* subscribed = std::get_if<RedisEvents::Subscribed>(&*event)) {
      reports_.notice(subscribed->candidacy, {Notice::Kind::kFree});
    } else if (const auto* refused = std::get_if<RedisEvents::Refused>(&*event)) {
      handle_refused_channel(refused->candidacy);
    } else {
      handle_message(*std::get<ReplyPtr>(*event));
    }
  }
}

/// If a request waits for the next connection, watch() opens it.
void RedisStore::handle(const RedisLine::Ended& ended) {
  // Each candidacy pauses on its own, and thousands of them together would not pause at all. A
  // connection that breaks as soon as it is there would be made again at once, as often as it goes.
  const bool is_refused = !line_->is_open() && candidacies_.size() > 1;
  const bool is_short =
      line_->is_open() && ended.failure && now_ - connected_at_ < kPauseBetweenConnects;
  if (is_refused || is_short) open_at_ = now_ + kPauseBetweenConnects;
  if (!ended.failure) ask_held_again();
  Failed failure = ended.failure.value_or(Failed{});
  if (node_ && node_->is_asked_for_slots) {
    // It may have been larger than any reply that we read.
    node_->breaks_at_slots = true;
    if (is_permanent(failure.trouble)) failure.trouble = Trouble::kUnreachable;
  }
  close(at_server(std::move(failure)));
}

/// Whether a request waits for a connection.
bool RedisStore::has_waiting() {
  while (!waiting_.empty() && !is_in_flight(waiting_.back().candidacy, waiting_.back().attempt)) {
    waiting_.pop_back();
  }
  return !waiting_.empty();
}

/// Whether the request with this number is still in flight.
bool RedisStore::is_in_flight(std::uint32_t candidacy, std::uint64_t attempt) const {
  const Entry& entry = candidacies_[candidacy];
  return entry.in_flight && entry.request.attempt == attempt;
}

bool RedisStore::is_own(const Entry& entry, std::string_view holder) const {
  if (holder.empty()) return false;
  return holder == entry.candidacy.holder.value || hash_of(holder) == entry.former_holder;
}

void RedisStore::finish(std::uint32_t candidacy, Answer answer) {
  candidacies_[candidacy].in_flight = false;
  if (const auto* granted = std::get_if<Granted>(&answer)) {
    std::vector<Token>& fences = candidacies_[candidacy].fences;
    fences.resize(std::max<std::size_t>(fences.size(), granted->slot + 1));
    fences[granted->slot] = granted->token;
  }
  reports_.answer(candidacy, candidacies_[candidacy].request.attempt, std::move(answer));
}

/// Makes replies to it unreported from now on.
void RedisStore::forget_request(Entry& entry) {
  entry.in_flight = false;
  entry.listening_on = 0;
}

/// Ends requests that are not on their way on this connection.
void RedisStore::fail_waiting(std::vector<Waiting>& requests, Failed failure) {
  for (const Waiting& waiting : std::exchange(requests, {})) {
    failure.unknown = waiting.is_unknown;
    if (is_in_flight(waiting.candidacy, waiting.attempt)) finish(waiting.candidacy, failure);
  }
}

/// Closes the line, which is open. Returns what was not answered on it.
std::vector<RedisLine::Unanswered> RedisStore::leave_line() {
  std::vector<RedisLine::Unanswered> unanswered = line_->close();
  if (node_) node_->is_asked_for_slots = false;
  refused_.clear();
  probe_.reset();
  freshness_.forget_check();
  // The connection would have reported changes of these keys, so they must ask. Those with a
  // request in flight get an answer instead.
  for (std::uint32_t candidacy = 0; candidacy < candidacies_.size(); ++candidacy) {
    Entry& entry = candidacies_[candidacy];
    if (entry.listening_on != connection_number_ || entry.in_flight) continue;
    entry.listening_on = 0;
    reports_.notice(candidacy, {Notice::Kind::kFree});
  }
  return unanswered;
}

/// Closes the line. Requests that wait for an answer on it, or for it to open, get `failure`, which
/// is `unknown` if the server may have executed what was written.
void RedisStore::close(const Failed& failure) {
  // The server may have failed: where to go on is for the Sentinels to say again.
  address_round_ = later_round();
  if (!line_->is_open()) {
    line_->close();
    freshness_.forget_check();
    return fail_waiting(waiting_, failure);
  }
  for (const RedisLine::Unanswered& lost : leave_line()) {
    const bool is_undo = lost.purpose == Purpose::kUndo;
    if (!is_undo && lost.purpose != Purpose::kRequest) continue;
    if (!is_in_flight(lost.candidacy, lost.attempt)) continue;
    Failed lost_answer = failure;
    // What was to be undone has been executed.
    lost_answer.unknown = failure.unknown && (is_undo || lost.is_written);
    lost_answer.id_spent = candidacies_[lost.candidacy].id_spent;
    finish(lost.candidacy, std::move(lost_answer));
  }
  fail_waiting(ageless_, failure);
  if (node_) fail_waiting(node_->unmarked, failure);
  fail_held(failure);
}

}  // namespace cluster_leader
