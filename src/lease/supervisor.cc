#include "lease/supervisor.h"

#include <algorithm>
#include <cassert>

namespace cluster_leader {

namespace {

using Kind = Action::Kind;

/// `now + d`, where d may be for ever.
Time after(Time now, Duration d) { return d >= kNever - now ? kNever : now + d; }

}  // namespace

Supervisor::Supervisor(const Timeline& timeline, const Policy& policy, std::uint64_t seed,
                       Time begin)
    : timeline_(timeline), policy_(policy), begin_(begin), leased_(true), backoff_(seed) {
  state_.next_send_at = begin;
  state_.give_up_at = after(begin, policy.patience);
}

Supervisor Supervisor::without_lease(const Timeline& timeline, const Policy& policy, Time now) {
  Supervisor supervisor(timeline, policy, 0, now);
  supervisor.leased_ = false;
  supervisor.state_.phase = Phase::kGranted;
  supervisor.state_.give_up_at = kNever;
  return supervisor;
}

void Supervisor::number_on_from(const Supervisor& earlier) {
  assert(!has_asked());
  state_.last_attempt = first_attempt_ = earlier.state_.last_attempt;
}

Actions Supervisor::step(const Event& event, Time now) {
  Actions out;
  // Twice: whatever has arrived, a kill that is due comes first; and what arrived may be a reason.
  enforce_deadlines(now, out);
  std::visit([&](const auto& e) { on(e, now, out); }, event);
  enforce_deadlines(now, out);
  make_requests(now, out);
  return out;
}

Time Supervisor::wake_at() const {
  Time due = kNever;
  if (state_.in_flight) {
    due = state_.in_flight->timeout_at;
  } else if (wants_request()) {
    due = state_.next_send_at;
  }
  if (state_.phase == Phase::kCandidate || state_.phase == Phase::kReleasing) {
    due = std::min(due, state_.give_up_at);
  }
  if (state_.phase == Phase::kGranted && leased_) {
    due = std::min({due, timeline_.start_by(*state_.lease_sent_at), state_.start_at});
  }
  if (state_.phase == Phase::kRunning) due = std::min({due, good_until(), kill_at()});
  if (state_.phase == Phase::kStopping) due = std::min(due, kill_at());
  return due;
}

Time Supervisor::kill_at() const {
  Time due = state_.forced_kill_at;
  if (state_.lease_sent_at) due = std::min(due, timeline_.kill_at(*state_.lease_sent_at));
  return due;
}

Time Supervisor::good_until() const {
  return state_.lease_sent_at ? timeline_.stop_at(*state_.lease_sent_at) : kNever;
}

Time Supervisor::front_deadline(Time now) const {
  if (!leased_ || state_.phase == Phase::kDone) return kNever;
  if (!state_.lease_sent_at) return job_alive() ? now : kNever;
  const Time kill_at = timeline_.kill_at(*state_.lease_sent_at);
  // Nobody can kill better than a supervisor that goes on killing.
  if (state_.phase == Phase::kKilling) return std::max(kill_at, now);
  // Nothing is alive any more, so there is no need to wake anybody before the release has ended.
  return state_.phase == Phase::kReleasing ? std::max(kill_at, state_.give_up_at) : kill_at;
}

Time Supervisor::renew_at(Time sent_at) const {
  return policy_.beat ? timeline_.renew_at(sent_at, *policy_.beat) : timeline_.renew_at(sent_at);
}

bool Supervisor::job_alive() const {
  return state_.phase == Phase::kRunning || state_.phase == Phase::kStopping ||
         state_.phase == Phase::kKilling;
}

bool Supervisor::leads() const {
  switch (state_.phase) {
    case Phase::kRunning:
      return true;
    case Phase::kGranted:
      return state_.job_ran;
    case Phase::kStopping:
    case Phase::kKilling:
      // What a job that is to be started again has left behind.
      return state_.outcome == Outcome::kNone && has_lease() && !state_.stop_forwarded;
    default:
      return false;
  }
}

bool Supervisor::wants_request() const {
  // A lost lease is not renewed: the server has said that it is another's.
  const bool lost = leased_ && !state_.lease_sent_at && job_alive();
  return leased_ && state_.phase != Phase::kDone && !lost;
}

RequestKind Supervisor::next_request() const {
  if (state_.handing_back) return RequestKind::kRelease;
  if (state_.phase == Phase::kReleasing) {
    return state_.job_ran ? RequestKind::kSettle : RequestKind::kRelease;
  }
  return state_.phase == Phase::kCandidate ? RequestKind::kAcquire : RequestKind::kRenew;
}

void Supervisor::enforce_deadlines(Time now, Actions& out) {
  if (state_.phase != Phase::kRunning && state_.phase != Phase::kStopping) return;
  if (now >= kill_at()) {
    const bool slipped = state_.lease_sent_at && now >= timeline_.kill_at(*state_.lease_sent_at);
    if (slipped && state_.outcome == Outcome::kNone) state_.outcome = Outcome::kLost;
    kill_job(out);
  } else if (state_.phase == Phase::kRunning && now >= good_until()) {
    state_.outcome = Outcome::kLost;
    stop_job(now, out);
  }
}

void Supervisor::make_requests(Time now, Actions& out) {
  if (now >= state_.give_up_at) {
    if (state_.in_flight) state_.contact = Contact::kNone;
    if (state_.phase == Phase::kCandidate) {
      give_up_candidacy(state_.busy ? Outcome::kFollower : Outcome::kFailed, out);
    } else if (state_.phase == Phase::kReleasing) {
      // Not heard of in time: the server forgets the lease by itself at the end of its ttl. A plain
      // release in place of a settlement would free the key too early.
      out.push_back({state_.job_ran ? Kind::kCancel : Kind::kAbandon, {}});
      finish(out);
    }
  }
  if (state_.in_flight && now >= state_.in_flight->timeout_at) {
    if (state_.in_flight->kind == RequestKind::kAcquire) state_.acquire_unknown = true;
    state_.in_flight.reset();
    state_.connected = false;
    state_.contact = Contact::kNone;
    state_.busy = state_.young = false;
    state_.trouble = Trouble::kUnreachable;
    out.push_back({Kind::kCancel, {}});
    retry(Duration::zero(), now);
  }
  if (state_.in_flight || !wants_request() || now < state_.next_send_at) return;
  Time timeout_at = now + (state_.connected ? timeline_.attempt : timeline_.connect);
  if (state_.phase == Phase::kCandidate || state_.phase == Phase::kReleasing) {
    timeout_at = std::min(timeout_at, state_.give_up_at);
  }
  const Request request{next_request(), ++state_.last_attempt, state_.token, state_.awaited,
                        state_.result};
  // `now` was read before the store writes anything: the lease that this may bring counts from
  // here.
  state_.in_flight = {request.kind, request.attempt, now, timeout_at};
  state_.hinted = false;
  out.push_back({Kind::kSend, request});
}

void Supervisor::on(const Tick&, Time now, Actions& out) {
  // Only before the start, which looks once more right before it makes the first process; a start
  // that took long has made one all the same.
  if (state_.phase != Phase::kGranted || !leased_) return;
  if (now < timeline_.start_by(*state_.lease_sent_at)) {
    if (now < state_.start_at) return;
    state_.start_at = kNever;
    out.push_back({Kind::kStartJob, {}});
  } else if (state_.job_ran) {
    // It slipped away between two runs, and the term ends with it.
    state_.outcome = Outcome::kLost;
    release(now, out);
  } else {
    // Too late for a job: it goes back, and the candidate stands again as long as its patience
    // lasts.
    state_.phase = Phase::kCandidate;
    state_.lease_sent_at.reset();
    hand_back(now);
  }
}

void Supervisor::on(const Answered& event, Time now, Actions& out) {
  if (!awaits(event.attempt)) return;
  const State::InFlight request = *state_.in_flight;
  state_.in_flight.reset();
  if (!std::holds_alternative<Failed>(event.answer)) {
    state_.connected = true;
    state_.contact = Contact::kAnswered;
    state_.busy = state_.young = false;
    backoff_.reset();
  }
  std::visit([&](const auto& answer) { accept(answer, request, now, out); }, event.answer);
}

void Supervisor::accept(const Granted& answer, const State::InFlight& request, Time now,
                        Actions& out) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  state_.token = answer.token;
  if (now >= timeline_.start_by(request.sent_at)) {
    hand_back(now);
    return;
  }
  state_.acquire_unknown = false;
  state_.hinted = false;
  state_.lease_sent_at = request.sent_at;
  state_.next_send_at = renew_at(request.sent_at);
  state_.phase = Phase::kGranted;
  out.push_back({Kind::kStartJob, {}});
}

