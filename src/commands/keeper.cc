#include "commands/keeper.h"

#include <sys/wait.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "commands/run_ending.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "process/tree.h"

namespace cluster_leader {

namespace {

/// How soon to look again for processes that a sweep has missed because they were being born.
constexpr Duration kSweepPause = std::chrono::milliseconds(5);

/// True if a program that gets `signo` is being asked to end.
bool asks_to_end(int signo) {
  return signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT;
}

class KeeperLoop {
 public:
  KeeperLoop(Session& session, const KeeperDuty& duty, Poller& poller, KeeperLink& link,
             SignalReader& signals, int front_pidfd, Reporter& reporter)
      : session_(session),
        duty_(duty),
        poller_(poller),
        link_(link),
        signals_(signals),
        front_pidfd_(front_pidfd),
        reporter_(reporter) {}

  int run() {
    carry_out(session_.tell(Tick{}, BootClock::now()));
    start_job();
    while (!finished_) turn();
    report_end();
    return 0;
  }

 private:
  void turn() {
    promise();
    session_.watch(poller_);
    poller_.watch(link_.closed() ? -1 : link_.fd(), POLLIN);
    poller_.watch(front_gone_ ? -1 : front_pidfd_, POLLIN);
    poller_.watch(signals_.fd(), POLLIN);
    poller_.watch(reading_report_ ? job_->report_fd() : -1, POLLIN);
    const bool killing = session_.supervisor().phase() == Phase::kKilling;
    Time wake_at = session_.wake_at();
    if (killing) wake_at = std::min(wake_at, BootClock::now() + kSweepPause);
    const Time now = poller_.wait(wake_at);

    // In this order: what is due, whether anybody is left to protect, what became of the job, what
    // the front wants, and last what the store says.
    carry_out(session_.tell(Tick{}, now));
    if (!front_gone_ && poller_.ready(front_pidfd_) != 0) {
      front_gone_ = true;
      carry_out(session_.tell(FrontGone{}, now));
    }
    look_at_children(now);
    listen_to_front(now);
    if (!finished_) carry_out(session_.advance(poller_, now));
    if (!stays_in_memory_ && session_.renewals() > 0) {
      stays_in_memory_ = true;
      stay_in_memory();
    }
  }

  void start_job() {
    if (session_.supervisor().phase() != Phase::kGranted) {
      // Too late. Only the front stands for leases.
      carry_out(session_.tell(AbortAsked{}, BootClock::now()));
      return;
    }
    try {
      job_.emplace(Job::start(duty_.job));
      reading_report_ = true;
      started_ms_ = wall_clock_ms();
      let_go_of_caller();
      carry_out(session_.tell(JobStarted{}, BootClock::now()));
    } catch (const std::system_error& error) {
      status_ = {JobStatus::Kind::kNotStarted, error.code().value()};
      carry_out(session_.tell(StartFailed{}, BootClock::now()));
    }
  }

  /// Tells the front by when it must have heard of us, or kill us and the job in our place.
  void promise() {
    const Supervisor::State& state = session_.supervisor().state();
    if (state.phase == Phase::kReleasing) {
      link_.set_deadline(state.give_up_at);
    } else if (state.lease_sent_at) {
      link_.set_deadline(duty_.timeline.kill_at(*state.lease_sent_at));
    }
  }

  void look_at_children(Time now) {
    while (signals_.next()) {
      // Only a wake-up: signals for the job come from the front, and children are reaped below.
    }
    if (!job_) return;
    const Reaped reaped = tree_.reap();
    // After reaping: a job that has ended has told its pid before, so its status finds its owner.
    if (reading_report_) reading_report_ = !job_->read_report();
    for (const ChildChange& change : reaped.changes) {
      if (job_->take_status(change.pid, change.code, change.status)) main_exited_ = true;
      if (change.code == CLD_STOPPED && change.pid == job_->pid()) {
        link_.send({LinkMessage::Kind::kStopped, change.status, 0, {}});
      }
    }
    if (reaped.empty) {
      status_ = job_->status();
      job_.reset();
      finished_ms_ = wall_clock_ms();
      // A job that died of a signal that asks for the end was asked to, by whomever: the terminal's
      // keys do not come through us.
      if (status_.kind == JobStatus::Kind::kSignaled && asks_to_end(status_.value)) {
        carry_out(session_.tell(StopForwarded{}, now));
      }
      carry_out(session_.tell(TreeGone{result()}, now));
    } else if (session_.supervisor().phase() == Phase::kKilling) {
      tree_.sweep();
    } else if (main_exited_ && session_.supervisor().phase() == Phase::kRunning) {
      carry_out(session_.tell(JobExited{}, now));
    }
  }

