#include "commands/elect.h"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/exit_code.h"
#include "base/poller.h"
#include "commands/advice.h"
#include "commands/candidate.h"
#include "commands/hooks.h"
#include "commands/keeper.h"
#include "commands/keeper_death.h"
#include "commands/lease_environment.h"
#include "commands/place.h"
#include "commands/reporter.h"
#include "commands/run_ending.h"
#include "commands/session.h"
#include "commands/settle_for_keeper.h"
#include "commands/standing_message.h"
#include "commands/state_lines.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "process/hang_up.h"
#include "process/parent.h"
#include "process/proc.h"
#include "process/service_manager.h"

namespace cluster_leader {

namespace {

/// Between a keeper that died and the next one.
constexpr Duration kPauseBeforeKeeper = std::chrono::seconds(1);

/// Thousands of candidates do not ask at once when they begin, so that others are served as well.
constexpr std::size_t kBeginTogether = 256;
constexpr Duration kBeginPause = std::chrono::milliseconds(10);

/// The front of an election: the process that callers know. It says what the keeper tells it, runs
/// the hooks, and hands on what signals, parent and service manager want. If the keeper dies, it
/// gives back what that held and makes a new one.
class Elect : public FrontDuty {
 public:
  explicit Elect(const Options& options)
      : options_(options),
        inherited_(InheritedSignals::capture()),
        reporter_(options),
        signals_(inherited_),
        candidate_(make_candidate(options)),
        lines_(options, STDOUT_FILENO),
        hooks_(options, inherited_, reporter_),
        leaderships_(options.keys.size()),
        alive_at_(BootClock::now()) {
    if (options.die_with_parent) parent_.emplace();
  }

  int operator()() {
    std::string fault;
    const std::optional<Location> location = make_location(options_, fault);
    if (!location) {
      reporter_.error(fault);
      return kExitConfig;
    }
    if (!options_.command.empty() && !proc_is_ours()) {
      reporter_.error("needs a /proc of its own PID namespace, to find all processes of the job");
      return kExitOs;
    }
    location_ = *location;
    advise_on_ttl(options_.timeline, reporter_);
    while (!stopping_ && !keep_once()) pause();
    take_leave();
    if (dies_of_ != 0) die_of(dies_of_);
    return status_;
  }

 private:
  bool has_command() const { return !options_.command.empty(); }

  // --- The keeper ---

  /// From the fork of a keeper to its end. True if it has said its last word.
  bool keep_once() {
    KeeperLink link;
    link_ = &link;
    const Keeper keeper = fork_keeper(link, /*terminal=*/false,
                                      [&](int front_pidfd) { return be_keeper(front_pidfd); });
    const KeeperEnd end = stand_guard(keeper, link, signals_, /*terminal=*/false,
                                      options_.timeline.margin / 3, *this);
    link_ = nullptr;
    if (end.last_word) {
      conclude(*end.last_word);
      return true;
    }
    give_back();
    const std::string job = has_command() && end.killed_job ? ", killed the job" : "";
    reporter_.error(keeper_death(end).text + job + (stopping_ ? "" : "; making a new one"));
    return false;
  }

  int be_keeper(int front_pidfd) {
    Poller poller;
    Session session(
        open_store(location_, candidate_), describe(location_),
        [this] { return new_holder(options_.node); }, reporter_);
    const Time now = BootClock::now();
    for (std::size_t i = 0; i < options_.keys.size(); ++i) {
      const Time begin = now + kBeginPause * (i / kBeginTogether);
      session.add(full_key(options_, options_.keys[i]), options_.keys[i],
                  make_supervisor(options_, i, begin));
    }
    KeeperDuty duty{options_, inherited_};
    duty.rests = is_hung_;
    return keep(session, duty, poller, *link_, signals_, front_pidfd, reporter_);
  }

  /// What the keeper had is nobody's any more; nothing of the job is alive.
  void give_back() {
    for (std::size_t i = 0; i < leaderships_.size(); ++i) {
      if (leaderships_[i].standing == Standing::kLeader) learn(i, {Standing::kNone, {}, {}});
    }
    lines_.write();
    std::vector<LeftLease> leases;
    for (auto& [index, had] : not_seen_released_) {
      leases.push_back({{full_key(options_, options_.keys[index]), had.holder}, had.token});
    }
    not_seen_released_.clear();
    settle_for_keeper(location_, candidate_, leases, options_.timeline.connect);
  }

  void conclude(const LinkMessage& word) {
    // What was asked of us has been done.
    if (stopping_) return;
    if (static_cast<Outcome>(word.verdict) == Outcome::kFailed) {
      const auto trouble = static_cast<Trouble>(word.value);
      status_ = trouble == Trouble::kDenied ? kExitDenied : kExitConfig;
      return;
    }
    status_ = shell_status(word.status);
    if (const auto why = why_not_run(word.status, options_.command[0])) {
      reporter_.error(describe_place(options_.keys.front(), location_) + ": " + *why);
    }
    if (word.status.kind == JobStatus::Kind::kSignaled) dies_of_ = word.status.value;
  }

  /// Before the next keeper.
  void pause() {
    wait_until([] { return false; }, BootClock::now() + kPauseBeforeKeeper);
  }

  /// Says what is to be said and lets the hooks end, which are killed after a ttl.
  void take_leave() {
    hooks_.advance(BootClock::now());
    wait_until([&] { return !hooks_.is_busy() && !lines_.has_unwritten(); },
               BootClock::now() + (hooks_.is_busy() ? options_.timeline.ttl : kLastWords));
    hooks_.give_up();
  }

