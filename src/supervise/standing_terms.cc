#include "supervise/standing_terms.h"

#include <utility>

#include "base/random.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "supervise/leadership_message.h"

namespace cluster_leader {

StandingTerms::StandingTerms(const TermPolicy& policy, const Timeline& timeline, Session& session,
                             KeeperLink& link, Reporter& reporter, Step step)
    : Terms(session, std::move(step)),
      policy_(policy),
      timeline_(timeline),
      link_(link),
      reporter_(reporter),
      backoff_(random_u64()),
      resumes_(session.size()),
      is_down_(session.size()) {}

void StandingTerms::begin(Time now) {
  leave_session();
  // Each job gets the descriptors that the caller handed to us; without a job nobody needs them.
  if (!policy_.has_command) detach_from_caller();
  stay_in_memory();
  if (policy_.suspended) obey(Order::kSuspend, now);
}

void StandingTerms::end_term(std::size_t campaign, const JobStatus& job, Time now) {
  count_ended_term();
  if (is_stopping()) return;
  const Campaign& c = session_.at(campaign);
  const Outcome outcome = c.supervisor.outcome();
  // Once a server has accepted us, what it refuses later may be put right there.
  const bool is_refused = outcome == Outcome::kFailed && !is_known_;
  if (is_refused || is_last_term(campaign, job)) {
    decide(campaign);
    stop(now);
    if (is_refused) reporter_.error(session_.describe_failure(campaign));
  } else if (resumes_[campaign]) {
    campaign_again(campaign, now);
  } else if (!suspended_) {
    campaign_again(campaign, now + cool_down_after(outcome, timeline_, backoff_));
  }
}

/// Whether another term makes no sense: the user has said so, or it could never succeed.
bool StandingTerms::is_last_term(std::size_t campaign, const JobStatus& job) const {
  const Outcome outcome = session_.at(campaign).supervisor.outcome();
  if (outcome == Outcome::kNotStarted) return true;
  return outcome == Outcome::kJobEnded && (policy_.kind == TermPolicy::Kind::kUntilJobEnds ||
                                           job.kind == JobStatus::Kind::kNotExecuted);
}

void StandingTerms::campaign_again(std::size_t campaign, Time begin) {
  resumes_[campaign] = false;
  begin_term(campaign,
             make_supervisor(timeline_, policy_.policy, campaign, session_.size(), begin));
}

void StandingTerms::obey(Order order, Time now) {
  if (order == Order::kStop) return stop(now);
  if (order == Order::kRepeat) return session_.repeat_led();
  // Once the end is decided, no order begins anything again.
  if (is_stopping()) return;
  switch (order) {
    case Order::kResume:
      return resume(now);
    case Order::kSuspend:
      suspended_ = true;
      resumes_.assign(session_.size(), false);
      return resign(/*also_before_the_first_request=*/true, now);
    default:
      // A campaign that still cools down after its last term goes on doing so, and no longer for
      // being asked again.
      return resign(/*also_before_the_first_request=*/false, now);
  }
}

void StandingTerms::resign(bool also_before_the_first_request, Time now) {
  for (std::size_t i = 0; i < session_.size(); ++i) {
    if (phase(i) == Phase::kDone) continue;
    const bool has_begun = session_.at(i).supervisor.has_asked();
    if (has_begun || also_before_the_first_request) step(i, ResignRequested{}, now);
  }
}

void StandingTerms::resume(Time now) {
  if (!std::exchange(suspended_, false)) return;
  // Terms that are not over yet are still releasing what they had.
  resumes_.assign(session_.size(), true);
  for (std::size_t i = 0; i < session_.size(); ++i) {
    if (phase(i) == Phase::kDone) campaign_again(i, now);
  }
}

void StandingTerms::update(Time) {
  while (!link_.closed()) {
    // Of several changes of one key only the last is sent.
    if (!unsent_) unsent_ = session_.next_change();
    if (!unsent_) return;
    const Campaign& c = session_.at(*unsent_);
    if (is_answer(c.leadership.state)) is_known_ = true;
    // An outage at the end does not matter: nothing is tried again.
    if (!is_stopping()) report_outage(*unsent_);
    LeadershipNews news{*unsent_, c.leadership, c.supervisor.good_until(),
                        c.renewals_before + c.renewals,
                        c.renewals > 0 ? c.slowest_renewal : c.slowest_before};
    news.leadership.reason = c.failure;
    if (!link_.send(leadership_message(news))) return;
    unsent_.reset();
  }
}

/// Reports an outage once, however many keys it concerns.
void StandingTerms::report_outage(std::size_t campaign) {
  const bool is_down = session_.at(campaign).leadership.state == ElectionState::kDown;
  if (is_down == is_down_[campaign]) return;
  is_down_[campaign] = is_down;
  down_ += is_down ? 1 : -1;
  if (is_down && down_ == 1) {
    reporter_.warning(session_.describe_failure(campaign) + "; still trying");
  } else if (!is_down && down_ == 0) {
    reporter_.info(session_.describe(campaign) + ": the server answers again");
  }
}

}  // namespace cluster_leader