  std::optional<RunResult> result() const {
    const bool ran =
        status_.kind == JobStatus::Kind::kExited || status_.kind == JobStatus::Kind::kSignaled;
    if (!ran) return std::nullopt;
    return RunResult{shell_status(status_), started_ms_, finished_ms_};
  }

  void listen_to_front(Time now) {
    while (const std::optional<LinkMessage> message = link_.receive()) {
      if (message->kind != LinkMessage::Kind::kSignal || !job_) continue;
      job_->send_signal(message->value);
      if (asks_to_end(message->value)) carry_out(session_.tell(StopForwarded{}, now));
    }
  }

  void carry_out(const Actions& actions) {
    for (const Action& action : actions) {
      switch (action.kind) {
        case Action::Kind::kStopJob:
          stop_job();
          break;
        case Action::Kind::kKillJob:
          kill_job();
          break;
        case Action::Kind::kFinish:
          finished_ = true;
          break;
        default:
          break;
      }
    }
  }

  void stop_job() {
    if (session_.supervisor().outcome() == Outcome::kLost) say_why_lost("stopping the job");
    if (main_exited_) {
      tree_.send_signal(duty_.stop_signal);
    } else {
      job_->send_signal(duty_.stop_signal);
      job_->send_signal(SIGCONT);
    }
    tree_.survey();
  }

  void kill_job() {
    tree_.strike();
    tree_.sweep();
    if (session_.supervisor().outcome() == Outcome::kLost) say_why_lost("killed the job");
  }

  void say_why_lost(const std::string& what_we_do) {
    if (said_why_) return;
    said_why_ = true;
    std::string text = session_.where() + ": ";
    if (session_.supervisor().state().lease_sent_at) {
      text += "the lease could not be renewed in time, " + what_we_do;
      if (!session_.failure().empty()) text += ": " + session_.failure();
    } else {
      text += "the lease was taken away, " + what_we_do;
      if (!session_.leader().empty()) text += ": it is held by " + session_.leader();
    }
    reporter_.error(text);
  }

  void report_end() {
    const bool was_lost = session_.supervisor().outcome() == Outcome::kLost;
    if (!session_.failure().empty() && !was_lost) {
      reporter_.warning(session_.where() +
                        ": the lease could not be given back, others wait until it expires: " +
                        session_.failure());
    }
    const auto verdict = static_cast<std::uint32_t>(session_.supervisor().outcome());
    link_.send({LinkMessage::Kind::kFinished, 0, verdict, status_, started_ms_, finished_ms_,
                session_.renewals(), session_.slowest_renewal()});
  }

  Session& session_;
  const KeeperDuty& duty_;
  Poller& poller_;
  KeeperLink& link_;
  SignalReader& signals_;
  int front_pidfd_;
  Reporter& reporter_;

  Tree tree_;
  std::optional<Job> job_;
  JobStatus status_;
  std::int64_t started_ms_ = 0;
  std::int64_t finished_ms_ = 0;
  bool reading_report_ = false;
  bool main_exited_ = false;
  bool front_gone_ = false;
  bool said_why_ = false;
  bool stays_in_memory_ = false;
  bool finished_ = false;
};

}  // namespace

int keep(Session& session, const KeeperDuty& duty, Poller& poller, KeeperLink& link,
         SignalReader& signals, int front_pidfd, Reporter& reporter) {
  return KeeperLoop(session, duty, poller, link, signals, front_pidfd, reporter).run();
}

}  // namespace cluster_leader
