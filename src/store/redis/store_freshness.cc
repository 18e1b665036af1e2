// How a RedisStore finds out whether its line still leads to the right server, and goes on over
// another one if not.
#include <algorithm>
#include <utility>

#include "store/redis/store.h"

namespace cluster_leader {

namespace {

/// A holder under TLS connects only for every fifth check, and looks up the name for the others.
constexpr unsigned kChecksPerHandshake = 5;

}  // namespace

void RedisStore::check_if_due() {
  if (sentinels_ || probe_ || !line_->is_open()) return;
  if (awaits_check()) return begin_check(RedisProbe::Depth::kConnect);
  if (now_ < freshness_.check_at()) return;
  ++checks_;
  const bool looks_up = location_.tls && checks_ % kChecksPerHandshake != 0;
  begin_check(looks_up ? RedisProbe::Depth::kLookUp : RedisProbe::Depth::kConnect);
}

void RedisStore::begin_check(RedisProbe::Depth depth) {
  freshness_.forget_check();
  if (!is_run_id_asked_) is_run_id_asked_ = line_->append(Purpose::kInfo, {"INFO", "server"});
  probe_ = std::make_unique<RedisProbe>(*line_, depth, patience_, now_);
}

/// Whether the check is over and both servers are known, as far as they can be.
bool RedisStore::is_check_done() const {
  if (!probe_ || !probe_->result()) return false;
  const bool needs_run_id = std::holds_alternative<RedisProbe::Reached>(*probe_->result());
  return !needs_run_id || run_id_ || !is_run_id_asked_;
}

void RedisStore::conclude_check() {
  if (!is_check_done()) return;
  const std::unique_ptr<RedisProbe> probe = std::move(probe_);
  if (const auto* failed = std::get_if<Failed>(&*probe->result())) {
    freshness_.fail(now_);
    Failed failure = *failed;
    failure.text = "cannot confirm the lease over a new connection: " + failure.text;
    fail_unconfirmed(std::move(failure));
    return;
  }
  const auto* reached = std::get_if<RedisProbe::Reached>(&*probe->result());
  if (reached == nullptr) return freshness_.confirm_address(probe->begun_at());
  freshness_.confirm(probe->begun_at());
  const bool is_same = !reached->run_id.empty() && run_id_ == reached->run_id;
  is_same ? finish_held() : move_to(probe->take_line(), reached->run_id);
}

/// Reports the answers that count by now.
void RedisStore::finish_held() {
  if (held_.empty()) return;
  // Many of them wait for the same round.
  std::uint64_t round = 0;
  bool is_enough = is_named(round);
  for (Held& held : std::exchange(held_, {})) {
    const auto [candidacy, attempt, is_unknown] = held.request;
    if (!is_in_flight(candidacy, attempt)) continue;
    held.awaits_check = held.awaits_check && !freshness_.counts(held.at);
    if (held.round != round) is_enough = is_named(round = held.round);
    if (held.awaits_replicas || held.awaits_check || !is_enough) {
      held_.push_back(std::move(held));
    } else {
      finish(candidacy, std::move(held.answer));
    }
  }
}

/// Goes on over `line`, which leads to another server. What was not answered on the old one is
/// asked again there. What was granted by the old server only, ends with its ttl.
void RedisStore::move_to(std::unique_ptr<RedisLine> line, std::string run_id) {
  leave_server();
  line_ = std::move(line);
  run_id_ = std::move(run_id);
  is_run_id_asked_ = true;
  begin_connection();
  if (events_) events_->reconnect(line_->location());
  append_waiting();
}

/// Closes the line, and keeps what was not answered on it for the next one. REQUIRES: it is open.
void RedisStore::leave_server() {
  line_->flush();
  line_->drain();
  for (const RedisLine::Unanswered& lost : leave_line()) {
    if (!is_in_flight(lost.candidacy, lost.attempt)) continue;
    if (lost.purpose == Purpose::kRequest) {
      waiting_.push_back({lost.candidacy, lost.attempt, /*is_unknown=*/true});
    } else if (lost.purpose == Purpose::kUndo) {
      finish(lost.candidacy, Failed{.trouble = Trouble::kUnreachable,
                                    .text = "the server has changed during a release",
                                    .unknown = true,
                                    .id_spent = true});
    }
  }
  for (const Waiting& request : std::exchange(ageless_, {})) waiting_.push_back(request);
  ask_held_again();
}

/// On the next connection: the same id gets the same lease again.
void RedisStore::ask_held_again() {
  for (const Held& held : std::exchange(held_, {})) {
    waiting_.push_back({held.request.candidacy, held.request.attempt, /*is_unknown=*/true});
  }
}

/// Whether the server has answered all that there is to answer to the request of `candidacy`.
bool RedisStore::awaits_only_check(std::size_t candidacy) const {
  return std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
    return held.request.candidacy == candidacy && !held.awaits_replicas;
  });
}

bool RedisStore::awaits_check() const {
  return std::any_of(held_.begin(), held_.end(), [](const Held& one) { return one.awaits_check; });
}

/// Ends requests whose grants cannot be confirmed. The server may have made them all the same.
void RedisStore::fail_unconfirmed(Failed failure) {
  failure.unknown = true;
  for (Held& held : std::exchange(held_, {})) {
    const auto [candidacy, attempt, is_unknown] = held.request;
    if (!is_in_flight(candidacy, attempt)) continue;
    held.awaits_check ? finish(candidacy, failure) : held_.push_back(std::move(held));
  }
}

/// Ends requests whose answers do not count yet. The server has executed them all the same.
void RedisStore::fail_held(Failed failure) {
  failure.unknown = true;
  for (const Held& held : std::exchange(held_, {})) {
    const auto [candidacy, attempt, is_unknown] = held.request;
    if (is_in_flight(candidacy, attempt)) finish(candidacy, failure);
  }
}

}  // namespace cluster_leader
