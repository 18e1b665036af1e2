#include "commands/keeper.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/random.h"
#include "commands/candidate.h"
#include "commands/held_job.h"
#include "commands/job_report.h"
#include "commands/lease_environment.h"
#include "commands/promise.h"
#include "commands/standing_message.h"
#include "process/descriptors.h"
#include "process/front.h"

namespace cluster_leader {

namespace {

/// How soon to look again for processes that a sweep has missed because they were being born.
constexpr Duration kSweepPause = std::chrono::milliseconds(5);

class KeeperLoop {
 public:
  KeeperLoop(Session& session, const KeeperDuty& duty, Poller& poller, KeeperLink& link,
             SignalReader& signals, int front_pidfd, Reporter& reporter)
      : session_(session),
        duty_(duty),
        options_(duty.options),
        poller_(poller),
        link_(link),
        signals_(signals),
        front_pidfd_(front_pidfd),
        reporter_(reporter),
        report_(session, duty.options, reporter),
        promise_(session, duty.options.timeline, link),
        backoff_(random_u64()) {}

  int run() {
    if (is_elect()) {
      leave_session();
      // Each job gets what the caller handed us; without one, nobody else does.
      if (!has_command()) let_go_of_caller();
      stay_in_memory();
      if (duty_.rests) obey(Order::kRest, now_);
    } else {
      start_granted_job();
    }
    while (!finished_) turn();
    say_last_word();
    return 0;
  }

 private:
  bool is_elect() const { return options_.verb == Options::Verb::kElect; }
  bool has_command() const { return !options_.command.empty(); }
  Phase phase(std::size_t contest) const { return session_.at(contest).supervisor.phase(); }

  void turn() {
    promise_.refresh(now_);
    session_.watch(poller_);
    const bool has_news = untold_.has_value();
    poller_.watch(link_.closed() ? -1 : link_.fd(), has_news ? POLLIN | POLLOUT : POLLIN);
    poller_.watch(front_gone_ ? -1 : front_pidfd_, POLLIN);
    poller_.watch(signals_.fd(), POLLIN);
    if (job_.is_there()) job_.watch(poller_);
    Time wake_at = std::min(session_.wake_at(), promise_.wake_at());
    if (is_killing()) wake_at = std::min(wake_at, now_ + kSweepPause);
    const Time now = now_ = poller_.wait(wake_at);

    // In this order: what is due, whether anybody is left to protect, what became of the job, what
    // the front wants, and last what the store says.
    ToDos todo;
    session_.tick(now, todo);
    carry_out(todo, now);
    if (!front_gone_ && poller_.ready(front_pidfd_) != 0) lose_front(now);
    look_at_children(now);
    listen_to_front(now);
    if (!finished_) {
      todo.clear();
      session_.advance(poller_, now, todo);
      carry_out(todo, now);
    }
    if (!stays_in_memory_ && !is_elect() && session_.at(0).renewals > 0) {
      stays_in_memory_ = true;
      stay_in_memory();
    }
    tell_standings();
  }

  void tell(std::size_t contest, const Event& event, Time now) {
    ToDos todo;
    session_.tell(contest, event, now, todo);
    carry_out(todo, now);
  }

  void carry_out(const ToDos& todo, Time now) {
    for (const ToDo& one : todo) {
      promise_.lower(one.contest, now_);
      switch (one.kind) {
        case Action::Kind::kStartJob:
          start_job(one.contest);
          break;
        case Action::Kind::kStopJob:
          stop_job(one.contest, now);
          break;
        case Action::Kind::kKillJob:
          kill_job(one.contest, now);
          break;
        case Action::Kind::kFinish:
          finish(one.contest, now);
          break;
        default:
          break;
      }
    }
  }

  // --- The job ---

  /// For `run`, whose front was granted the lease.
  void start_granted_job() {
    start_job(0);
    // Too late. Only the front stands for leases.
    if (phase(0) == Phase::kCandidate) tell(0, AbortAsked{}, BootClock::now());
  }

  void start_job(std::size_t contest) {
    report_.begin();
    // The time may have come in which a job could not live to see a renewal, and another contest
    // may have ended them all.
    const Time now = BootClock::now();
    tell(contest, Tick{}, now);
    if (phase(contest) != Phase::kGranted) return;
    if (!has_command()) return tell(contest, JobStarted{}, now);
    const Contest& c = session_.at(contest);
    try {
      job_.start({options_.command,
                  lease_environment(options_, c.name, c.own, c.supervisor.token()), duty_.inherited,
                  duty_.terminal_group});
    } catch (const std::system_error&) {
      return tell(contest, StartFailed{}, BootClock::now());
    }
    if (!is_elect()) let_go_of_caller();
    tell(contest, JobStarted{}, BootClock::now());
  }

  bool is_killing() const { return job_.is_there() && phase(kContestOfJob) == Phase::kKilling; }

