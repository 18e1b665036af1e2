#include "commands/elect.h"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/exit_code.h"
#include "base/poller.h"
#include "commands/setup.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "process/hangup.h"
#include "process/parent.h"
#include "process/proc.h"
#include "process/service_manager.h"
#include "report/elect_metrics.h"
#include "report/reporter.h"
#include "report/run_ending.h"
#include "report/state_lines.h"
#include "report/wording.h"
#include "supervise/hooks.h"
#include "supervise/keeper.h"
#include "supervise/keeper_death.h"
#include "supervise/known_leaders.h"
#include "supervise/leadership_message.h"
#include "supervise/lease_environment.h"
#include "supervise/orphaned_leases.h"
#include "supervise/session.h"

namespace cluster_leader {

namespace {

/// Between a keeper that died and the next one.
constexpr Duration kPauseBeforeKeeper = std::chrono::seconds(1);

/// With thousands of keys, the candidates do not all ask at once, so that the server can serve
/// others in between.
constexpr std::size_t kBeginTogether = 256;
constexpr Duration kBeginPause = std::chrono::milliseconds(10);

StateLines::Format format_of(Options::Output output) {
  switch (output) {
    case Options::Output::kNothing:
      return StateLines::Format::kNone;
    case Options::Output::kText:
      return StateLines::Format::kText;
    case Options::Output::kJson:
    case Options::Output::kTerminal:
      break;
  }
  return StateLines::Format::kJson;
}

LeaseEnvironment environment_of(const Options& options) {
  return {.node = options.node, .ttl = options.timeline.ttl, .hides_service_manager = true};
}

/// The front of an election: the process that callers know. It prints what the keeper reports, runs
/// the hooks, and passes on orders from signals, parent and service manager. If the keeper dies, it
/// releases the keeper's leases and makes a new one.
class Elect : public FrontDuty {
 public:
  explicit Elect(const Options& options)
      : options_(options),
        inherited_(InheritedSignals::capture()),
        reporter_(log_style(options)),
        signals_(inherited_),
        candidate_(make_candidate(options)),
        lines_(format_of(options.output), options.node, options.keys, options.policy.slots > 1,
               STDOUT_FILENO),
        hooks_({options.on_leader, options.on_follower}, options.keys, environment_of(options),
               inherited_, reporter_),
        metrics_(options.metrics_file, options.node, options.keys, reporter_),
        leaders_(options.keys.size()),
        alive_at_(BootClock::now()) {
    if (options.die_with_parent) parent_.emplace();
  }

  int operator()() {
    const std::optional<Location> location = make_location(options_, reporter_);
    if (!location) return kExitConfig;
    if (!options_.command.empty() && !proc_is_ours()) {
      reporter_.error(
          "/proc must show this PID namespace, so that all processes of the job can be found");
      return kExitOs;
    }
    location_ = *location;
    create_directory(location_, reporter_);
    report_ttl_hint(options_.timeline, reporter_);
    while (!stopping_ && !keep_once()) pause();
    finish_output();
    if (dies_of_ != 0) die_of(dies_of_);
    return status_;
  }

 private:
  bool has_command() const { return !options_.command.empty(); }

  // --- The keeper ---

  /// From the fork of a keeper to its end. True if it has sent its last word.
  bool keep_once() {
    KeeperLink link;
    link_ = &link;
    const Keeper keeper = fork_keeper(link, /*terminal=*/false,
                                      [&](int front_pidfd) { return be_keeper(front_pidfd); });
    const KeeperEnd end = watch_keeper(keeper, link, signals_, /*terminal=*/false,
                                       options_.timeline.margin / 3, *this);
    link_ = nullptr;
    if (end.last_word) {
      conclude(*end.last_word);
      return true;
    }
    release_leases();
    const std::string job = has_command() && end.killed_job ? ", killed the job" : "";
    reporter_.error(keeper_death(end).text + job + (stopping_ ? "" : "; starting a new one"));
    return false;
  }

  int be_keeper(int front_pidfd) {
    Poller poller;
    Session session(
        open_store(location_, candidate_), server_name(options_, location_),
        [this] { return new_holder(options_.node); }, reporter_);
    const Time now = BootClock::now();
    for (std::size_t i = 0; i < options_.keys.size(); ++i) {
      const Time begin = now + kBeginPause * (i / kBeginTogether);
      session.add(
          full_key(options_, options_.keys[i]), options_.keys[i],
          make_supervisor(options_.timeline, options_.policy, i, options_.keys.size(), begin));
    }
    return keep(session, keeper_plan(), poller, *link_, signals_, front_pidfd, reporter_);
  }