void Supervisor::accept(const Busy& answer, const State::InFlight& request, Time now, Actions&) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  static_cast<void>(request);
  state_.busy = true;
  // The first run that was seen is the one to wait for; if it vanishes without a result, that of a
  // later one is as good.
  if (policy_.join && state_.awaited == Token{}) state_.awaited = answer.token;
  state_.give_up_at = std::min(state_.give_up_at, after(begin_, policy_.busy_patience));
  // A hint that came while the answer was under way may be newer than the answer.
  state_.next_send_at = state_.hinted ? now : after(now, answer.retry_after);
  // One last look before patience ends, since the hint that the key is free may have been lost.
  const Time last_look = state_.give_up_at - timeline_.attempt;
  if (now < last_look) state_.next_send_at = std::min(state_.next_send_at, last_look);
}

void Supervisor::accept(const Done&, const State::InFlight& request, Time, Actions& out) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  static_cast<void>(request);
  give_up_candidacy(policy_.join ? Outcome::kJoined : Outcome::kFollower, out);
}

void Supervisor::accept(const Renewed&, const State::InFlight& request, Time now, Actions&) {
  assert(request.kind == RequestKind::kRenew);
  // Otherwise the job is gone, and a lease that is being given back is not held on to.
  if (state_.lease_sent_at) state_.lease_sent_at = request.sent_at;
  if (state_.phase != Phase::kReleasing) {
    // A hint that came while the answer was under way may be newer than the answer.
    state_.next_send_at = state_.hinted ? now : renew_at(request.sent_at);
  }
}

