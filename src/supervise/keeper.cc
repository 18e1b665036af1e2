#include "supervise/keeper.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include "process/front.h"
#include "supervise/front_deadline.h"
#include "supervise/held_job.h"
#include "supervise/job_report.h"

namespace cluster_leader {

namespace {

/// How soon to look again for processes that a sweep has missed because they were being born.
constexpr Duration kSweepPause = std::chrono::milliseconds(5);

class KeeperLoop {
 public:
  KeeperLoop(Session& session, const KeeperPlan& plan, Poller& poller, KeeperLink& link,
             SignalReader& signals, int front_pidfd, Reporter& reporter)
      : session_(session),
        plan_(plan),
        poller_(poller),
        link_(link),
        signals_(signals),
        front_pidfd_(front_pidfd),
        report_(session,
                {.grace = plan.timeline.margin,
                 .names_leftovers = plan.names_leftovers,
                 .only_warns = plan.terms.kind != TermPolicy::Kind::kOne},
                reporter),
        front_deadline_(session, plan.timeline, link),
        terms_(Terms::make(plan.terms, plan.timeline, session, link, reporter,
                           [this](std::size_t campaign, const Event& event, Time now) {
                             step(campaign, event, now);
                           })) {}

  int run() {
    terms_->begin(now_);
    for (std::size_t i = 0; i < session_.size(); ++i) {
      if (phase(i) == Phase::kGranted) start_job(i);
    }
    terms_->update(BootClock::now());
    while (!terms_->is_over()) turn();
    terms_->conclude();
    send_last_word();
    return 0;
  }

 private:
  bool has_command() const { return !plan_.command.empty(); }
  Phase phase(std::size_t campaign) const { return session_.at(campaign).supervisor.phase(); }

  void turn() {
    front_deadline_.refresh(now_);
    session_.watch(poller_);
    poller_.watch(link_.closed() ? -1 : link_.fd(),
                  terms_->has_unsent() ? POLLIN | POLLOUT : POLLIN);
    poller_.watch(front_gone_ ? -1 : front_pidfd_, POLLIN);
    poller_.watch(signals_.fd(), POLLIN);
    if (job_.is_there()) job_.watch(poller_);
    Time wake_at = std::min(session_.wake_at(), front_deadline_.wake_at());
    if (is_killing()) wake_at = std::min(wake_at, now_ + kSweepPause);
    const Time now = now_ = poller_.wait(wake_at);

    // In this order: deadlines, whether the front has died, what became of the job, the orders of
    // the front, and last the answers of the store.
    ToDos todo;
    session_.tick(now, todo);
    carry_out(todo, now);
    if (!front_gone_ && poller_.ready(front_pidfd_) != 0) {
      front_gone_ = true;
      terms_->stop_without_front(now);
    }
    handle_children(now);
    handle_messages(now);
    if (!terms_->is_over()) {
      todo.clear();
      session_.advance(poller_, now, todo);
      carry_out(todo, now);
    }
    terms_->update(now);
  }

  void step(std::size_t campaign, const Event& event, Time now) {
    ToDos todo;
    session_.step(campaign, event, now, todo);
    carry_out(todo, now);
  }

  void carry_out(const ToDos& todo, Time now) {
    for (const ToDo& one : todo) {
      front_deadline_.lower(one.campaign, now_);
      switch (one.kind) {
        case Action::Kind::kStartJob:
          start_job(one.campaign);
          break;
        case Action::Kind::kStopJob:
          stop_job(one.campaign, now);
          break;
        case Action::Kind::kKillJob:
          kill_job(one.campaign, now);
          break;
        case Action::Kind::kDone:
          terms_->end_term(one.campaign, job_.status(), now);
          break;
        default:
          break;
      }
    }
  }

  // --- The job ---

  void start_job(std::size_t campaign) {
    report_.begin();
    // Since the grant, so much time may have passed that a job could not live to see a renewal, and
    // the end of another campaign may have ended this one.
    const Time now = BootClock::now();
    step(campaign, Tick{}, now);
    if (phase(campaign) != Phase::kGranted) return;
    if (!has_command()) return step(campaign, JobStarted{}, now);
    const Campaign& c = session_.at(campaign);
    try {
      job_.start({plan_.command,
                  lease_environment(plan_.environment, c.name, c.own, c.supervisor.token(),
                                    c.supervisor.slot()),
                  plan_.inherited, plan_.terminal_group});
    } catch (const std::system_error&) {
      return step(campaign, StartFailed{}, BootClock::now());
    }
    terms_->job_started();
    step(campaign, JobStarted{}, BootClock::now());
  }

