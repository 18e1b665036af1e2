#include "supervise/terms.h"

#include <utility>

#include "base/random.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "supervise/standing_terms.h"

namespace cluster_leader {

namespace {

/// The one term of a lease that the front was granted.
class OneTerm : public Terms {
 public:
  OneTerm(Session& session, Reporter& reporter, Step step)
      : Terms(session, std::move(step)), reporter_(reporter) {}

  void begin(Time) override {}

  void job_started() override { detach_from_caller(); }

  void end_term(std::size_t campaign, const JobStatus&, Time now) override {
    count_ended_term();
    decide(campaign);
    stop(now);
  }

  void obey(Order order, Time now) override {
    if (order == Order::kStop || order == Order::kResign) stop(now);
  }

  void update(Time now) override {
    // The grant came too late to be used, and only the front campaigns.
    if (phase(0) == Phase::kCandidate) step(0, AbortRequested{}, now);
    // Most jobs are shorter than a heartbeat, and locking memory takes a while.
    if (!stays_in_memory_ && session_.at(0).renewals > 0) {
      stays_in_memory_ = true;
      stay_in_memory();
    }
  }

  void conclude() override {
    const std::string& failure = session_.at(0).failure;
    if (failure.empty() || verdict() == Outcome::kLost) return;
    reporter_.warning(
        session_.describe(0) +
        ": the lease could not be released, others wait until it expires: " + failure);
  }

 private:
  Reporter& reporter_;
  bool stays_in_memory_ = false;
};

}  // namespace

bool give_order(KeeperLink& link, Order order) {
  LinkMessage message{};
  message.kind = LinkMessage::Kind::kOrder;
  message.value = static_cast<std::int32_t>(order);
  return link.send(message);
}

Supervisor make_supervisor(const Timeline& timeline, Policy policy, std::size_t index,
                           std::size_t count, Time begin) {
  if (count > 1) {
    // A hundred moments in a heartbeat: few enough that one packet renews many leases, which are
    // neighbours in memory as well.
    constexpr std::size_t kMoments = 100;
    policy.beat = timeline.heartbeat / kMoments * (index * kMoments / count);
  }
  return {timeline, policy, random_u64(), begin};
}

std::unique_ptr<Terms> Terms::make(const TermPolicy& policy, const Timeline& timeline,
                                   Session& session, KeeperLink& link, Reporter& reporter,
                                   Step step) {
  if (policy.kind == TermPolicy::Kind::kOne) {
    return std::make_unique<OneTerm>(session, reporter, std::move(step));
  }
  return std::make_unique<StandingTerms>(policy, timeline, session, link, reporter,
                                         std::move(step));
}

Terms::Terms(Session& session, Step step)
    : session_(session), step_(std::move(step)), running_(session.size()) {}

void Terms::stop(Time now) {
  stopping_ = true;
  for (std::size_t i = 0; i < session_.size(); ++i) {
    if (phase(i) != Phase::kDone) step(i, ResignRequested{}, now);
  }
}

void Terms::stop_without_front(Time now) {
  stopping_ = true;
  for (std::size_t i = 0; i < session_.size(); ++i) {
    const bool is_candidate = phase(i) == Phase::kCandidate;
    step(i, is_candidate ? Event{AbortRequested{}} : Event{FrontGone{}}, now);
  }
}

void Terms::begin_term(std::size_t campaign, const Supervisor& supervisor) {
  ++running_;
  session_.begin_term(campaign, supervisor);
}

void Terms::decide(std::size_t campaign) {
  verdict_ = session_.at(campaign).supervisor.outcome();
  trouble_ = session_.at(campaign).supervisor.trouble();
}

}  // namespace cluster_leader
