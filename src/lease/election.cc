#include "lease/election.h"

#include <variant>

namespace cluster_leader {

namespace {

/// The view of a candidate for whom the key has the value `holder`.
Leadership view_of(const HolderId& holder, Token token) {
  if (holder.value.empty() || is_reserved(holder)) return {ElectionState::kNone, {}, {}};
  return {ElectionState::kFollower, holder, token};
}

/// The view of the leader.
Leadership view_of_leader(const Supervisor& supervisor, const HolderId& own) {
  return {ElectionState::kLeader, own, supervisor.token(), {}, {}, supervisor.slot()};
}

/// The view of a candidate that no server tells anything.
Leadership without_server(const Leadership& before, const Supervisor& supervisor) {
  if (!supervisor.is_server_young()) return {ElectionState::kDown, {}, {}};
  return {ElectionState::kStarting, {}, {}, before.ready_in};
}

/// What an answer tells a candidate that does not lead about who does.
class AnswerView {
 public:
  AnswerView(const Leadership& before, const Supervisor& supervisor)
      : before_(before), supervisor_(supervisor) {}

  // The job is about to start; after_step() changes the view once it has.
  Leadership operator()(const Granted&) const { return before_; }

  Leadership operator()(const Voted&) const { return before_; }

  Leadership operator()(const Busy& answer) const {
    // Of several holders none is the leader.
    if (supervisor_.is_shared()) return {ElectionState::kFollower, {}, {}};
    Leadership seen = view_of(answer.holder, answer.token);
    // An answer without the token does not make it unknown.
    if (seen.token == Token{} && seen.holder == before_.holder) seen.token = before_.token;
    return seen;
  }

  // Only the candidate of a single run yields.
  Leadership operator()(const Superseded&) const { return before_; }

  Leadership operator()(const Done&) const { return {ElectionState::kNone, {}, {}}; }

  // We hold the key, but the job has not started yet or is being stopped.
  Leadership operator()(const Renewed&) const {
    const bool could_not_tell =
        before_.state == ElectionState::kDown || before_.state == ElectionState::kStarting;
    return could_not_tell ? Leadership{ElectionState::kNone, {}, {}} : before_;
  }

  Leadership operator()(const Lost& answer) const {
    return supervisor_.is_shared() ? before_ : view_of(answer.holder, {});
  }

  Leadership operator()(const Released&) const {
    // After leading, a candidate follows only if a hint about the next holder overtook this answer.
    const bool has_successor =
        before_.state == ElectionState::kFollower && supervisor_.job_has_run();
    return has_successor ? before_ : Leadership{ElectionState::kNone, {}, {}};
  }

  Leadership operator()(const Young& answer) const {
    return {ElectionState::kStarting, {}, {}, answer.rest};
  }

  // Judged by Supervisor::contact().
  Leadership operator()(const Failed&) const { return before_; }

 private:
  const Leadership& before_;
  const Supervisor& supervisor_;
};

}  // namespace

Leadership after_answer(const Leadership& before, const Supervisor& supervisor, const HolderId& own,
                        const Answer& answer) {
  Leadership now = after_step(before, supervisor, own);
  if (supervisor.leads()) return now;
  return std::visit(AnswerView(now, supervisor), answer);
}

Leadership after_step(const Leadership& before, const Supervisor& supervisor, const HolderId& own) {
  if (supervisor.leads()) return view_of_leader(supervisor, own);
  if (supervisor.contact() == Contact::kNone) return without_server(before, supervisor);
  if (before.state == ElectionState::kLeader) return {ElectionState::kNone, {}, {}};
  if (before.state == ElectionState::kStarting) return {ElectionState::kNone, {}, {}};
  return before;
}

Leadership after_acquisition(const Leadership& before, const Supervisor& supervisor,
                             const HolderId& own, const HolderId& new_holder, Token token) {
  Leadership now = after_step(before, supervisor, own);
  const bool has_lease = supervisor.has_lease() && supervisor.phase() < Phase::kReleasing;
  if (has_lease || supervisor.contact() == Contact::kNone) return now;
  // Other leases of the key may be free.
  if (supervisor.is_shared()) return now;
  if (new_holder == own || new_holder == now.holder) return now;
  return view_of(new_holder, token);
}

Leadership after_release(const Leadership& before, const Supervisor& supervisor,
                         const HolderId& own, const HolderId& old_holder) {
  Leadership now = after_step(before, supervisor, own);
  if (supervisor.is_shared()) return now;
  const bool was_followed = now.state == ElectionState::kFollower && now.holder == old_holder;
  if (!was_followed || supervisor.asked_at()) return now;
  return {ElectionState::kNone, {}, {}};
}

Duration cool_down_after(Outcome outcome, const Timeline& timeline, Backoff& backoff) {
  if (outcome == Outcome::kLost) return backoff.next(timeline.retry_min, timeline.retry_max);
  backoff.reset();
  return timeline.ttl;
}

}  // namespace cluster_leader
