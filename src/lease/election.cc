#include "lease/election.h"

#include <variant>

namespace cluster_leader {

namespace {

/// The view of somebody who has read `holder` at the key.
Leadership led_by(const HolderId& holder, Token token) {
  if (holder.value.empty() || is_settled(holder)) return {Standing::kNone, {}, {}};
  return {Standing::kFollower, holder, token};
}

/// What an answer says about who leads, to a candidate that does not.
class Reading {
 public:
  Reading(const Leadership& before, const Supervisor& supervisor)
      : before_(before), supervisor_(supervisor) {}

  // The job is about to start, and then after_step() has the news.
  Leadership operator()(const Granted&) const { return before_; }

  Leadership operator()(const Busy& answer) const {
    Leadership seen = led_by(answer.holder, answer.token);
    // Who does not know the token does not make it unknown.
    if (seen.token == Token{} && seen.holder == before_.holder) seen.token = before_.token;
    return seen;
  }

  Leadership operator()(const Done&) const { return {Standing::kNone, {}, {}}; }

  // The key is ours, and the job is not there yet or is being stopped.
  Leadership operator()(const Renewed&) const {
    return before_.standing == Standing::kDown ? Leadership{Standing::kNone, {}, {}} : before_;
  }

  Leadership operator()(const Lost& answer) const { return led_by(answer.holder, {}); }

  Leadership operator()(const Released&) const {
    // Whoever has led and sees another one now has heard of a taker that was faster than this
    // answer.
    const bool is_taken = before_.standing == Standing::kFollower && supervisor_.state().job_ran;
    return is_taken ? before_ : Leadership{Standing::kNone, {}, {}};
  }

  // The supervisor's contact says what these mean.
  Leadership operator()(const Young&) const { return before_; }
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
  return std::visit(Reading(now, supervisor), answer);
}

Leadership after_step(const Leadership& before, const Supervisor& supervisor, const HolderId& own) {
  if (supervisor.leads()) return {Standing::kLeader, own, supervisor.token()};
  if (supervisor.contact() == Contact::kNone) return {Standing::kDown, {}, {}};
  if (before.standing == Standing::kLeader) return {Standing::kNone, {}, {}};
  return before;
}

Leadership after_taken(const Leadership& before, const Supervisor& supervisor, const HolderId& own,
                       const HolderId& taker, Token token) {
  Leadership now = after_step(before, supervisor, own);
  const bool has_lease = supervisor.has_lease() && supervisor.phase() < Phase::kReleasing;
  if (has_lease || supervisor.contact() == Contact::kNone) return now;
  if (taker == own || taker == now.holder) return now;
  return led_by(taker, token);
}

Leadership after_given_back(const Leadership& before, const Supervisor& supervisor,
                            const HolderId& own, const HolderId& giver) {
  Leadership now = after_step(before, supervisor, own);
  const bool was_followed = now.standing == Standing::kFollower && now.holder == giver;
  if (!was_followed || supervisor.state().in_flight) return now;
  return {Standing::kNone, {}, {}};
}

Duration rest_after(Outcome outcome, const Timeline& timeline, Backoff& backoff) {
  if (outcome == Outcome::kLost) return backoff.next(timeline.retry_min, timeline.retry_max);
  backoff.reset();
  return timeline.ttl;
}

}  // namespace cluster_leader