  void look_at_children(Time now) {
    while (signals_.next()) {
      // Only a wake-up: signals for the job come from the front, and children are reaped below.
    }
    if (!job_.is_there()) return;
    const HeldJob::Change change = job_.look();
    if (change.stopped_by) link_.send({LinkMessage::Kind::kStopped, *change.stopped_by, 0, {}});
    if (change.gone) {
      if (job_.was_asked_to_end()) tell(kContestOfJob, StopForwarded{}, now);
      tell(kContestOfJob, TreeGone{job_.result()}, now);
      if (!job_.is_there()) report_.dead();
    } else if (is_killing()) {
      job_.sweep();
      if (now >= report_.alive_due()) report_.still_alive(kContestOfJob, job_.members());
    } else if (change.main_exited && phase(kContestOfJob) == Phase::kRunning) {
      tell(kContestOfJob, JobExited{}, now);
    }
  }

  void stop_job(std::size_t contest, Time now) {
    if (!job_.is_there()) return lose_without_job(contest, now);
    const bool leaves_some_behind = job_.has_main_exited() && report_.names_left_behind();
    if (leaves_some_behind) report_.note_left_behind(job_.members());
    job_.stop(options_.stop_signal);
    report_.stopping(contest);
  }

  void kill_job(std::size_t contest, Time now) {
    if (!job_.is_there()) return lose_without_job(contest, now);
    job_.kill();
    report_.killing(contest, now);
  }

  /// Nobody runs: those who were told of the leadership are told of its end.
  void lose_without_job(std::size_t contest, Time now) {
    const std::string loss = report_.loss_without_job(contest);
    tell(contest, TreeGone{}, now);
    report_.say(loss);
  }

  // --- The front ---

  void lose_front(Time now) {
    front_gone_ = true;
    stopping_ = true;
    for (std::size_t i = 0; i < session_.size(); ++i) {
      const bool is_candidate = phase(i) == Phase::kCandidate;
      tell(i, is_candidate ? Event{AbortAsked{}} : Event{FrontGone{}}, now);
    }
    // Those that were done before, as all are that rest, say nothing more.
    end_if_all_are_done();
  }

  void listen_to_front(Time now) {
    while (const std::optional<LinkMessage> message = link_.receive()) {
      if (message->kind == LinkMessage::Kind::kOrder) {
        obey(static_cast<Order>(message->value), now);
      } else if (message->kind == LinkMessage::Kind::kSignal && job_.is_there()) {
        job_.forward(message->value);
        if (asks_to_end(message->value)) tell(kContestOfJob, StopForwarded{}, now);
      }
    }
  }

  void obey(Order order, Time now) {
    if (order == Order::kRepeat) return session_.repeat_led();
    // Nothing that was sent before or after the end was decided begins anything again.
    if (stopping_ && order != Order::kStop) return;
    if (order == Order::kStand) {
      if (!std::exchange(resting_, false)) return;
      // Those that are not done yet are still giving up what they had.
      comes_back_.assign(session_.size(), true);
      for (std::size_t i = 0; i < session_.size(); ++i) {
        if (phase(i) == Phase::kDone) stand(i, now);
      }
      return;
    }
    if (order == Order::kStop || !is_elect()) return stop_standing(now);
    if (order == Order::kRest) resting_ = true;
    for (std::size_t i = 0; i < session_.size(); ++i) {
      // Who rests from the last time goes on resting, and no longer for being asked again.
      const bool has_begun = session_.at(i).supervisor.has_asked();
      const bool gives_up = order == Order::kRest || has_begun;
      if (phase(i) != Phase::kDone && gives_up) tell(i, ResignAsked{}, now);
    }
  }

  /// Sends what the front does not know yet, as far as the link takes it; of several changes of one
  /// key only the last.
  void tell_standings() {
    while (is_elect() && !link_.closed()) {
      if (!untold_) untold_ = session_.next_change();
      if (!untold_) return;
      const Contest& c = session_.at(*untold_);
      if (is_answer(c.leadership.standing)) is_known_ = true;
      // Where this is the end, nobody tries on.
      if (!stopping_) note_outage(*untold_);
      const Time good_until = c.supervisor.good_until();
      if (!link_.send(standing_message(*untold_, c.leadership, good_until))) return;
      untold_.reset();
    }
  }

  static bool is_answer(Standing standing) {
    return standing != Standing::kUnknown && standing != Standing::kDown;
  }

  /// One line for an outage, however many keys it concerns.
  void note_outage(std::size_t contest) {
    is_down_.resize(session_.size());
    const bool is_down = session_.at(contest).leadership.standing == Standing::kDown;
    if (is_down == is_down_[contest]) return;
    is_down_[contest] = is_down;
    down_ += is_down ? 1 : -1;
    if (is_down && down_ == 1) {
      reporter_.warning(session_.where(contest) + ": " + session_.at(contest).failure +
                        "; trying on");
    } else if (!is_down && down_ == 0) {
      reporter_.info(session_.where(contest) + ": there is an answer again");
    }
  }

  // --- Terms ---

