#include "commands/run.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/machine.h"
#include "base/poller.h"
#include "base/random.h"
#include "commands/keeper.h"
#include "commands/metrics_file.h"
#include "commands/place.h"
#include "commands/reporter.h"
#include "commands/result_file.h"
#include "commands/run_ending.h"
#include "commands/session.h"
#include "exit_code.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "process/proc.h"
#include "store/location.h"

namespace cluster_leader {

namespace {

Claim make_claim(const Options& options) {
  Claim claim;
  claim.key.value = options.prefix + options.key;
  claim.holder.value = options.node + '/' + random_hex_128();
  claim.ttl = options.timeline.ttl;
  claim.node = options.node;
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, sizeof host - 1);
  claim.host = host;
  claim.pid = ::getpid();
  for (const std::string& argument : options.command) {
    claim.command.append(claim.command.empty() ? "" : " ").append(argument);
  }
  constexpr std::size_t kEnoughForPeople = 200;
  claim.command.resize(std::min(claim.command.size(), kEnoughForPeople));
  if (options.aftermath.park) claim.identity = machine_identity(options.node);
  claim.aftermath = options.aftermath;
  claim.joins = options.policy.join;
  return claim;
}

/// Our environment with the lease in it. Whatever an outer cluster-leader set does not reach the
/// job: without a lease there is no holder and no token.
std::vector<std::string> job_environment(const Options& options, const Claim& claim,
                                         const Supervisor& supervisor) {
  std::vector<std::pair<std::string, std::string>> ours = {
      {"CLUSTER_LEADER_KEY", options.key},
      {"CLUSTER_LEADER_HOLDER", claim.holder.value},
      {"CLUSTER_LEADER_TOKEN", std::to_string(supervisor.token().value)},
      {"CLUSTER_LEADER_TTL_MS", std::to_string(ceil_ms(claim.ttl))},
      {"CLUSTER_LEADER_NODE", options.node},
  };
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const auto is_name = [&](const auto& variable) { return variable.first == name; };
    if (std::none_of(ours.begin(), ours.end(), is_name)) environment.emplace_back(text);
  }
  for (const auto& [name, value] : ours) {
    const bool of_lease = name == "CLUSTER_LEADER_HOLDER" || name == "CLUSTER_LEADER_TOKEN";
    if (of_lease && supervisor.token() == Token{}) continue;
    environment.emplace_back(name).append("=").append(value);
  }
  return environment;
}

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options),
        inherited_(InheritedSignals::capture()),
        reporter_(options),
        signals_(inherited_),
        terminal_(has_terminal()),
        claim_(make_claim(options)) {}

  int operator()() {
    const RunEnding ending = go();
    tell_files(ending);
    if (ending.signal != 0) die_of(ending.signal);
    return ending.status;
  }

 private:
  RunEnding go() {
    ending_.asked_ms = wall_clock_ms();
    std::string fault;
    const std::optional<Location> location = make_location(options_, fault);
    if (!location) {
      reporter_.error(fault);
      return end(RunEnding::Outcome::kError, kExitConfig);
    }
    if (!proc_is_ours()) {
      // Looking for descendants in other ways takes longer than a lease can wait.
      reporter_.error("needs a /proc of its own PID namespace, to find all processes of the job");
      return end(RunEnding::Outcome::kError, kExitOs);
    }
    location_ = *location;
    where_ = describe_place(options_.key, location_);
    advise();
    session_.emplace(Supervisor(options_.timeline, options_.policy, random_u64(), BootClock::now()),
                     open_store(location_, claim_, options_.policy.wait_while_busy), where_,
                     reporter_);
    const bool granted = stand();
    ending_.decided_ms = wall_clock_ms();
    ending_.leader = session_->leader();
    if (granted) return supervise();
    switch (session_->supervisor().outcome()) {
      case Outcome::kAborted:
        return end(RunEnding::Outcome::kError, 128 + aborted_by_, aborted_by_);
      case Outcome::kFollower:
        return follow();
      case Outcome::kJoined:
        return join();
      default:
        return do_without_server();
    }
  }

  RunEnding end(RunEnding::Outcome outcome, int status, int signal = 0) {
    ending_.outcome = outcome;
    ending_.status = status;
    ending_.signal = signal;
    return ending_;
  }

  void advise() {
    if (options_.timeline.ttl < std::chrono::seconds(5)) {
      reporter_.info("a ttl below 5 s loses leases on short hiccups of the network");
    } else if (options_.timeline.ttl > std::chrono::minutes(1)) {
      reporter_.info("a ttl above 60 s makes a failover slow when a machine dies");
    }
    if (options_.aftermath.park) {
      reporter_.info("the key stays parked to this node for a ttl after the job (" +
                     std::to_string(ceil_ms(options_.timeline.ttl)) +
                     " ms); a timer with a longer period changes the leader at every tick");
    }
  }

  /// Stands as a candidate. True if the lease is ours and the job is to be started.
  bool stand() {
    Poller poller;
    for (;;) {
      // A grant is not the end: a signal that came with it, or before, counts first; and we may
      // have been stopped by one for longer than the lease lasts.
      take_signals();
      session_->tell(Tick{}, BootClock::now());
      if (session_->supervisor().phase() == Phase::kDone) return false;
      if (session_->supervisor().phase() == Phase::kGranted) return true;
      session_->watch(poller);
      poller.watch(signals_.fd(), POLLIN);
      session_->advance(poller, poller.wait(session_->wake_at()));
    }
  }

  void take_signals() {
    while (const std::optional<SignalArrival> signal = signals_.next()) {
      // SIGXFSZ for a file of ours that may not grow; the write that failed says so as well.
      if (signal->sender == ::getpid()) continue;
      if (signal->signo == SIGTSTP && terminal_) {
        stop_ourselves();
      } else if (ends_by_default(signal->signo)) {
        if (aborted_by_ == 0) aborted_by_ = signal->signo;
        session_->tell(AbortAsked{}, BootClock::now());
      }
    }
  }

  RunEnding follow() {
    ending_.joined = session_->done();
    const std::string& leader = session_->leader();
    if (session_->done()) {
      reporter_.info(where_ + ": follower; the run of " + leader +
                     " ended well and is not repeated yet");
    } else {
      reporter_.info(where_ + ": follower" + (leader.empty() ? "" : "; it is held by " + leader));
    }
    return end(RunEnding::Outcome::kFollower, options_.follower_status);
  }

  RunEnding join() {
    const Done& done = *session_->done();
    ending_.joined = done;
    ending_.started_ms = done.result.started_ms;
    ending_.finished_ms = done.result.finished_ms;
    reporter_.info(where_ + ": joined the run of " + done.node + ", which ended with status " +
                   std::to_string(done.result.status));
    return end(RunEnding::Outcome::kJoined, done.result.status);
  }

  /// No lease is to be had: what the user wants to happen then.
  RunEnding do_without_server() {
    const Trouble trouble = session_->supervisor().trouble();
    if (is_permanent(trouble)) {
      reporter_.error(failure());
      return end(RunEnding::Outcome::kError,
                 trouble == Trouble::kDenied ? kExitDenied : kExitConfig);
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
    session_.emplace(
        Supervisor::without_lease(options_.timeline, options_.policy, BootClock::now()), nullptr,
        where_, reporter_);
    return supervise();
  }

  std::string failure() const {
    return where_ + ": " + (session_->failure().empty() ? "no usable answer" : session_->failure());
  }

  /// From the fork of the keeper to the end.
  RunEnding supervise() {
    reporter_.info(where_ + ": leader, token " +
                   std::to_string(session_->supervisor().token().value));
    const Supervisor supervisor = session_->supervisor();
    ending_.token = supervisor.token();
    const KeeperDuty duty{{options_.command, job_environment(options_, claim_, supervisor),
                           inherited_, terminal_ ? ::getpgrp() : 0},
                          options_.stop_signal,
                          options_.timeline};
    std::optional<KeeperLink> link;
    std::optional<Keeper> keeper;
    try {
      link.emplace();
      if (supervisor.state().lease_sent_at) {
        link->set_deadline(options_.timeline.kill_at(*supervisor.state().lease_sent_at));
      }
      // Made here, where its failure can still be answered with a release on the open connection.
      Poller poller;
      keeper = fork_keeper(*link, terminal_, [&](int front_pidfd) {
        return keep(*session_, duty, poller, *link, signals_, front_pidfd, reporter_);
      });
    } catch (const std::system_error& error) {
      // Its descriptors are free for giving the lease back.
      link.reset();
      return give_back(error);
    }
    // The connection is the keeper's now; ours closes without a word to the server.
    session_.reset();
    const KeeperEnd end_of_keeper =
        stand_guard(*keeper, *link, signals_, terminal_, options_.timeline.margin / 3);
    if (!end_of_keeper.last_word) {
      reporter_.error(where_ + ": the keeper of the lease was killed or failed; stopped the job");
      if (supervisor.state().lease_sent_at) {
        try {
          settle_for_keeper(supervisor.token());
        } catch (const std::system_error&) {
          // The lease then ends with its ttl.
        }
      }
      return end(RunEnding::Outcome::kLost, kExitLost);
    }
    return conclude(*end_of_keeper.last_word);
  }

  /// The job could not be started for want of something; the lease goes back at once.
  RunEnding give_back(const std::system_error& error) {
    reporter_.error(where_ + ": the job could not be started: " + error.what());
    session_->tell(StartFailed{}, BootClock::now());
    for (Poller poller; session_->supervisor().phase() != Phase::kDone;) {
      session_->watch(poller);
      session_->advance(poller, poller.wait(session_->wake_at()));
    }
    return end(RunEnding::Outcome::kError, kExitOs);
  }

  /// Gives the lease back in the place of a keeper that died; nothing of the job is alive. Whatever
  /// goes wrong, the server forgets the lease by itself at the end of its ttl.
  void settle_for_keeper(Token token) {
    Poller poller;
    const std::unique_ptr<Store> store = open_store(location_, claim_, false);
    const Time begin = BootClock::now();
    const Time latest = begin + options_.timeline.connect;
    store->send({RequestKind::kSettle, 1, token}, begin);
    for (Time now = begin; now < latest;) {
      store->watch(poller);
      now = poller.wait(std::min(latest, store->wake_at()));
      if (store->advance(poller, now)) return;
    }
  }

  RunEnding conclude(const LinkMessage& word) {
    ending_.started_ms = word.started_ms;
    ending_.finished_ms = word.finished_ms;
    ending_.renewals = word.renewals;
    ending_.slowest_renewal = word.slowest_renewal;
    const auto outcome = static_cast<Outcome>(word.verdict);
    if (outcome == Outcome::kLost) return end(RunEnding::Outcome::kLost, kExitLost);
    if (outcome == Outcome::kFailed || outcome == Outcome::kAborted ||
        outcome == Outcome::kFollower) {
      reporter_.error(where_ + ": granted too late to start the job");
      return end(RunEnding::Outcome::kUnavailable, kExitUnavailable);
    }
    const int status = shell_status(word.status);
    const std::string reason = std::generic_category().message(word.status.value);
    switch (word.status.kind) {
      case JobStatus::Kind::kExited:
        return end(RunEnding::Outcome::kRan, status);
      case JobStatus::Kind::kSignaled:
        return end(RunEnding::Outcome::kRan, status, word.status.value);
      case JobStatus::Kind::kNotExecuted:
        reporter_.error("cannot execute " + options_.command[0] + ": " + reason);
        break;
      case JobStatus::Kind::kNotStarted:
        reporter_.error(where_ + ": the job could not be started: " + reason);
        break;
      case JobStatus::Kind::kNone:
        break;
    }
    return end(RunEnding::Outcome::kError, status);
  }

  void tell_files(const RunEnding& ending) {
    const auto write = [&](const std::string& path, auto&& write_file) {
      if (path.empty()) return;
      // The job's status is worth more than the file: a failure is only told.
      if (const auto fault = write_file()) reporter_.error("cannot write " + path + ": " + *fault);
    };
    write(options_.result_file,
          [&] { return write_result_file(options_.result_file, options_, claim_, ending); });
    write(options_.metrics_file,
          [&] { return write_metrics_file(options_.metrics_file, options_, ending); });
  }

  const Options& options_;
  InheritedSignals inherited_;
  Reporter reporter_;
  SignalReader signals_;
  bool terminal_;
  Claim claim_;
  Location location_;
  std::string where_;
  std::optional<Session> session_;
  RunEnding ending_;  ///< what is known so far
  int aborted_by_ = 0;
};

}  // namespace

int run(const Options& options) {
  fill_standard_descriptors();
  return Run(options)();
}

}  // namespace cluster_leader
