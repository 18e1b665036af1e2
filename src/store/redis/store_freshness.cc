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
  if (probe_ || !line_->is_open()) return;
  if (!unconfirmed_.empty()) return begin_check(RedisProbe::Depth::kConnect);
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
  is_same ? confirm_grants() : move_to(probe->take_line(), reached->run_id);
}

void RedisStore::confirm_grants() {
  for (const Waiting& request : std::exchange(unconfirmed_, {})) {
    if (!is_in_flight(request.candidacy, request.attempt)) continue;
    const Entry& entry = candidacies_[request.candidacy];
    if (freshness_.counts(entry.granted_at)) {
      finish(request.candidacy, Granted{entry.granted});
    } else {
      unconfirmed_.push_back(request);
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
  for (const Waiting& request : std::exchange(unconfirmed_, {})) {
    if (!is_in_flight(request.candidacy, request.attempt)) continue;
    append_release(request.candidacy);
    if (is_in_flight(request.candidacy, request.attempt)) finish(request.candidacy, failure);
  }
}

/// Goes on over `line`, which leads to another server. What was not answered on the old one is
/// asked again there. What was granted by the old server only, ends with its ttl.
void RedisStore::move_to(std::unique_ptr<RedisLine> line, std::string run_id) {
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
  ask_unconfirmed_again();
  line_ = std::move(line);
  begin_connection();
  known_.is_run_id_asked = true;
  known_.run_id = std::move(run_id);
  if (events_) events_->reconnect();
  append_waiting();
}

/// On the next connection: the same id gets the same lease again.
void RedisStore::ask_unconfirmed_again() {
  for (const Waiting& request : std::exchange(unconfirmed_, {})) {
    waiting_.push_back({request.candidacy, request.attempt, /*is_unknown=*/true});
  }
}

bool RedisStore::is_unconfirmed(std::size_t candidacy) const {
  return std::any_of(unconfirmed_.begin(), unconfirmed_.end(), [&](const Waiting& request) {
    return request.candidacy == candidacy && is_in_flight(request.candidacy, request.attempt);
  });
}

/// Ends requests whose grants cannot be confirmed because the line has ended.
void RedisStore::fail_unconfirmed(const Failed& failure) {
  for (Waiting& request : unconfirmed_) request.is_unknown = true;
  fail_waiting(unconfirmed_, failure);
}

}  // namespace cluster_leader
