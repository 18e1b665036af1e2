#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "lease/supervisor.h"
#include "process/job.h"
#include "process/keeper_link.h"
#include "report/reporter.h"
#include "supervise/session.h"

namespace cluster_leader {

/// What a front may order its keeper to do (LinkMessage::kOrder).
enum class Order : std::int32_t {
  kStop,     ///< end: stop the job, release every lease, and send the last word
  kResign,   ///< give up what is led, and campaign again after a ttl; in a single term like kStop
  kSuspend,  ///< give up everything, and campaign for nothing until kResume
  kResume,   ///< campaign again
  kRepeat,   ///< report once more what is led
};

/// False if the link has no room now.
bool give_order(KeeperLink& link, Order order);

/// Which terms a keeper serves.
struct TermPolicy {
  enum class Kind : std::uint8_t {
    kOne,          ///< one, for a lease that the front was granted: `run`
    kUnlimited,    ///< campaigns again after each term: `elect`
    kUntilJobEnds  ///< the same, until a job has ended by itself
  };
  Kind kind = Kind::kOne;
  Policy policy;             ///< of each term
  bool suspended = false;    ///< as after Order::kSuspend
  bool has_command = false;  ///< whether there is a job; otherwise leading is only reported
};

/// The supervisor of one term, from `begin` on, for the key with number `index` of `count`. The
/// renewals of many keys are spread over the heartbeat.
Supervisor make_supervisor(const Timeline& timeline, Policy policy, std::size_t index,
                           std::size_t count, Time begin);

/// What a keeper does besides looking after its job: it begins and ends terms, obeys the front, and
/// reports who leads. The keeper calls these in the course of its turns.
class Terms {
 public:
  /// Passes an event to a campaign's supervisor and carries out what follows from it.
  using Step = std::function<void(std::size_t campaign, const Event& event, Time now)>;

  static std::unique_ptr<Terms> make(const TermPolicy& policy, const Timeline& timeline,
                                     Session& session, KeeperLink& link, Reporter& reporter,
                                     Step step);
  virtual ~Terms() = default;

  /// Once, before anything else.
  virtual void begin(Time now) = 0;
  /// The job's first process exists.
  virtual void job_started() {}
  /// A term is over (Action::kFinish); `job` is how its job ended.
  virtual void end_term(std::size_t campaign, const JobStatus& job, Time now) = 0;
  virtual void obey(Order order, Time now) = 0;
  /// At the end of each turn. Sends the front what it does not know yet, as far as the link takes
  /// it.
  virtual void update(Time now) = 0;
  /// Whether the link had no room for everything that update() had to send.
  virtual bool has_unsent() const { return false; }
  /// After the last turn.
  virtual void conclude() {}

  /// Gives up everything, and begins no more terms.
  void stop(Time now);
  /// The same where the front has died: jobs are killed at once.
  void stop_without_front(Time now);

  bool is_stopping() const { return stopping_; }
  /// Whether all terms are over and no more will begin.
  bool is_over() const { return stopping_ && running_ == 0; }
  /// How it all ended, for the front.
  Outcome verdict() const { return verdict_; }
  Trouble trouble() const { return trouble_; }

 protected:
  Terms(Session& session, Step step);

  Phase phase(std::size_t campaign) const { return session_.at(campaign).supervisor.phase(); }
  void step(std::size_t campaign, const Event& event, Time now) { step_(campaign, event, now); }
  /// Begins another term of a campaign whose last one is over.
  void begin_term(std::size_t campaign, const Supervisor& supervisor);
  /// One more term is over.
  void count_ended_term() { --running_; }
  /// The outcome of this campaign is the verdict.
  void decide(std::size_t campaign);

  Session& session_;

 private:
  Step step_;
  std::size_t running_;  ///< terms that are not over
  bool stopping_ = false;
  Outcome verdict_ = Outcome::kAborted;
  Trouble trouble_{};
};

}  // namespace cluster_leader
