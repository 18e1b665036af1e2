// What each answer of the store does to a term.
#include <algorithm>
#include <cassert>

#include "lease/queue.h"
#include "lease/supervisor.h"

namespace cluster_leader {

namespace {

using Kind = Action::Kind;

}  // namespace

void Supervisor::on(const Answered& event, Time now, Actions& out) {
  if (!awaits(event.attempt)) return;
  const State::InFlight request = *state_.in_flight;
  state_.in_flight.reset();
  if (!std::holds_alternative<Failed>(event.answer)) {
    state_.connected = true;
    state_.contact = Contact::kAnswered;
    state_.busy = state_.young = state_.in_line = false;
    backoff_.reset();
  }
  std::visit([&](const auto& answer) { accept(answer, request, now, out); }, event.answer);
}

void Supervisor::accept(const Granted& answer, const State::InFlight& request, Time now,
                        Actions& out) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  state_.token = answer.token;
  state_.slot = answer.slot;
  if (now >= timeline_.start_by(request.sent_at)) {
    hand_back(now);
    return;
  }
  state_.acquire_unknown = false;
  state_.hinted_for = kNever;
  state_.lease_sent_at = request.sent_at;
  state_.next_send_at = renew_at(request.sent_at);
  state_.phase = Phase::kGranted;
  out.push_back({Kind::kStartJob, {}});
}

void Supervisor::accept(const Voted&, const State::InFlight&, Time, Actions&) {
  assert(false && "a supervisor never asks for a vote");
}

void Supervisor::accept(const Busy& answer, const State::InFlight& request, Time now, Actions&) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  static_cast<void>(request);
  state_.busy = true;
  state_.in_line = answer.place > 0;
  // Wait for the result of the first run that was seen; if that run leaves none, the result of a
  // later one will do.
  if (policy_.join && state_.awaited == Token{}) state_.awaited = answer.token;
  // Whoever has superseded others is as new as the last answer says.
  if (!state_.era || policy_.supersedes) state_.era = answer.era;
  if (answer.is_free && !policy_.waits_while_busy() && policy_.young_patience > Duration::zero()) {
    // Like a young server: whoever is first in line may be dead, and then nobody would run the job
    // this time. Otherwise it has taken the key when we ask again.
    const Time asks_at = after(now, std::min(answer.retry_after, kTurn + kStep));
    state_.give_up_at =
        std::min(after(begin_, policy_.young_patience), after(asks_at, timeline_.connect));
    state_.next_send_at = asks_at;
    return;
  }
  state_.give_up_at = std::min(state_.give_up_at, after(begin_, policy_.busy_patience));
  // A hint that came before the answer may be newer than the answer.
  state_.next_send_at = unless_hinted(after(now, answer.retry_after), now);
  // Try once more before patience ends, since the hint that the key is free may have been lost.
  const Time last_try = state_.give_up_at - timeline_.attempt;
  if (now < last_try) state_.next_send_at = std::min(state_.next_send_at, last_try);
}

void Supervisor::accept(const Superseded&, const State::InFlight& request, Time, Actions& out) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  static_cast<void>(request);
  end_campaign(Outcome::kSuperseded, out);
}

void Supervisor::accept(const Done&, const State::InFlight& request, Time, Actions& out) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  static_cast<void>(request);
  end_campaign(policy_.join ? Outcome::kJoined : Outcome::kFollower, out);
}

void Supervisor::accept(const Renewed& answer, const State::InFlight& request, Time now,
                        Actions& out) {
  assert(request.kind == RequestKind::kRenew);
  // The answer to an earlier renewal does not revive a lease that is being handed back.
  if (state_.lease_sent_at) state_.lease_sent_at = request.sent_at;
  if (answer.stop) {
    give_up_lease(answer.stop->supersedes ? Outcome::kSuperseded : Outcome::kAskedBack, now, out);
  }
  if (state_.phase != Phase::kReleasing) {
    // A hint that came before the answer may be newer than the answer.
    state_.next_send_at = unless_hinted(renew_at(request.sent_at), now);
  }
}