  KeeperPlan keeper_plan() const {
    KeeperPlan plan;
    plan.terms = {.kind = options_.on_exit == Options::OnExit::kExit
                              ? TermPolicy::Kind::kUntilJobEnds
                              : TermPolicy::Kind::kUnlimited,
                  .policy = options_.policy,
                  .suspended = is_hung_,
                  .has_command = has_command()};
    plan.timeline = options_.timeline;
    plan.command = options_.command;
    plan.environment = environment_of(options_);
    plan.inherited = inherited_;
    plan.stop_signal = options_.stop_signal;
    plan.names_leftovers = log_style(options_).verbose;
    return plan;
  }

  /// After the death of a keeper. REQUIRES: nothing of the job is alive.
  void release_leases() {
    for (std::size_t i = 0; i < leaders_.size(); ++i) {
      if (leaders_.at(i).state == ElectionState::kLeader) update(i, {ElectionState::kNone, {}, {}});
    }
    lines_.write();
    std::vector<OrphanedLease> leases;
    for (const auto& [index, led] : leaders_.take_unreleased()) {
      leases.push_back({full_key(options_, options_.keys[index]), led.holder, led.token, led.slot});
    }
    release_orphans(location_, candidate_, leases, options_.timeline.connect);
  }

  void conclude(const LinkMessage& word) {
    // We were told to stop, and have.
    if (stopping_) return;
    if (static_cast<Outcome>(word.verdict) == Outcome::kFailed) {
      status_ = exit_status_of(static_cast<Trouble>(word.value));
      return;
    }
    status_ = shell_status(word.status);
    if (const auto why = why_not_run(word.status, options_.command)) {
      reporter_.error(describe_key(options_.keys.front(), server_name(options_, location_)) + ": " +
                      *why);
    }
    if (word.status.kind == JobStatus::Kind::kSignaled) dies_of_ = word.status.value;
  }

  /// Before the next keeper.
  void pause() {
    wait_until([] { return false; }, BootClock::now() + kPauseBeforeKeeper);
  }

  /// Writes what is left to write, and waits for the hooks for up to a ttl.
  void finish_output() {
    hooks_.advance(BootClock::now());
    wait_until([&] { return !hooks_.is_busy() && !lines_.has_unwritten(); },
               BootClock::now() + (hooks_.is_busy() ? options_.timeline.ttl : kLastWords));
    hooks_.give_up();
    metrics_.write();
  }

  /// Keeps up the output and the hooks while there is no keeper, until `done` or `latest`.
  template <typename Done>
  void wait_until(const Done& done, Time latest) {
    Poller poller;
    Tree tree;
    const bool was_stopping = stopping_;
    while (!done() && stopping_ == was_stopping) {
      watch(poller);
      poller.watch(signals_.fd(), POLLIN);
      const Time now = poller.wait(std::min(latest, wake_at()));
      while (const auto signal = signals_.next()) {
        if (signal->signo != SIGCHLD && signal->sender != ::getpid()) handle_signal(*signal);
      }
      for (const ChildChange& change : tree.reap().changes) handle_exit(change);
      advance(poller, now);
      if (now >= latest) return;
    }
  }

  // --- FrontDuty ---

  void watch(Poller& poller) override {
    lines_.watch(poller);
    if (parent_ && !stopping_) {
      parent_->watch(poller);
      watch_hangup(STDIN_FILENO, poller);
    }
  }

  Time wake_at() const override {
    Time due = std::min({hooks_.wake_at(), service_.wake_at(), metrics_.wake_at()});
    if (watches_keepalive()) due = std::min(due, alive_at_ + options_.keepalive_timeout);
    return due;
  }

  void advance(const Poller& poller, Time now) override {
    lines_.advance(poller);
    hooks_.advance(now);
    notify_service_manager(now);
    metrics_.advance(now);
    if (!stopping_) check_callers(poller, now);
    if (metrics_.wants_count(now) && link_ != nullptr && leaders_.led() > 0) has_old_news_ = true;
    if (std::exchange(has_old_news_, false)) orders_.push_back(Order::kRepeat);
    while (link_ != nullptr && !orders_.empty() && give_order(*link_, orders_.front())) {
      orders_.pop_front();
    }
    if (std::exchange(reports_hung_, false)) {
      reporter_.warning("no SIGUSR1 arrived within --keepalive-timeout: resigning until one does");
    }
    // Last, since the time is stale afterwards. The keeper goes on renewing.
    if (std::exchange(stop_key_, false)) stop_ourselves();
  }

  /// Whether whoever started us, reads us or keeps us alive is still there.
  void check_callers(const Poller& poller, Time now) {
    if (parent_ && (parent_->is_gone(poller) || is_hung_up(STDIN_FILENO, poller))) stop(0);
    // Without a command or hooks, the output is our only purpose.
    const bool only_prints =
        !has_command() && options_.on_leader.empty() && options_.on_follower.empty();
    if (only_prints && lines_.is_reader_gone()) stop(SIGPIPE);
    if (watches_keepalive() && now >= alive_at_ + options_.keepalive_timeout) {
      is_hung_ = true;
      reports_hung_ = true;
      orders_.push_back(Order::kSuspend);
    }
  }