  void finish(std::size_t contest, Time now) {
    ++done_;
    const Contest& c = session_.at(contest);
    const Outcome outcome = c.supervisor.outcome();
    // Once a server has accepted us, what it refuses later may be mended there.
    const bool is_refused = outcome == Outcome::kFailed && !is_known_;
    if (!is_elect() || (!stopping_ && (is_refused || ends_for_good(contest)))) {
      verdict_ = outcome;
      trouble_ = c.supervisor.trouble();
      stop_standing(now);
      if (is_elect() && is_refused) reporter_.error(session_.where(contest) + ": " + c.failure);
      return;
    }
    if (stopping_) return end_if_all_are_done();
    if (resting_) return;
    if (!comes_back_.empty() && comes_back_[contest]) return stand(contest, now);
    // Where it was resigned, that was for what the others get in the meantime.
    stand(contest, now + rest_after(outcome, options_.timeline, backoff_));
  }

  /// Gives up all that is still stood for.
  void stop_standing(Time now) {
    stopping_ = true;
    for (std::size_t i = 0; i < session_.size(); ++i) {
      if (phase(i) != Phase::kDone) tell(i, ResignAsked{}, now);
    }
    end_if_all_are_done();
  }

  /// Whether standing again makes no sense: the user has said so, or it cannot ever work.
  bool ends_for_good(std::size_t contest) const {
    const Contest& c = session_.at(contest);
    const JobStatus::Kind job = job_.status().kind;
    return c.supervisor.outcome() == Outcome::kNotStarted ||
           (c.supervisor.outcome() == Outcome::kJobEnded &&
            (options_.on_exit == Options::OnExit::kExit || job == JobStatus::Kind::kNotExecuted));
  }

  void stand(std::size_t contest, Time begin) {
    --done_;
    if (!comes_back_.empty()) comes_back_[contest] = false;
    session_.stand(contest, make_supervisor(options_, contest, begin));
  }

  void end_if_all_are_done() {
    if (done_ == session_.size()) finished_ = true;
  }

  void say_last_word() {
    const Contest& c = session_.at(kContestOfJob);
    if (!is_elect() && !c.failure.empty() && verdict_ != Outcome::kLost) {
      reporter_.warning(
          session_.where(kContestOfJob) +
          ": the lease could not be given back, others wait until it expires: " + c.failure);
    }
    LinkMessage word{LinkMessage::Kind::kFinished, static_cast<std::int32_t>(trouble_),
                     static_cast<std::uint32_t>(verdict_), job_.status()};
    word.started_ms = job_.started_ms();
    word.finished_ms = job_.finished_ms();
    word.renewals = c.renewals;
    word.slowest_renewal = c.slowest_renewal;
    // A front that was stopped has not read what there is to read before it.
    while (!has_sent(word) && !link_.closed() && !front_gone_) {
      poller_.watch(link_.fd(), POLLOUT);
      poller_.watch(front_pidfd_, POLLIN);
      poller_.wait(kNever);
      front_gone_ = poller_.ready(front_pidfd_) != 0;
    }
  }

  bool has_sent(const LinkMessage& word) {
    tell_standings();
    return !untold_ && link_.send(word);
  }

  /// With a command there is one key (options.h).
  static constexpr std::size_t kContestOfJob = 0;

  Session& session_;
  const KeeperDuty& duty_;
  const Options& options_;
  Poller& poller_;
  KeeperLink& link_;
  SignalReader& signals_;
  int front_pidfd_;
  Reporter& reporter_;

  HeldJob job_;
  JobReport report_;
  Promise promise_;
  Time now_ = BootClock::now();        ///< when the poller last returned
  Backoff backoff_;                    ///< for terms that were lost
  std::size_t done_ = 0;               ///< contests whose term is done
  bool is_known_ = false;              ///< a server has accepted us
  bool stopping_ = false;              ///< no term is stood for any more
  bool resting_ = false;               ///< nor now, until kStand
  std::vector<bool> comes_back_;       ///< by contest: it stands at once when it is done
  std::optional<std::size_t> untold_;  ///< whose change the link had no room for
  std::vector<bool> is_down_;
  int down_ = 0;
  Outcome verdict_ = Outcome::kAborted;
  Trouble trouble_{};
  bool front_gone_ = false;
  bool stays_in_memory_ = false;
  bool finished_ = false;
};

}  // namespace

bool give_order(KeeperLink& link, Order order) {
  LinkMessage message{};
  message.kind = LinkMessage::Kind::kOrder;
  message.value = static_cast<std::int32_t>(order);
  return link.send(message);
}

Supervisor make_supervisor(const Options& options, std::size_t contest, Time begin) {
  Policy policy = options.policy;
  if (options.keys.size() > 1) {
    // A hundred moments in a heartbeat: few enough that one packet renews many leases, which are
    // neighbours in memory as well.
    constexpr std::size_t kMoments = 100;
    policy.beat =
        options.timeline.heartbeat / kMoments * (contest * kMoments / options.keys.size());
  }
  return {options.timeline, policy, random_u64(), begin};
}

int keep(Session& session, const KeeperDuty& duty, Poller& poller, KeeperLink& link,
         SignalReader& signals, int front_pidfd, Reporter& reporter) {
  return KeeperLoop(session, duty, poller, link, signals, front_pidfd, reporter).run();
}

}  // namespace cluster_leader