void Supervisor::accept(const Lost&, const State::InFlight& request, Time, Actions& out) {
  assert(request.kind == RequestKind::kRenew);
  static_cast<void>(request);
  state_.lease_sent_at.reset();
  if (job_alive()) {
    if (state_.outcome == Outcome::kNone) state_.outcome = Outcome::kLost;
    // No grace period: another holder's job may already be running.
    if (state_.phase != Phase::kKilling) kill_job(out);
    return;
  }
  if (state_.outcome == Outcome::kNone) {
    state_.outcome = state_.job_ran ? Outcome::kLost : Outcome::kFollower;
  }
  end_term(out);
}

void Supervisor::accept(const Released&, const State::InFlight& request, Time now, Actions& out) {
  assert(request.kind == RequestKind::kRelease || request.kind == RequestKind::kFinish);
  static_cast<void>(request);
  if (state_.phase == Phase::kReleasing) {
    end_term(out);
    return;
  }
  use_new_id(out);
  retry(Duration::zero(), now);
}

void Supervisor::accept(const Young& answer, const State::InFlight& request, Time now,
                        Actions& out) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  static_cast<void>(request);
  state_.contact = Contact::kNone;
  state_.trouble = Trouble::kNotServing;
  state_.young = true;
  state_.in_line = answer.place > 0;
  const Time ready_at = after(now, answer.rest);
  if (ready_at >= after(begin_, policy_.young_patience)) {
    end_campaign(Outcome::kFailed, out);
    return;
  }
  state_.give_up_at = std::max(state_.give_up_at, after(ready_at, timeline_.connect));
  // A hint that came before the answer may be newer than the answer.
  state_.next_send_at = unless_hinted(ready_at, now);
}

/// `at`, or when a hint says that it is time to try, if that is sooner.
Time Supervisor::unless_hinted(Time at, Time now) const {
  return std::min(at, std::max(state_.hinted_for, now));
}

void Supervisor::accept(const Failed& answer, const State::InFlight& request, Time now,
                        Actions& out) {
  const bool is_first = state_.contact == Contact::kAnswered;
  // Any other trouble leaves an open connection open.
  state_.connected = state_.connected && answer.trouble != Trouble::kUnreachable;
  state_.contact = Contact::kNone;
  state_.busy = state_.young = false;
  state_.trouble = answer.trouble;
  if (request.kind == RequestKind::kAcquire && answer.unknown) state_.acquire_unknown = true;
  if (state_.phase == Phase::kCandidate && answer.id_spent) use_new_id(out);
  if (state_.phase == Phase::kReleasing && is_permanent(answer.trouble)) {
    end_term(out);
    return;
  }
  if (state_.phase != Phase::kCandidate) {
    // The deadline decides how long to retry, not the store.
    retry(std::min(answer.retry_after, timeline_.retry_max), now);
  } else {
    retry(answer.retry_after, now);
    if (is_permanent(answer.trouble) || state_.next_send_at >= state_.give_up_at) {
      end_campaign(Outcome::kFailed, out);
      return;
    }
  }
  // After a broken connection the next one often works, so a single failure means little.
  const bool again_at_once = state_.next_send_at - now <= timeline_.retry_max;
  if (is_first && again_at_once) state_.contact = Contact::kFaltering;
}

void Supervisor::hand_back(Time now) {
  state_.handing_back = true;
  state_.trouble = Trouble::kUnreachable;
  state_.next_send_at = now;
}

void Supervisor::use_new_id(Actions& out) {
  // Nothing was ever sent under the new id.
  state_.handing_back = state_.acquire_unknown = false;
  out.push_back({Kind::kNewId, {}});
}

void Supervisor::retry(Duration at_least, Time now) {
  const Duration pause = backoff_.next(timeline_.retry_min, timeline_.retry_max);
  state_.next_send_at = now + std::max(pause, at_least);
}

}  // namespace cluster_leader
