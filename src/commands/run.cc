#include "commands/run.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/exit_code.h"
#include "base/poller.h"
#include "base/random.h"
#include "commands/lease_text.h"
#include "commands/setup.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "process/parent.h"
#include "process/proc.h"
#include "report/metrics_file.h"
#include "report/reporter.h"
#include "report/result_file.h"
#include "report/run_ending.h"
#include "report/wording.h"
#include "store/location.h"
#include "supervise/keeper.h"
#include "supervise/keeper_death.h"
#include "supervise/lease_environment.h"
#include "supervise/orphaned_leases.h"
#include "supervise/session.h"

namespace cluster_leader {

namespace {

/// Ends the job when the process that started us is gone (--die-with-parent), and reports what is
/// alive of it when it should not be.
class RunDuty : public FrontDuty {
 public:
  RunDuty(const ParentWatch* parent, KeeperLink& link, Reporter& reporter, const std::string& where)
      : parent_(parent), link_(link), reporter_(reporter), where_(where) {}

  void watch(Poller& poller) override {
    if (parent_ != nullptr) parent_->watch(poller);
  }
  void advance(const Poller& poller, Time) override {
    if (parent_ == nullptr || !parent_->is_gone(poller)) return;
    // A link without room is tried again in the next turn, which comes at once.
    if (give_order(link_, Order::kStop)) parent_ = nullptr;
  }
  void report_survivors(const std::vector<Survivor>& alive) override {
    reporter_.error(where_ + ": " + survivors_of_keeper(alive));
  }

 private:
  const ParentWatch* parent_;
  KeeperLink& link_;
  Reporter& reporter_;
  const std::string& where_;
};

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options),
        inherited_(InheritedSignals::capture()),
        reporter_(log_style(options)),
        signals_(inherited_),
        terminal_(has_terminal()),
        candidate_(make_candidate(options)),
        key_(full_key(options, name())) {
    ending_.key = name();
    ending_.node = options.node;
    if (options.die_with_parent) parent_.emplace();
  }

  [[noreturn]] void operator()() {
    const RunEnding ending = go();
    write_files(ending);
    if (ending.signal != 0) die_of(ending.signal);
    // Everything is written. Freeing what the kernel takes back at once would cost a twentieth of a
    // short run.
    ::_exit(ending.status);
  }

 private:
  const std::string& name() const { return options_.keys.front(); }
  const Supervisor& supervisor() const { return session_->at(0).supervisor; }

  RunEnding go() {
    ending_.asked_ms = wall_clock_ms();
    const std::optional<Location> location = make_location(options_, reporter_);
    if (!location) return end(RunEnding::Outcome::kError, kExitConfig);
    if (!proc_is_ours()) {
      // Looking for descendants in other ways takes longer than a lease can wait.
      reporter_.error(
          "/proc must show this PID namespace, so that all processes of the job can be found");
      return end(RunEnding::Outcome::kError, kExitOs);
    }
    location_ = *location;
    create_directory(location_, reporter_);
    server_ = server_name(options_, location_);
    where_ = describe_key(name(), server_);
    report_hints();
    open_session(open_store(location_, candidate_),
                 Supervisor(options_.timeline, options_.policy, random_u64(), BootClock::now()));
    const bool granted = campaign();
    ending_.holder = session_->at(0).own;
    ending_.decided_ms = wall_clock_ms();
    ending_.leader = session_->at(0).leader();
    if (granted) return supervise();
    if (aborted_by_ == 0 && is_nested()) {
      reporter_.error(where_ + ": " + kRefusalOfNested);
      return end(RunEnding::Outcome::kError, kExitUsage);
    }
    switch (supervisor().outcome()) {
      case Outcome::kAborted:
        return end(RunEnding::Outcome::kError, 128 + aborted_by_, aborted_by_);
      case Outcome::kFollower:
        return follow();
      case Outcome::kSuperseded:
        reporter_.warning(where_ + ": follower; " +
                          describe_stop_request({session_->at(0).leader(), /*supersedes=*/true}));
        return end(RunEnding::Outcome::kSuperseded, options_.follower_status);
      case Outcome::kJoined:
        return join();
      default:
        return do_without_server();
    }
  }

  void open_session(std::unique_ptr<Store> store, const Supervisor& supervisor) {
    session_.emplace(
        std::move(store), server_, [this] { return new_holder(options_.node); }, reporter_);
    session_->add(key_, name(), supervisor);
  }

  /// Passes `event` to the supervisor, whose phase then says what is left to do.
  void step(const Event& event) {
    ToDos rest;
    session_->step(0, event, BootClock::now(), rest);
  }

  RunEnding end(RunEnding::Outcome outcome, int status, int signal = 0) {
    ending_.outcome = outcome;
    ending_.status = status;
    ending_.signal = signal;
    return ending_;
  }

  void report_hints() {
    report_ttl_hint(options_.timeline, reporter_);
    if (options_.aftermath.park) {
      reporter_.info("the key stays parked for this node for a ttl after the job (" +
                     std::to_string(ceil_ms(options_.timeline.ttl)) +
                     " ms); a timer with a longer period changes the leader at every tick");
    }
  }