void Supervisor::accept(const Lost&, const State::InFlight& request, Time, Actions& out) {
  assert(request.kind == RequestKind::kRenew);
  static_cast<void>(request);
  state_.lease_sent_at.reset();
  if (job_alive()) {
    if (state_.outcome == Outcome::kNone) state_.outcome = Outcome::kLost;
    // No grace: somebody else may already run.
    if (state_.phase != Phase::kKilling) kill_job(out);
    return;
  }
  if (state_.outcome == Outcome::kNone) {
    state_.outcome = state_.job_ran ? Outcome::kLost : Outcome::kFollower;
  }
  finish(out);
}

void Supervisor::accept(const Released&, const State::InFlight& request, Time now, Actions& out) {
  assert(request.kind == RequestKind::kRelease || request.kind == RequestKind::kSettle);
  static_cast<void>(request);
  if (state_.phase == Phase::kReleasing) {
    finish(out);
    return;
  }
  take_new_id(out);
  retry(Duration::zero(), now);
}

void Supervisor::accept(const Young& answer, const State::InFlight& request, Time now,
                        Actions& out) {
  assert(request.kind == RequestKind::kAcquire && state_.phase == Phase::kCandidate);
  static_cast<void>(request);
  state_.contact = Contact::kNone;
  state_.trouble = Trouble::kNotServing;
  state_.young = true;
  // A hint that came while the answer was under way may be newer than the answer.
  state_.next_send_at = state_.hinted ? now : after(now, answer.rest);
  if (state_.next_send_at >= state_.give_up_at) give_up_candidacy(Outcome::kFailed, out);
}