  bool is_killing() const { return job_.is_there() && phase(kCampaignOfJob) == Phase::kKilling; }

  void handle_children(Time now) {
    while (signals_.next()) {
      // Only a wake-up: the front sends the signals for the job, and children are reaped below.
    }
    if (!job_.is_there()) return;
    const HeldJob::Change change = job_.update();
    if (change.stopped_by) link_.send({LinkMessage::Kind::kStopped, *change.stopped_by, 0, {}});
    if (change.gone) {
      if (job_.was_asked_to_end()) step(kCampaignOfJob, StopForwarded{}, now);
      step(kCampaignOfJob, TreeGone{job_.result()}, now);
      if (!job_.is_there()) report_.dead();
    } else if (is_killing()) {
      job_.sweep();
      if (now >= report_.alive_due()) report_.still_alive(kCampaignOfJob, job_.members());
    } else if (change.main_exited && phase(kCampaignOfJob) == Phase::kRunning) {
      step(kCampaignOfJob, JobExited{}, now);
    }
  }

  void stop_job(std::size_t campaign, Time now) {
    if (!job_.is_there()) return lose_without_job(campaign, now);
    if (job_.has_main_exited() && report_.names_leftovers()) {
      report_.record_leftovers(job_.members());
    }
    job_.stop(plan_.stop_signal);
    report_.stopping(campaign);
  }

  void kill_job(std::size_t campaign, Time now) {
    if (!job_.is_there()) return lose_without_job(campaign, now);
    job_.kill();
    report_.killing(campaign, now);
  }

  /// There is no job to end, only a leadership to report as over.
  void lose_without_job(std::size_t campaign, Time now) {
    const std::string loss = report_.loss_without_job(campaign);
    step(campaign, TreeGone{}, now);
    report_.write(loss);
  }

  // --- The front ---

  void handle_messages(Time now) {
    while (const std::optional<LinkMessage> message = link_.receive()) {
      if (message->kind == LinkMessage::Kind::kOrder) {
        terms_->obey(static_cast<Order>(message->value), now);
      } else if (message->kind == LinkMessage::Kind::kSignal && job_.is_there()) {
        job_.forward(message->value);
        if (asks_to_end(message->value)) step(kCampaignOfJob, StopForwarded{}, now);
      }
    }
  }

  void send_last_word() {
    const Campaign& c = session_.at(kCampaignOfJob);
    LinkMessage word{LinkMessage::Kind::kFinished, static_cast<std::int32_t>(terms_->trouble()),
                     static_cast<std::uint32_t>(terms_->verdict()), job_.status()};
    word.started_ms = job_.started_ms();
    word.finished_ms = job_.finished_ms();
    word.renewals = c.renewals;
    word.slowest_renewal = c.slowest_renewal;
    // A front that was stopped has not read the messages before this one, and the link may be full.
    while (!has_sent(word) && !link_.closed() && !front_gone_) {
      poller_.watch(link_.fd(), POLLOUT);
      poller_.watch(front_pidfd_, POLLIN);
      now_ = poller_.wait(kNever);
      front_gone_ = poller_.ready(front_pidfd_) != 0;
    }
  }

  bool has_sent(const LinkMessage& word) {
    terms_->update(now_);
    return !terms_->has_unsent() && link_.send(word);
  }

  /// With a command there is one key.
  static constexpr std::size_t kCampaignOfJob = 0;

  Session& session_;
  const KeeperPlan& plan_;
  Poller& poller_;
  KeeperLink& link_;
  SignalReader& signals_;
  int front_pidfd_;

  HeldJob job_;
  JobReport report_;
  FrontDeadline front_deadline_;
  std::unique_ptr<Terms> terms_;
  Time now_ = BootClock::now();  ///< when the poller last returned
  bool front_gone_ = false;
};

}  // namespace

int keep(Session& session, const KeeperPlan& plan, Poller& poller, KeeperLink& link,
         SignalReader& signals, int front_pidfd, Reporter& reporter) {
  return KeeperLoop(session, plan, poller, link, signals, front_pidfd, reporter).run();
}

}  // namespace cluster_leader