  /// Campaigns for the lease. True if it was granted and the job is to be started.
  bool campaign() {
    Poller poller;
    for (;;) {
      // After a grant, too: a signal that came with it or before it goes first, and we may have
      // been stopped by one for longer than the lease lasts.
      take_signals();
      step(Tick{});
      if (supervisor().phase() == Phase::kDone) return false;
      if (supervisor().phase() == Phase::kGranted) return true;
      session_->watch(poller);
      poller.watch(signals_.fd(), POLLIN);
      if (parent_) parent_->watch(poller);
      ToDos rest;
      session_->advance(poller, poller.wait(session_->wake_at()), rest);
      if (parent_ && parent_->is_gone(poller)) abort_for(SIGTERM);
      if (is_nested()) step(AbortRequested{});
    }
  }

  /// Whether the lease that we wait for ends only after us.
  bool is_nested() const { return runs_under(session_->at(0).other); }

  void abort_for(int signo) {
    if (aborted_by_ == 0) aborted_by_ = signo;
    step(AbortRequested{});
  }

  void take_signals() {
    while (const std::optional<SignalArrival> signal = signals_.next()) {
      // SIGXFSZ for a file of ours that may not grow; the write that failed says so as well.
      if (signal->sender == ::getpid()) continue;
      if (signal->signo == SIGTSTP && terminal_) {
        stop_ourselves();
      } else if (ends_by_default(signal->signo)) {
        abort_for(signal->signo);
      }
    }
  }

  RunEnding follow() {
    const Campaign& campaign = session_->at(0);
    if (campaign.done) {
      ending_.joined = *campaign.done;
      reporter_.info(where_ + ": follower; the run of " + campaign.leader() +
                     " succeeded and is not repeated yet (--once)");
      return end(RunEnding::Outcome::kFollower, options_.follower_status);
    }
    const HolderId& other = campaign.other;
    const std::string holder = supervisor().is_shared() ? std::string("; ") + kAllSlotsTaken
                               : other.value.empty()    ? ""
                                                        : "; " + describe_holder(other);
    const Duration wait = options_.policy.busy_patience;
    // Whoever chose to wait wants to know for whom in vain; one that tried once is silent, since
    // cron mails every byte.
    if (wait > Duration::zero()) {
      reporter_.warning(where_ + ": follower after waiting " + short_duration(wait) + holder);
    } else {
      reporter_.info(where_ + ": follower" + holder);
    }
    return end(RunEnding::Outcome::kFollower, options_.follower_status);
  }

  RunEnding join() {
    const Done& done = *session_->at(0).done;
    ending_.joined = done;
    ending_.started_ms = done.result.started_ms;
    ending_.finished_ms = done.result.finished_ms;
    reporter_.info(where_ + ": joined the run of " + done.node + ", which ended with status " +
                   std::to_string(done.result.status));
    return end(RunEnding::Outcome::kJoined, done.result.status);
  }

  /// There is no lease to get: does what --if-unavailable says.
  RunEnding do_without_server() {
    const Trouble trouble = supervisor().trouble();
    if (trouble == Trouble::kExhausted || is_permanent(trouble)) {
      reporter_.error(failure());
      return end(RunEnding::Outcome::kError, exit_status_of(trouble));
    }
    switch (options_.if_unavailable) {
      case Options::IfUnavailable::kFail:
        reporter_.error(failure());
        return end(RunEnding::Outcome::kUnavailable, kExitUnavailable);
      case Options::IfUnavailable::kSkip:
        reporter_.info(failure() + "; skipped (--if-unavailable skip)");
        return end(RunEnding::Outcome::kUnavailable, options_.follower_status);
      case Options::IfUnavailable::kRun:
        break;
    }
    reporter_.error(failure() + "; running WITHOUT a lease (--if-unavailable run)");
    open_session(nullptr,
                 Supervisor::without_lease(options_.timeline, options_.policy, BootClock::now()));
    return supervise();
  }

  std::string failure() const {
    const std::string& failure = session_->at(0).failure;
    return describe_failure(name(), server_, failure.empty() ? "no usable answer" : failure) +
           (supervisor().is_server_young() ? "; use a --wait of at least that" : "");
  }

  KeeperPlan keeper_plan() const {
    KeeperPlan plan;
    plan.terms.kind = TermPolicy::Kind::kOne;
    plan.terms.has_command = true;
    plan.timeline = options_.timeline;
    plan.command = options_.command;
    plan.environment = {.node = options_.node, .ttl = options_.timeline.ttl};
    plan.inherited = inherited_;
    plan.terminal_group = terminal_ ? ::getpgrp() : 0;
    plan.stop_signal = options_.stop_signal;
    plan.names_leftovers = log_style(options_).verbose;
    return plan;
  }