void Supervisor::accept(const Failed& answer, const State::InFlight& request, Time now,
                        Actions& out) {
  const bool is_first = state_.contact == Contact::kAnswered;
  // What else is in the way leaves the connection, if there was one, as it is.
  state_.connected = state_.connected && answer.trouble != Trouble::kUnreachable;
  state_.contact = Contact::kNone;
  state_.busy = state_.young = false;
  state_.trouble = answer.trouble;
  if (request.kind == RequestKind::kAcquire && answer.unknown) state_.acquire_unknown = true;
  if (state_.phase == Phase::kCandidate && answer.id_spent) take_new_id(out);
  if (state_.phase == Phase::kReleasing && is_permanent(answer.trouble)) {
    finish(out);
    return;
  }
  if (state_.phase != Phase::kCandidate) {
    // The deadline decides, not the store's opinion of how long to wait.
    retry(std::min(answer.retry_after, timeline_.retry_max), now);
  } else {
    retry(answer.retry_after, now);
    if (is_permanent(answer.trouble) || state_.next_send_at >= state_.give_up_at) {
      give_up_candidacy(Outcome::kFailed, out);
      return;
    }
  }
  // What broke a connection is often over with the next one, so that one failure says little.
  const bool again_at_once = state_.next_send_at - now <= timeline_.retry_max;
  if (is_first && again_at_once) state_.contact = Contact::kFaltering;
}

void Supervisor::on(const Hinted&, Time now, Actions&) {
  const bool is_candidate = state_.phase == Phase::kCandidate;
  const bool holds = state_.phase == Phase::kGranted || state_.phase == Phase::kRunning ||
                     state_.phase == Phase::kStopping;
  if (!is_candidate && !holds) return;
  if (state_.in_flight) {
    state_.hinted = true;
  } else if (is_candidate ? state_.busy || state_.young : state_.contact == Contact::kAnswered) {
    state_.next_send_at = now;
  }
}

void Supervisor::on(const AbortAsked&, Time now, Actions& out) {
  if (state_.phase == Phase::kCandidate) {
    give_up_candidacy(Outcome::kAborted, out);
  } else if (state_.phase == Phase::kGranted) {
    state_.outcome = Outcome::kAborted;
    release(now, out);
  }
}

void Supervisor::on(const ResignAsked&, Time now, Actions& out) {
  if (state_.phase == Phase::kRunning) {
    state_.outcome = Outcome::kResigned;
    stop_job(now, out);
  } else if (state_.phase == Phase::kGranted && state_.job_ran) {
    state_.outcome = Outcome::kResigned;
    release(now, out);
  } else if (job_alive()) {
    // It is ending already; what would have been started again is not.
    if (policy_.restarts && state_.outcome == Outcome::kNone) state_.outcome = Outcome::kResigned;
  } else {
    on(AbortAsked{}, now, out);
  }
}

void Supervisor::on(const JobStarted&, Time now, Actions&) {
  assert(state_.phase == Phase::kGranted && state_.start_at == kNever);
  state_.phase = Phase::kRunning;
  state_.ran_before = state_.job_ran;
  state_.job_ran = true;
  state_.started_at = now;
}

void Supervisor::on(const StartFailed&, Time now, Actions& out) {
  assert(state_.phase == Phase::kGranted);
  state_.outcome = Outcome::kNotStarted;
  release(now, out);
}

void Supervisor::on(const JobExited&, Time now, Actions& out) {
  if (state_.phase != Phase::kRunning) return;
  // What is started again has not ended the term.
  if (!policy_.restarts) state_.outcome = Outcome::kJobEnded;
  stop_job(now, out);
}

