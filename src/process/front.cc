#include "process/front.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "base/errors.h"
#include "base/poller.h"
#include "process/descriptors.h"
#include "process/proc.h"
#include "process/tree.h"

namespace cluster_leader {
namespace {

/// How long to wait for the next death before another sweep, which finds what the last one missed.
constexpr Duration kSweepPause = std::chrono::milliseconds(10);

/// How many signals to read in one turn, so that a storm of them cannot delay the deadline.
constexpr int kSignalsPerTurn = 64;

/// The keeper's exit statuses after an exception. After a last word, that decides.
constexpr int kBodyThrew = 70;
constexpr int kWasRefused = 71;

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/// Sends the front the text of an exception if the link has room, and returns `status`.
int fail(KeeperLink& link, int status, const char* what) {
  LinkMessage message{LinkMessage::Kind::kFailed};
  message.set_words(what);
  link.send(message);
  return status;
}

[[noreturn]] void run_keeper(KeeperLink& link, int front_pidfd,
                             const std::function<int(int)>& body) noexcept {
  int status = kBodyThrew;
  try {
    block_all_signals();
    link.be_keeper();
    become_subreaper();
    // No getppid() check: the pidfd is older than this process, so it shows a front that has
    // already died, and the body can then release the lease; an exit here would not.
    status = body(front_pidfd);
  } catch (const std::system_error& error) {
    status = fail(link, kWasRefused, error.what());
  } catch (const std::bad_alloc&) {
    status = fail(link, kWasRefused, "out of memory");
  } catch (const std::exception& error) {
    status = fail(link, kBodyThrew, error.what());
  } catch (...) {
  }
  // Not exit(3): what is in the front's buffers is for the front to write.
  ::_exit(status);
}

/// True if a program that dies of `signo` has most likely caused that itself.
bool is_crash(int signo) {
  return signo == SIGABRT || signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE ||
         signo == SIGILL;
}

/// What the front does while the keeper lives, and what it does afterwards.
class KeeperWatch {
 public:
  KeeperWatch(const Keeper& keeper, KeeperLink& link, SignalReader& signals, bool terminal,
              Duration grace, FrontDuty& duty)
      : keeper_(keeper),
        link_(link),
        signals_(signals),
        terminal_(terminal),
        grace_(grace),
        duty_(duty),
        tree_(keeper.strangers),
        early_keys_(keeper.early_keys) {}

  /// Returns when the keeper has died, or has missed its deadline by the grace.
  void watch() {
    // Signals were read before this, perhaps a SIGCHLD as well.
    reap();
    for (;;) {
      poller_.watch(keeper_.pidfd.get(), POLLIN);
      if (!link_.closed()) poller_.watch(link_.fd(), unsent_ ? POLLIN | POLLOUT : POLLIN);
      // Signals that cannot be forwarded yet stay in the kernel.
      if (!unsent_) poller_.watch(signals_.fd(), POLLIN);
      duty_.watch(poller_);
      const Time now = poller_.wait(std::min(latest_deadline(), duty_.wake_at()));
      forward_signals();
      // The keeper's last word wins over its death, and both over the deadline. That is read again,
      // because the keeper may have moved it while we waited or were stopped.
      const bool dead = poller_.ready(keeper_.pidfd.get()) != 0;
      const bool job_stopped = receive_messages();
      if (dead || end_.last_word) return;
      if (now >= latest_deadline()) {
        end_.how = KeeperEnd::How::kTooSlow;
        return;
      }
      duty_.advance(poller_, now);
      if (job_stopped && terminal_) stop_with_the_job();
    }
  }

