#include "commands/session.h"

#include <algorithm>
#include <utility>

namespace cluster_leader {

Session::Session(const Supervisor& supervisor, std::unique_ptr<Store> store, std::string where,
                 Reporter& reporter)
    : supervisor_(supervisor),
      store_(std::move(store)),
      where_(std::move(where)),
      reporter_(reporter) {}

Actions Session::tell(const Event& event, Time now) {
  Actions rest;
  for (const Action& action : supervisor_.step(event, now)) {
    switch (action.kind) {
      case Action::Kind::kSend:
        send(action.request, now);
        break;
      case Action::Kind::kCancel:
        note_no_answer();
        store_->cancel();
        break;
      case Action::Kind::kAbandon:
        note_no_answer();
        store_->abandon();
        break;
      case Action::Kind::kStartJob:
      case Action::Kind::kStopJob:
      case Action::Kind::kKillJob:
      case Action::Kind::kFinish:
        rest.push_back(action);
        break;
    }
  }
  return rest;
}

void Session::send(const Request& request, Time now) {
  try {
    store_->send(request, now);
  } catch (const std::system_error& error) {
    note_exhaustion(error);
  }
}

std::optional<Answer> Session::advance_store(const Poller& poller, Time now) {
  try {
    return store_->advance(poller, now);
  } catch (const std::system_error& error) {
    note_exhaustion(error);
    return std::nullopt;
  }
}

void Session::note_exhaustion(const std::system_error& error) {
  if (!supervisor_.state().lease_sent_at) throw error;
  failure_ = error.what();
  reporter_.info(where_ + ": " + failure_);
}

void Session::watch(Poller& poller) {
  if (store_) store_->watch(poller);
}

Time Session::wake_at() const {
  return store_ ? std::min(supervisor_.wake_at(), store_->wake_at()) : supervisor_.wake_at();
}

Actions Session::advance(const Poller& poller, Time now) {
  // The clock before the network: a deadline that has come is not put off by what has arrived.
  Actions rest = tell(Tick{}, now);
  const auto add = [&](Actions more) { rest.insert(rest.end(), more.begin(), more.end()); };
  if (!store_) return rest;
  if (const std::optional<Answer> answer = advance_store(poller, now)) {
    note(*answer, now);
    add(tell(Answered{supervisor_.state().last_attempt, *answer}, now));
    if (std::holds_alternative<Busy>(*answer)) say_who_is_waited_for();
  }
  if (store_->take_hint()) add(tell(Hinted{}, now));
  return rest;
}

void Session::say_who_is_waited_for() {
  if (supervisor_.phase() != Phase::kCandidate || waited_for_ == leader_) return;
  waited_for_ = leader_;
  reporter_.info(where_ + ": waiting; it is held by " + leader_);
}

void Session::note(const Answer& answer, Time now) {
  if (const auto* failed = std::get_if<Failed>(&answer)) {
    failure_ = failed->text;
    reporter_.info(where_ + ": " + failure_);
    return;
  }
  failure_.clear();
  if (const auto* busy = std::get_if<Busy>(&answer)) leader_ = busy->leader;
  if (const auto* lost = std::get_if<Lost>(&answer)) leader_ = lost->leader;
  if (const auto* done = std::get_if<Done>(&answer)) {
    done_ = *done;
    leader_ = done->node;
  }
  if (std::holds_alternative<Renewed>(answer)) {
    ++renewals_;
    slowest_renewal_ =
        std::max<Duration>(slowest_renewal_, now - supervisor_.state().in_flight->sent_at);
  }
}

void Session::note_no_answer() {
  // What failed earlier in the same candidacy says more than that the last attempt ran out of time.
  if (failure_.empty()) failure_ = "no answer in time (" + store_->stage() + ")";
  reporter_.info(where_ + ": " + failure_);
}

}  // namespace cluster_leader
