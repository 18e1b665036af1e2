#include "lease/supervisor.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace cluster_leader {

namespace {

using Kind = Action::Kind;

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

void Supervisor::continue_numbers_of(const Supervisor& earlier) {
  assert(!has_asked());
  state_.last_attempt = first_attempt_ = earlier.state_.last_attempt;
}

Actions Supervisor::step(const Event& event, Time now) {
  Actions out;
  // Twice: a kill that is due wins over the event, and the event may make one due.
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
  } else if (makes_requests()) {
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
  // The front could do no better than a keeper that is still killing.
  if (state_.phase == Phase::kKilling) return std::max(kill_at, now);
  // No process is alive, so the front need not act before the release has ended.
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
      // The descendants of a job that will be started again.
      return state_.outcome == Outcome::kNone && has_lease() && !state_.stop_forwarded;
    default:
      return false;
  }
}

bool Supervisor::makes_requests() const {
  // A lost lease is not renewed: the server has said that somebody else has the key.
  const bool lost = leased_ && !state_.lease_sent_at && job_alive();
  return leased_ && state_.phase != Phase::kDone && !lost;
}

RequestKind Supervisor::next_request() const {
  if (state_.handing_back) return RequestKind::kRelease;
  if (state_.phase == Phase::kReleasing) {
    return state_.job_ran ? RequestKind::kFinish : RequestKind::kRelease;
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

void Supervisor::give_up_if_due(Time now, Actions& out) {
  if (now < state_.give_up_at) return;
  if (state_.in_flight) state_.contact = Contact::kNone;
  if (state_.phase == Phase::kCandidate) {
    end_campaign(state_.busy ? Outcome::kFollower : Outcome::kFailed, out);
  } else if (state_.phase == Phase::kReleasing) {
    // No answer in time: the lease will expire on the server. A plain release in place of a
    // finish request would free the key too early.
    out.push_back({state_.job_ran ? Kind::kCancel : Kind::kAbandon, {}});
    end_term(out);
  }
}

void Supervisor::cancel_if_timed_out(Time now, Actions& out) {
  if (!state_.in_flight || now < state_.in_flight->timeout_at) return;
  if (state_.in_flight->kind == RequestKind::kAcquire) state_.acquire_unknown = true;
  state_.in_flight.reset();
  state_.connected = false;
  state_.contact = Contact::kNone;
  state_.busy = state_.young = false;
  state_.trouble = Trouble::kUnreachable;
  out.push_back({Kind::kCancel, {}});
  retry(Duration::zero(), now);
}

void Supervisor::make_requests(Time now, Actions& out) {
  give_up_if_due(now, out);
  cancel_if_timed_out(now, out);
  if (state_.in_flight || !makes_requests() || now < state_.next_send_at) return;
  Time timeout_at = now + (state_.connected ? timeline_.attempt : timeline_.connect);
  if (state_.phase == Phase::kCandidate || state_.phase == Phase::kReleasing) {
    timeout_at = std::min(timeout_at, state_.give_up_at);
  }
  const Request request{next_request(), ++state_.last_attempt, state_.token,   state_.awaited,
                        state_.era,     state_.result,         state_.stopped, state_.slot};
  // `now` was read before the store writes anything: the lease that this may yield counts from it.
  state_.in_flight = {request.kind, request.attempt, now, timeout_at};
  state_.hinted_for = kNever;
  out.push_back({Kind::kSend, request});
}

void Supervisor::on(const Tick&, Time now, Actions& out) {
  // Only before the start: the caller sends a Tick right before it makes the first process. After
  // that there is a job, however long its start took.
  if (state_.phase != Phase::kGranted || !leased_) return;
  if (now < timeline_.start_by(*state_.lease_sent_at)) {
    if (now < state_.start_at) return;
    state_.start_at = kNever;
    out.push_back({Kind::kStartJob, {}});
  } else if (state_.job_ran) {
    // The lease was not renewed in time between two runs, so the term ends.
    state_.outcome = Outcome::kLost;
    release(now, out);
  } else {
    // Too late for a job: the lease is handed back, and the candidate campaigns again for as long
    // as its patience lasts.
    state_.phase = Phase::kCandidate;
    state_.lease_sent_at.reset();
    hand_back(now);
  }
}

void Supervisor::on(const Hinted& event, Time now, Actions&) {
  const bool is_candidate = state_.phase == Phase::kCandidate;
  const bool holds = state_.phase == Phase::kGranted || state_.phase == Phase::kRunning ||
                     state_.phase == Phase::kStopping;
  if (!is_candidate && !holds) return;
  if (state_.in_flight) {
    state_.hinted_for = std::min(state_.hinted_for, now + event.delay);
  } else if (is_candidate ? state_.busy || state_.young : state_.contact == Contact::kAnswered) {
    state_.next_send_at = std::min(state_.next_send_at, now + event.delay);
  }
}

void Supervisor::on(const AbortRequested&, Time now, Actions& out) {
  if (state_.phase == Phase::kCandidate) {
    end_campaign(Outcome::kAborted, out);
  } else if (state_.phase == Phase::kGranted) {
    state_.outcome = Outcome::kAborted;
    release(now, out);
  }
}

void Supervisor::on(const ResignRequested&, Time now, Actions& out) {
  const bool was_started = job_alive() || (state_.phase == Phase::kGranted && state_.job_ran);
  was_started ? give_up_lease(Outcome::kResigned, now, out) : on(AbortRequested{}, now, out);
}

void Supervisor::on(const JobStarted&, Time now, Actions&) {
  assert(state_.phase == Phase::kGranted && state_.start_at == kNever);
  state_.phase = Phase::kRunning;
  state_.ran_before = state_.job_ran;
  state_.job_ran = true;
  state_.stopped.reset();
  state_.started_at = now;
}

void Supervisor::on(const StartFailed&, Time now, Actions& out) {
  assert(state_.phase == Phase::kGranted);
  state_.outcome = Outcome::kNotStarted;
  release(now, out);
}

void Supervisor::on(const JobExited&, Time now, Actions& out) {
  if (state_.phase != Phase::kRunning) return;
  // A job that will be started again does not end the term.
  if (!policy_.restarts) state_.outcome = Outcome::kJobEnded;
  stop_job(now, out);
}

void Supervisor::on(const TreeGone& event, Time now, Actions& out) {
  if (!job_alive()) return;
  if (state_.outcome == Outcome::kNone) {
    if (policy_.restarts && state_.lease_sent_at && event.result && !state_.stop_forwarded) {
      state_.stopped = event.result;
      restart_job(now, out);
      return;
    }
    state_.outcome = Outcome::kJobEnded;
  }
  // A job that was told to end has no result: this node is going away, and others take over.
  if (state_.outcome == Outcome::kJobEnded && !state_.stop_forwarded) {
    state_.result = event.result;
    // If the command could not be executed, nothing has run, and another node may have it.
    state_.job_ran = event.result.has_value() || state_.ran_before;
  } else {
    state_.stopped = event.result;
  }
  if (leased_ && !state_.lease_sent_at) {
    end_term(out);
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
    end_campaign(Outcome::kFrontGone, out);
  } else if (state_.phase == Phase::kGranted) {
    state_.outcome = Outcome::kFrontGone;
    release(now, out);
  } else if (job_alive()) {
    state_.outcome = Outcome::kFrontGone;
    if (state_.phase != Phase::kKilling) kill_job(out);
  }
}

void Supervisor::end_campaign(Outcome outcome, Actions& out) {
  // Unless the server has answered everything that we sent, it may have, or may yet grant, a lease
  // under our id: release that without waiting for the answer.
  const bool may_be_granted = state_.in_flight || state_.acquire_unknown || state_.handing_back;
  if (may_be_granted) {
    out.push_back({Kind::kAbandon, {}});
  } else if (state_.in_line) {
    out.push_back({Kind::kLeave, {}});
  }
  state_.outcome = outcome;
  // Whoever does not campaign does not wait for the server either, which has answered.
  if (outcome != Outcome::kFailed && std::exchange(state_.young, false)) {
    state_.contact = Contact::kAnswered;
  }
  end_term(out);
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
  // A command that fails at once must not keep the machine busy.
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
    end_term(out);
    return;
  }
  state_.phase = Phase::kReleasing;
  state_.give_up_at = now + timeline_.connect;
  state_.next_send_at = now;
}

/// Ends the term of a holder, with this outcome unless it is ending already.
void Supervisor::give_up_lease(Outcome outcome, Time now, Actions& out) {
  if (state_.phase == Phase::kRunning) {
    state_.outcome = outcome;
    stop_job(now, out);
  } else if (state_.phase == Phase::kGranted) {
    state_.outcome = outcome;
    release(now, out);
  } else if (job_alive()) {
    // The job is ending already; it must not be started again.
    if (policy_.restarts && state_.outcome == Outcome::kNone) state_.outcome = outcome;
  }
}

void Supervisor::end_term(Actions& out) {
  state_.phase = Phase::kDone;
  state_.in_flight.reset();
  state_.give_up_at = kNever;
  out.push_back({Kind::kDone, {}});
}

}  // namespace cluster_leader