  /// Kills what is left of the tree, and returns when all of it is dead.
  void clean_up() {
    ::syscall(SYS_pidfd_send_signal, keeper_.pidfd.get(), SIGKILL, nullptr, 0);
    // After its last word the tree is dead; a process that we may have adopted since, as the first
    // process of a container does, is not ours to kill.
    if (end_.last_word || !duty_.has_job()) {
      reap_keeper();
      receive_messages();
      return;
    }
    const Time should_be_dead = BootClock::now() + 2 * grace_;
    bool reported = false;
    for (;;) {
      tree_.sweep();
      if (reap()) return;
      if (!reported && BootClock::now() >= should_be_dead) reported = report_survivors();
      poller_.watch(signals_.fd(), POLLIN);
      poller_.wait(BootClock::now() + kSweepPause);
      // What the duty does not handle is dropped, because there is no job to forward it to.
      while (const auto arrival = signals_.next()) is_handled(*arrival);
      receive_messages();
    }
  }

  KeeperEnd end() {
    if (end_.last_word) end_.how = KeeperEnd::How::kFinished;
    return std::move(end_);
  }

 private:
  Time latest_deadline() const { return after(link_.deadline(), grace_); }

  /// Handles the keeper's messages; true if the job was stopped.
  bool receive_messages() {
    bool job_stopped = false;
    while (!link_.closed()) {
      const auto message = link_.receive();
      if (!message) break;
      if (message->kind == LinkMessage::Kind::kFinished) end_.last_word = message;
      if (message->kind == LinkMessage::Kind::kFailed) end_.failure = message->words();
      if (message->kind == LinkMessage::Kind::kStopped) job_stopped = true;
      if (message->kind == LinkMessage::Kind::kElection) duty_.handle_message(*message);
    }
    return job_stopped;
  }

  /// True if the whole tree is dead.
  bool reap() {
    const Reaped reaped = tree_.reap();
    for (const ChildChange& change : reaped.changes) {
      if (!change.has_ended()) continue;
      if (change.pid == keeper_.pid) {
        record_end(change);
      } else {
        // Children that had ended before the keeper did were reaped by the keeper.
        end_.killed_job |=
            change.code == CLD_KILLED && change.status == SIGKILL && !is_stranger(change.pid);
        duty_.handle_exit(change);
      }
    }
    return reaped.empty;
  }

  bool is_stranger(pid_t pid) const {
    const std::vector<pid_t>& strangers = keeper_.strangers;
    return std::find(strangers.begin(), strangers.end(), pid) != strangers.end();
  }

  void record_end(const ChildChange& change) {
    // A keeper that was too slow was killed by us.
    if (end_.how == KeeperEnd::How::kTooSlow) return;
    if (change.code == CLD_EXITED) {
      const bool was_refused = change.status == kWasRefused;
      end_.how = was_refused ? KeeperEnd::How::kRefused : KeeperEnd::How::kFailed;
    } else {
      end_.signal = change.status;
      end_.how = is_crash(change.status) ? KeeperEnd::How::kFailed : KeeperEnd::How::kKilled;
    }
  }

  /// True if there were any; zombies do not count.
  bool report_survivors() {
    const std::vector<Survivor> alive = survivors(tree_.members());
    if (!alive.empty()) duty_.report_survivors(alive);
    return !alive.empty();
  }

  void forward_signals() {
    for (int i = 0; i < kSignalsPerTurn; ++i) {
      if (!unsent_) {
        const auto arrival = signals_.next();
        if (!arrival) return;
        if (arrival->signo == SIGCHLD) reap();
        if (is_handled(*arrival) || !is_for_the_job(*arrival)) continue;
        unsent_ = arrival->signo;
      }
      if (!link_.closed() && !link_.send({LinkMessage::Kind::kSignal, *unsent_})) return;
      unsent_.reset();
    }
  }

  /// The shell must see us stopped whatever stopped the job, or its fg would not continue the job.
  void stop_with_the_job() {
    // The shell may have continued the job since the keeper's message.
    if (!job_is_stopped() || !stop_ourselves()) return;
    // The shell's SIGCONT went to the whole group. If we forwarded it as well, it could arrive
    // after the next stop key and undo that. But somebody may have continued us alone.
    if (job_is_stopped() && !is_pending(SIGTSTP) && !unsent_) unsent_ = SIGCONT;
  }

  /// True if the keeper has a stopped child in our group, or if /proc does not tell.
  bool job_is_stopped() const {
    const auto children = listed_children(keeper_.pid);
    if (!children || !proc_is_ours()) return true;
    return std::any_of(children->begin(), children->end(), [](pid_t child) {
      return ::getpgid(child) == ::getpgrp() && process_state(child) == 'T';
    });
  }