  bool has_job() const override { return has_command(); }

  bool handle_signal(const SignalArrival& signal) override {
    switch (signal.signo) {
      case SIGTERM:
      case SIGINT:
        stop(0);
        return true;
      case SIGHUP:
      case SIGQUIT:
        stop(signal.signo);
        return true;
      case SIGUSR2:
        orders_.push_back(Order::kResign);
        return true;
      case SIGUSR1:
        if (options_.keepalive_timeout == Duration::zero()) return !has_command();
        alive_at_ = BootClock::now();
        if (std::exchange(is_hung_, false)) orders_.push_back(Order::kResume);
        return true;
      case SIGTSTP:
        stop_key_ = true;
        return true;
      default:
        if (has_command()) return false;
        if (ends_by_default(signal.signo)) stop(signal.signo);
        return true;
    }
  }

  void handle_message(const LinkMessage& message) override {
    if (message.kind != LinkMessage::Kind::kElection) return;
    const LeadershipNews news = leadership_news(message);
    if (news.leadership.state == ElectionState::kFollower && runs_under(news.leadership.holder)) {
      if (!stopping_) refuse_nested(news.campaign);
      return;
    }
    // We may have been stopped for longer than this leadership lasts without a renewal. If it has
    // been renewed since, the keeper reports it once more.
    if (news.leadership.state == ElectionState::kLeader && BootClock::now() >= news.good_until) {
      update(news.campaign, {ElectionState::kNone, {}, {}});
      leaders_.record_unreleased(news.campaign, news.leadership);
      has_old_news_ = true;
      return;
    }
    // What the metrics have the keeper repeat is no change.
    if (news.leadership != leaders_.at(news.campaign)) update(news.campaign, news.leadership);
    metrics_.count(news.campaign, news.renewals, news.slowest_renewal);
  }

  void handle_exit(const ChildChange& change) override { hooks_.handle(change); }

  void refuse_nested(std::size_t index) {
    status_ = kExitUsage;
    stop(0);
    reporter_.error(describe_key(options_.keys[index], server_name(options_, location_)) + ": " +
                    kRefusalOfNested);
  }

  void report_survivors(const std::vector<Survivor>& alive) override {
    reporter_.error(survivors_of_keeper(alive));
  }

  // --- What we know and report ---

  void update(std::size_t index, const Leadership& leadership) {
    leaders_.update(index, leadership);
    lines_.add(index, leadership);
    metrics_.update(index, leadership);
    hooks_.update(index, leadership);
  }

  void notify_service_manager(Time now) {
    if (service_.is_there()) {
      service_.status("leader of " + std::to_string(leaders_.led()) + " of " +
                      std::to_string(leaders_.size()) + " keys");
      if (leaders_.are_complete()) service_.ready();
    }
    service_.beat(now);
  }

  /// Ends the election, and then us: by the signal `signo`, or by an exit if that is 0.
  void stop(int signo) {
    if (stopping_) return;
    stopping_ = true;
    // As PID 1, or where the caller ignores it, it ends nobody.
    dies_of_ = signo;
    orders_.push_back(Order::kStop);
    service_.stopping();
  }

  bool watches_keepalive() const {
    return options_.keepalive_timeout != Duration::zero() && !is_hung_ && !stopping_;
  }

  /// How long a reader that does not read may delay our end.
  static constexpr Duration kLastWords = std::chrono::milliseconds(100);

  const Options& options_;
  InheritedSignals inherited_;
  Reporter reporter_;
  SignalReader signals_;
  Candidate candidate_;
  Location location_;
  StateLines lines_;
  Hooks hooks_;
  ServiceManager service_;
  std::optional<ParentWatch> parent_;  ///< for --die-with-parent

  KeeperLink* link_ = nullptr;  ///< to the present keeper
  std::deque<Order> orders_;    ///< not given yet, since the link had no room
  ElectMetrics metrics_;
  KnownLeaders leaders_;
  Time alive_at_;              ///< when the last SIGUSR1 came
  bool has_old_news_ = false;  ///< of a leadership: whether it has ended, or its renewals
  bool is_hung_ = false;       ///< no SIGUSR1 has come in time
  bool reports_hung_ = false;  ///< that is to be reported once the order is given
  bool stop_key_ = false;      ///< the terminal's stop key was pressed
  bool stopping_ = false;
  int status_ = kExitOk;
  int dies_of_ = 0;
};

}  // namespace

int elect(const Options& options) {
  fill_standard_descriptors();
  return Elect(options)();
}

}  // namespace cluster_leader