  /// Goes on with our own duties while there is no keeper, until `done` or `latest`.
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
        if (signal->signo != SIGCHLD && signal->sender != ::getpid()) take(*signal);
      }
      for (const ChildChange& change : tree.reap().changes) hear(change);
      advance(poller, now);
      if (now >= latest) return;
    }
  }

  // --- What the guard asks of us ---

  void watch(Poller& poller) override {
    lines_.watch(poller);
    if (parent_ && !stopping_) {
      parent_->watch(poller);
      watch_hang_up(STDIN_FILENO, poller);
    }
  }

  Time wake_at() const override {
    Time due = std::min(hooks_.wake_at(), service_.wake_at());
    if (watches_keepalive()) due = std::min(due, alive_at_ + options_.keepalive_timeout);
    return due;
  }

  void advance(const Poller& poller, Time now) override {
    lines_.advance(poller);
    hooks_.advance(now);
    tell_service_manager(now);
    if (!stopping_) look_around(poller, now);
    if (std::exchange(has_old_news_, false)) orders_.push_back(Order::kRepeat);
    while (link_ != nullptr && !orders_.empty() && give_order(*link_, orders_.front())) {
      orders_.pop_front();
    }
    if (std::exchange(says_hung_, false)) {
      reporter_.warning(
          "no SIGUSR1 has come in time (--keepalive-timeout): resigning until one does");
    }
    // Last, since the time is stale afterwards. The keeper renews on.
    if (std::exchange(stop_key_, false)) stop_ourselves();
  }

  void look_around(const Poller& poller, Time now) {
    if (parent_ && (parent_->is_gone(poller) || is_hung_up(STDIN_FILENO, poller))) stop(0);
    // Without a command or hooks, what we say is all that we are there for.
    const bool only_says =
        !has_command() && options_.on_leader.empty() && options_.on_follower.empty();
    if (only_says && lines_.is_reader_gone()) stop(SIGPIPE);
    if (watches_keepalive() && now >= alive_at_ + options_.keepalive_timeout) {
      is_hung_ = true;
      says_hung_ = true;
      orders_.push_back(Order::kRest);
    }
  }

  bool has_job() const override { return has_command(); }

  bool take(const SignalArrival& signal) override {
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
        if (std::exchange(is_hung_, false)) orders_.push_back(Order::kStand);
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

  void hear(const LinkMessage& message) override {
    if (message.kind != LinkMessage::Kind::kStanding) return;
    const StandingNews news = standing_news(message);
    if (news.leadership.standing == Standing::kFollower && runs_under(news.leadership.holder)) {
      if (!stopping_) refuse_nested(news.contest);
      return;
    }
    // We may have slept, or been stopped, for longer than a leader leads that nobody hears of; or
    // it leads on, which the keeper then tells once more.
    if (news.leadership.standing == Standing::kLeader && BootClock::now() >= news.good_until) {
      learn(news.contest, {Standing::kNone, {}, {}});
      not_seen_released_[news.contest] = news.leadership;
      has_old_news_ = true;
      return;
    }
    learn(news.contest, news.leadership);
  }

  void hear(const ChildChange& change) override { hooks_.hear(change); }

  void refuse_nested(std::size_t index) {
    status_ = kExitUsage;
    stop(0);
    reporter_.error(describe_place(options_.keys[index], location_) + ": " + kRefusalOfNested);
  }

  void hear_alive(const std::vector<Survivor>& alive) override {
    reporter_.error(survivors_of_keeper(alive));
  }

  // --- What we know and say ---

  void learn(std::size_t index, const Leadership& leadership) {
    Leadership& known = leaderships_[index];
    known_ += known.standing == Standing::kUnknown ? 1 : 0;
    leading_ -= known.standing == Standing::kLeader ? 1 : 0;
    leading_ += leadership.standing == Standing::kLeader ? 1 : 0;
    note_lease(index, known, leadership);
    known = leadership;
    lines_.say(index, leadership);
    hooks_.say(index, leadership);
  }

  void tell_service_manager(Time now) {
    if (service_.is_there()) {
      service_.status("leader of " + std::to_string(leading_) + " of " +
                      std::to_string(leaderships_.size()) + " keys");
      if (known_ == leaderships_.size()) service_.ready();
    }
    service_.beat(now);
  }

  /// Who leads no more gives its lease back only then, and may be killed before.
  void note_lease(std::size_t index, const Leadership& before, const Leadership& now) {
    const bool is_led_by_anybody =
        now.standing == Standing::kLeader || now.standing == Standing::kFollower;
    if (is_led_by_anybody) {
      not_seen_released_.erase(index);
    } else if (before.standing == Standing::kLeader) {
      not_seen_released_[index] = before;
    }
  }

  /// Ends the election; `signo` is what we die of then, 0: nothing.
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

  /// How long a reader that does not read may hold up our end.
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
  std::deque<Order> orders_;    ///< that the link had no room for yet
  std::vector<Leadership> leaderships_;
  /// By key: what its keeper has led last, where that may still have the lease though it leads no
  /// more.
  std::map<std::size_t, Leadership> not_seen_released_;
  std::size_t known_ = 0;  ///< keys of which something was heard
  std::size_t leading_ = 0;
  Time alive_at_;              ///< when the last SIGUSR1 came
  bool has_old_news_ = false;  ///< of a leadership that may have ended since
  bool is_hung_ = false;       ///< none has come in time
  bool says_hung_ = false;     ///< that is to be said once the order is given
  bool stop_key_ = false;      ///< we are to stop as a terminal's key stops a process
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