void Supervisor::on(const TreeGone& event, Time now, Actions& out) {
  if (!job_alive()) return;
  if (state_.outcome == Outcome::kNone) {
    if (policy_.restarts && state_.lease_sent_at && event.result && !state_.stop_forwarded) {
      restart_job(now, out);
      return;
    }
    state_.outcome = Outcome::kJobEnded;
  }
  // A job that was made to end has no result: this node is going away, and others take over.
  if (state_.outcome == Outcome::kJobEnded && !state_.stop_forwarded) {
    state_.result = event.result;
    // Nothing has run, and another node may have the command.
    state_.job_ran = event.result.has_value() || state_.ran_before;
  }
  if (leased_ && !state_.lease_sent_at) {
    finish(out);
  } else {
    release(now, out);
  }
}

void Supervisor::on(const StopForwarded&, Time now, Actions&) {
  if (job_alive()) state_.stop_forwarded = true;
  if (policy_.kill_after_forwarded && job_alive()) {
    state_.forced_kill_at = std::min(state_.forced_kill_at, after(now, timeline_.kill_after));
  }
}

void Supervisor::on(const FrontGone&, Time now, Actions& out) {
  if (state_.phase == Phase::kCandidate) {
    give_up_candidacy(Outcome::kFrontGone, out);
  } else if (state_.phase == Phase::kGranted) {
    state_.outcome = Outcome::kFrontGone;
    release(now, out);
  } else if (job_alive()) {
    state_.outcome = Outcome::kFrontGone;
    if (state_.phase != Phase::kKilling) kill_job(out);
  }
}

void Supervisor::give_up_candidacy(Outcome outcome, Actions& out) {
  // Unless the server has answered everything that we sent, a lease of ours may stand there, or
  // come to stand there: the id is given back without waiting.
  const bool may_stand = state_.in_flight || state_.acquire_unknown || state_.handing_back;
  if (may_stand) out.push_back({Kind::kAbandon, {}});
  state_.outcome = outcome;
  finish(out);
}

void Supervisor::hand_back(Time now) {
  state_.handing_back = true;
  state_.trouble = Trouble::kUnreachable;
  state_.next_send_at = now;
}

void Supervisor::take_new_id(Actions& out) {
  // Nothing was ever sent under the new one.
  state_.handing_back = state_.acquire_unknown = false;
  out.push_back({Kind::kNewId, {}});
}

void Supervisor::stop_job(Time now, Actions& out) {
  state_.phase = Phase::kStopping;
  state_.forced_kill_at = std::min(state_.forced_kill_at, after(now, timeline_.kill_after));
  out.push_back({Kind::kStopJob, {}});
}

void Supervisor::kill_job(Actions& out) {
  state_.phase = Phase::kKilling;
  out.push_back({Kind::kKillJob, {}});
}

void Supervisor::restart_job(Time now, Actions& out) {
  // A command that fails at once is not to keep the machine busy.
  constexpr Duration kShortest = std::chrono::seconds(1);
  const Duration longest = std::min<Duration>(timeline_.ttl, std::chrono::minutes(1));
  const Duration ran = now - state_.started_at;
  if (ran >= longest) state_.restart_pause = Duration::zero();
  state_.start_at = now;
  if (ran < kShortest) {
    state_.restart_pause = std::clamp(2 * state_.restart_pause, kShortest, longest);
    state_.start_at = now + state_.restart_pause;
  }
  state_.phase = Phase::kGranted;
  state_.forced_kill_at = kNever;
  on(Tick{}, now, out);
}

void Supervisor::release(Time now, Actions& out) {
  if (!leased_) {
    finish(out);
    return;
  }
  state_.phase = Phase::kReleasing;
  state_.give_up_at = now + timeline_.connect;
  state_.next_send_at = now;
}

void Supervisor::finish(Actions& out) {
  state_.phase = Phase::kDone;
  state_.in_flight.reset();
  state_.give_up_at = kNever;
  out.push_back({Kind::kFinish, {}});
}

void Supervisor::retry(Duration at_least, Time now) {
  const Duration pause = backoff_.next(timeline_.retry_min, timeline_.retry_max);
  state_.next_send_at = now + std::max(pause, at_least);
}

}  // namespace cluster_leader