  /// From the fork of the keeper to the end.
  RunEnding supervise() {
    const Supervisor supervisor = this->supervisor();
    reporter_.info(where_ + ": leader, token " + std::to_string(supervisor.token().value) +
                   (supervisor.is_shared() ? ", slot " + std::to_string(supervisor.slot()) : ""));
    ending_.token = supervisor.token();
    ending_.slot = supervisor.slot();
    const KeeperPlan plan = keeper_plan();
    std::optional<KeeperLink> link;
    std::optional<Keeper> keeper;
    try {
      link.emplace();
      link->set_deadline(supervisor.kill_at());
      // Made here, where the open connection can still release the lease if this fails.
      Poller poller;
      keeper = fork_keeper(*link, terminal_, [&](int front_pidfd) {
        return keep(*session_, plan, poller, *link, signals_, front_pidfd, reporter_);
      });
    } catch (const std::system_error& error) {
      // The release may need its descriptors.
      link.reset();
      return release_unused(error);
    }
    // The keeper has the connection now; our copy is closed without a word to the server.
    session_.reset();
    detach_from_caller();
    RunDuty duty_of_front(parent_ ? &*parent_ : nullptr, *link, reporter_, where_);
    const KeeperEnd end_of_keeper = watch_keeper(*keeper, *link, signals_, terminal_,
                                                 options_.timeline.margin / 3, duty_of_front);
    if (!end_of_keeper.last_word) return end_for_keeper(end_of_keeper, supervisor);
    return conclude(*end_of_keeper.last_word);
  }

  /// The keeper is dead, and so is the job: releases the lease.
  RunEnding end_for_keeper(const KeeperEnd& keeper, const Supervisor& supervisor) {
    if (supervisor.is_leased()) {
      release_orphans(location_, candidate_,
                      {{key_, ending_.holder, supervisor.token(), supervisor.slot()}},
                      options_.timeline.connect);
    }
    const KeeperDeath death = keeper_death(keeper);
    reporter_.error(where_ + ": " + death.text + (keeper.killed_job ? "; killed the job" : ""));
    return end(death.status == kExitLost ? RunEnding::Outcome::kLost : RunEnding::Outcome::kError,
               death.status);
  }

  /// The operating system would not start the job: releases the lease at once.
  RunEnding release_unused(const std::system_error& error) {
    step(StartFailed{});
    for (Poller poller; supervisor().phase() != Phase::kDone;) {
      session_->watch(poller);
      ToDos rest;
      session_->advance(poller, poller.wait(session_->wake_at()), rest);
    }
    reporter_.error(where_ + ": the job could not be started: " + error.what());
    return end(RunEnding::Outcome::kError, kExitOs);
  }

  RunEnding conclude(const LinkMessage& word) {
    ending_.started_ms = word.started_ms;
    ending_.finished_ms = word.finished_ms;
    ending_.renewals = word.renewals;
    ending_.slowest_renewal = word.slowest_renewal;
    const auto outcome = static_cast<Outcome>(word.verdict);
    if (outcome == Outcome::kLost) return end(RunEnding::Outcome::kLost, kExitLost);
    if (outcome == Outcome::kAskedBack) return end(RunEnding::Outcome::kAsked, kExitLost);
    if (outcome == Outcome::kSuperseded) return end(RunEnding::Outcome::kSuperseded, kExitLost);
    if (outcome == Outcome::kFailed || outcome == Outcome::kAborted ||
        outcome == Outcome::kFollower) {
      reporter_.error(where_ + ": granted too late to start the job");
      return end(RunEnding::Outcome::kUnavailable, kExitUnavailable);
    }
    const int status = shell_status(word.status);
    if (const auto why = why_not_run(word.status, options_.command)) {
      reporter_.error(where_ + ": " + *why);
      return end(RunEnding::Outcome::kError, status);
    }
    if (word.status.kind == JobStatus::Kind::kNone) return end(RunEnding::Outcome::kError, status);
    const bool was_killed = word.status.kind == JobStatus::Kind::kSignaled;
    return end(RunEnding::Outcome::kRan, status, was_killed ? word.status.value : 0);
  }

  void write_files(const RunEnding& ending) {
    const auto write = [&](const std::string& path, auto&& write_file) {
      if (path.empty()) return;
      // The job's status is worth more than the file: a failure is only reported.
      if (const auto fault = write_file()) reporter_.error("cannot write " + path + ": " + *fault);
    };
    write(options_.result_file, [&] { return write_result_file(options_.result_file, ending); });
    write(options_.metrics_file, [&] { return write_metrics_file(options_.metrics_file, ending); });
  }

  const Options& options_;
  InheritedSignals inherited_;
  Reporter reporter_;
  SignalReader signals_;
  bool terminal_;
  Candidate candidate_;
  Key key_;
  std::optional<ParentWatch> parent_;  ///< for --die-with-parent
  Location location_;
  ServerName server_;
  std::string where_;
  std::optional<Session> session_;
  RunEnding ending_;  ///< as far as it is known
  int aborted_by_ = 0;
};

}  // namespace

void run(const Options& options) {
  fill_standard_descriptors();
  Run{options}();
}

}  // namespace cluster_leader