  /// True if it is not for the job, whatever the rules for forwarding are.
  bool is_handled(const SignalArrival& arrival) {
    if (arrival.signo == SIGCHLD) return true;
    // A signal that we caused ourselves, such as SIGXFSZ (setrlimit(2)), concerns only us.
    if (arrival.sender == ::getpid()) return true;
    return duty_.handle_signal(arrival);
  }

  bool is_for_the_job(const SignalArrival& arrival) {
    if (terminal_ && arrival.from_kernel && job_has_it_from_terminal(arrival.signo)) {
      return std::erase(early_keys_, arrival.signo) != 0;
    }
    // A signal that a member of the job sends to its group or its parent is not meant for itself.
    return arrival.sender == 0 || !descends_from(arrival.sender, keeper_.pid);
  }

  /// Whether the kernel sends `signo` to the whole group when it comes from a terminal. An alarm(2)
  /// that was set before we were executed also comes from the kernel, but only to us.
  static bool job_has_it_from_terminal(int signo) {
    switch (signo) {
      case SIGINT:
      case SIGQUIT:
      case SIGTSTP:
      case SIGWINCH:
        return true;
      case SIGHUP:
      case SIGCONT:
        // When a terminal is closed, the leader of its session is signalled first, and the others
        // only when the leader has ended.
        return ::getsid(0) != ::getpid();
      default:
        return false;
    }
  }

  /// Waits for the end of the keeper.
  void reap_keeper() {
    siginfo_t info{};
    int result = 0;
    do {
      result = ::waitid(P_PID, static_cast<id_t>(keeper_.pid), &info, WEXITED);
    } while (result != 0 && errno == EINTR);
    // Otherwise it was reaped before.
    if (result == 0) record_end({info.si_pid, info.si_code, info.si_status});
  }

  const Keeper& keeper_;
  KeeperLink& link_;
  SignalReader& signals_;
  bool terminal_;
  Duration grace_;
  FrontDuty& duty_;
  Tree tree_;
  Poller poller_;
  KeeperEnd end_;
  std::vector<int> early_keys_;
  std::optional<int> unsent_;  ///< a signal for which the link had no room
};

}  // namespace

Keeper fork_keeper(KeeperLink& link, bool terminal,
                   const std::function<int(int front_pidfd)>& body) {
  Keeper keeper;
  if (has_children()) keeper.strangers = own_children();
  become_subreaper();
  const UniqueFd front = open_pidfd(::getpid());
  // Reserves a descriptor for the keeper's pidfd, since after the fork it is too late to fail.
  keeper.pidfd = open_pidfd(::getpid());
  keeper.pid = check_errno(::fork(), "fork");
  if (keeper.pid == 0) run_keeper(link, front.get(), body);
  // The keeper may be queued behind us on our processor, and it has a job to start.
  ::sched_yield();
  for (const int key : kTerminalKeys) {
    if (terminal && is_pending(key)) keeper.early_keys.push_back(key);
  }
  keeper.pidfd.reset();
  keeper.pidfd = open_pidfd(keeper.pid);
  link.be_front();
  return keeper;
}

void leave_session() {
  // Fails if it was done before.
  ::setsid();
  if (::isatty(STDIN_FILENO) != 0) redirect_to_null(STDIN_FILENO);
}

void stay_in_memory() {
  // Only pages that are used: locking all would copy those that front and keeper share. Only the
  // current ones: MCL_FUTURE would make malloc fail if the limit is low.
  ::mlockall(MCL_CURRENT | MCL_ONFAULT);
}

KeeperEnd watch_keeper(const Keeper& keeper, KeeperLink& link, SignalReader& signals, bool terminal,
                       Duration grace, FrontDuty& duty) {
  KeeperWatch watch(keeper, link, signals, terminal, grace, duty);
  watch.watch();
  watch.clean_up();
  return watch.end();
}

}  // namespace cluster_leader
