// How a RedisStore finds out whether its line still leads to the right server, and goes on over
// another one if not.
#include <algorithm>
#include <utility>

#include "store/redis/store.h"

namespace cluster_leader {

namespace {

/// A holder connects only for every fifth check, and looks up the name for the others, where a
/// connection is dear: under TLS, and where the server does not say which one it is, so that the
/// line is replaced after each.
constexpr unsigned kChecksPerConnection = 5;

}  // namespace

void RedisStore::check_if_due() {
  if (sentinels_ || probe_ || !line_->is_open()) return;
  if (awaits_check()) return begin_check(RedisProbe::Depth::kConnect);
  if (now_ < freshness_.check_at()) return;
  ++checks_;
  const bool is_dear = location_.tls || known_.run_id == "";
  const bool looks_up = is_dear && checks_ % kChecksPerConnection != 0;
  begin_check(looks_up ? RedisProbe::Depth::kLookUp : RedisProbe::Depth::kConnect);
}

void RedisStore::ask_run_id() {
  if (known_.is_run_id_asked) return;
  known_.is_run_id_asked = line_->append(Purpose::kRunId, {"INFO", "server"});
}

void RedisStore::begin_check(RedisProbe::Depth depth) {
  freshness_.forget_check();
  ask_run_id();
  probe_ = std::make_unique<RedisProbe>(*line_, depth, patience_, now_);
}

/// Whether the check is over and both servers are known, as far as they can be.
bool RedisStore::is_check_done() const {
  if (!probe_ || !probe_->result()) return false;
  const bool needs_run_id = std::holds_alternative<RedisProbe::Reached>(*probe_->result());
  return !needs_run_id || known_.run_id || !known_.is_run_id_asked;
}

void RedisStore::conclude_check() {
  if (!is_check_done()) return;
  const std::unique_ptr<RedisProbe> probe = std::move(probe_);
  if (const auto* failed = std::get_if<Failed>(&*probe->result())) {
    freshness_.fail(now_);
    return give_up_unconfirmed(*failed);
  }
  const auto* reached = std::get_if<RedisProbe::Reached>(&*probe->result());
  if (reached == nullptr) return freshness_.confirm_address(probe->begun_at());
  freshness_.confirm(probe->begun_at());
  const bool is_same = !reached->run_id.empty() && known_.run_id == reached->run_id;
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
    held.awaits_check = held.awaits_check && !freshness_.counts(candidacies_[candidacy].granted_at);
    if (held.round != round) is_enough = is_named(round = held.round);
    if (held.awaits_replicas || held.awaits_check || !is_enough) {
      held_.push_back(std::move(held));
    } else {
      finish(candidacy, std::move(held.answer));
    }
  }
}

/// Ends requests whose grants cannot be confirmed, and releases those leases: nobody else could
/// have the key as long as we go on trying.
void RedisStore::give_up_unconfirmed(const Failed& why) {
  Failed failure = why;
  failure.text = "cannot confirm the lease over a new connection: " + why.text;
  failure.unknown = failure.id_spent = true;
  failure.retry_after = candidate_.ttl / 2;
  for (Held& held : std::exchange(held_, {})) {
    const auto [candidacy, attempt, is_unknown] = held.request;
    if (!is_in_flight(candidacy, attempt)) continue;
    if (!held.awaits_check) {
      held_.push_back(std::move(held));
      continue;
    }
    append_release(candidacy);
    // Without memory for it, that has ended the request.
    if (is_in_flight(candidacy, attempt)) finish(candidacy, failure);
  }
}

/// Goes on over `line`, which leads to another server. What was not answered on the old one is
/// asked again there. What was granted by the old server only, ends with its ttl.
void RedisStore::move_to(std::unique_ptr<RedisLine> line, std::string run_id) {
  leave_server();
  line_ = std::move(line);
  begin_connection();
  known_.is_run_id_asked = true;
  known_.run_id = std::move(run_id);
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
  if (node_) {
    for (const Waiting& request : std::exchange(node_->unmarked, {})) waiting_.push_back(request);
  }
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
    const Waiting& request = held.request;
    return request.candidacy == candidacy && !held.awaits_replicas &&
           is_in_flight(request.candidacy, request.attempt);
  });
}

bool RedisStore::awaits_check() const {
  return std::any_of(held_.begin(), held_.end(), [](const Held& one) { return one.awaits_check; });
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
