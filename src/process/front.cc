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

/// How long to wait for the next death before looking again for processes that a sweep has missed.
constexpr Duration kSweepPause = std::chrono::milliseconds(10);

/// So many signals in one turn, that a storm of them cannot put off the deadline.
constexpr int kSignalsPerTurn = 64;

/// The keeper's exit statuses where its body threw; what counts is the last word.
constexpr int kBodyThrew = 70;
constexpr int kWasRefused = 71;

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/// Tells the front what was thrown, as far as the link takes it, and returns `status`.
int fail(KeeperLink& link, int status, const char* what) {
  LinkMessage message{LinkMessage::Kind::kFailed};
  message.set_words(what);
  link.send(message);
  return status;
}

[[noreturn]] void be_the_keeper(KeeperLink& link, int front_pidfd,
                                const std::function<int(int)>& body) noexcept {
  int status = kBodyThrew;
  try {
    block_all_signals();
    link.be_keeper();
    become_subreaper();
    // No getppid() check: the pidfd is older than this process, so a front that is dead already
    // shows as dead, and the body can give back the lease, which leaving here would not.
    status = body(front_pidfd);
  } catch (const std::system_error& error) {
    status = fail(link, kWasRefused, error.what());
  } catch (const std::bad_alloc&) {
    status = fail(link, kWasRefused, "out of memory");
  } catch (const std::exception& error) {
    status = fail(link, kBodyThrew, error.what());
  } catch (...) {
  }
  // What the front has in its buffers is the front's to write.
  ::_exit(status);
}

/// True if a program that dies of `signo` has most likely brought that on itself.
bool is_crash(int signo) {
  return signo == SIGABRT || signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE ||
         signo == SIGILL;
}

/// What the front does while there is a keeper, and what it does when there is none.
class Guard {
 public:
  Guard(const Keeper& keeper, KeeperLink& link, SignalReader& signals, bool terminal,
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
  void stand() {
    // Whoever read our signals before may have read that of a child's end as well.
    reap();
    for (;;) {
      poller_.watch(keeper_.pidfd.get(), POLLIN);
      if (!link_.closed()) poller_.watch(link_.fd(), unsent_ ? POLLIN | POLLOUT : POLLIN);
      // What cannot be handed on yet waits in the kernel.
      if (!unsent_) poller_.watch(signals_.fd(), POLLIN);
      duty_.watch(poller_);
      const Time now = poller_.wait(std::min(latest_deadline(), duty_.wake_at()));
      take_signals();
      // The keeper's word comes before its death, and both before the deadline, which is asked for
      // again: while we slept or were stopped, the keeper may have moved it.
      const bool dead = poller_.ready(keeper_.pidfd.get()) != 0;
      const bool job_stopped = listen();
      if (dead || end_.last_word) return;
      if (now >= latest_deadline()) {
        end_.how = KeeperEnd::How::kTooSlow;
        return;
      }
      duty_.advance(poller_, now);
      if (job_stopped && terminal_) stop_with_the_job();
    }
  }

  /// Kills what is left, and returns when nothing of it is alive.
  void clear() {
    ::syscall(SYS_pidfd_send_signal, keeper_.pidfd.get(), SIGKILL, nullptr, 0);
    // A tree that the keeper has seen to its end leaves nothing; what we may have adopted by now,
    // as a container's first process does, is not ours to kill.
    if (end_.last_word || !duty_.has_job()) {
      collect_keeper();
      listen();
      return;
    }
    const Time should_be_dead = BootClock::now() + 2 * grace_;
    bool told = false;
    for (;;) {
      tree_.sweep();
      if (reap()) return;
      if (!told && BootClock::now() >= should_be_dead) told = tell_of_survivors();
      poller_.watch(signals_.fd(), POLLIN);
      poller_.wait(BootClock::now() + kSweepPause);
      while (const auto arrival = signals_.next()) {
        // There is no job any more to hand on to what the duty leaves.
        is_taken(*arrival);
      }
      listen();
    }
  }

  KeeperEnd end() {
    if (end_.last_word) end_.how = KeeperEnd::How::kFinished;
    return std::move(end_);
  }

 private:
  Time latest_deadline() const { return after(link_.deadline(), grace_); }

  /// Takes what the keeper has said; true if the job was stopped.
  bool listen() {
    bool job_stopped = false;
    while (!link_.closed()) {
      const auto message = link_.receive();
      if (!message) break;
      if (message->kind == LinkMessage::Kind::kFinished) end_.last_word = message;
      if (message->kind == LinkMessage::Kind::kFailed) end_.failure = message->words();
      if (message->kind == LinkMessage::Kind::kStopped) job_stopped = true;
      if (message->kind == LinkMessage::Kind::kStanding) duty_.hear(*message);
    }
    return job_stopped;
  }

  /// True if nothing of the tree is left.
  bool reap() {
    const Reaped reaped = tree_.reap();
    for (const ChildChange& change : reaped.changes) {
      if (!change.has_ended()) continue;
      if (change.pid == keeper_.pid) {
        take_end(change);
      } else {
        // What had ended before the keeper did was the keeper's to reap.
        end_.killed_job |=
            change.code == CLD_KILLED && change.status == SIGKILL && !is_stranger(change.pid);
        duty_.hear(change);
      }
    }
    return reaped.empty;
  }

  bool is_stranger(pid_t pid) const {
    const std::vector<pid_t>& strangers = keeper_.strangers;
    return std::find(strangers.begin(), strangers.end(), pid) != strangers.end();
  }

  void take_end(const ChildChange& change) {
    // It was our kill if it was too slow, and no matter what after its last word.
    if (end_.how == KeeperEnd::How::kTooSlow) return;
    if (change.code == CLD_EXITED) {
      const bool was_refused = change.status == kWasRefused;
      end_.how = was_refused ? KeeperEnd::How::kRefused : KeeperEnd::How::kFailed;
    } else {
      end_.signal = change.status;
      end_.how = is_crash(change.status) ? KeeperEnd::How::kFailed : KeeperEnd::How::kKilled;
    }
  }

  /// True if there were any: what is dead but not reaped yet is none.
  bool tell_of_survivors() {
    const std::vector<Survivor> alive = survivors(tree_.members());
    if (!alive.empty()) duty_.hear_alive(alive);
    return !alive.empty();
  }

  void take_signals() {
    for (int i = 0; i < kSignalsPerTurn; ++i) {
      if (!unsent_) {
        const auto arrival = signals_.next();
        if (!arrival) return;
        if (arrival->signo == SIGCHLD) reap();
        if (is_taken(*arrival) || !is_for_the_job(*arrival)) continue;
        unsent_ = arrival->signo;
      }
      if (!link_.closed() && !link_.send({LinkMessage::Kind::kSignal, *unsent_})) return;
      unsent_.reset();
    }
  }

  /// Whatever stopped the job, the shell has to see it stopped, or its fg would not continue it.
  void stop_with_the_job() {
    // The shell may have continued the job since the keeper wrote.
    if (!job_is_stopped() || !stop_ourselves()) return;
    // The shell's SIGCONT was for the whole group. Handed on as well, it could arrive after the
    // next stop key and undo that; but somebody may have continued us alone.
    if (job_is_stopped() && !is_pending(SIGTSTP) && !unsent_) unsent_ = SIGCONT;
  }

  /// True if the keeper has a child in our group that is stopped, or if /proc does not tell.
  bool job_is_stopped() const {
    const auto children = listed_children(keeper_.pid);
    if (!children || !proc_is_ours()) return true;
    return std::any_of(children->begin(), children->end(), [](pid_t child) {
      return ::getpgid(child) == ::getpgrp() && process_state(child) == 'T';
    });
  }

  /// True if it is not for the job, whatever the job's rules are.
  bool is_taken(const SignalArrival& arrival) {
    if (arrival.signo == SIGCHLD) return true;
    // What we have brought on ourselves, such as SIGXFSZ (setrlimit(2)), is nobody's affair.
    if (arrival.sender == ::getpid()) return true;
    return duty_.take(arrival);
  }

  bool is_for_the_job(const SignalArrival& arrival) {
    if (terminal_ && arrival.from_kernel && job_has_it_from_terminal(arrival.signo)) {
      return std::erase(early_keys_, arrival.signo) != 0;
    }
    // What a member of the job sends to its group, or to its parent, it has meant for others than
    // itself.
    return arrival.sender == 0 || !descends_from(arrival.sender, keeper_.pid);
  }

  /// The terminal sends to the whole group. An alarm(2) that was set before we were exec'd also
  /// comes from the kernel, but to us alone.
  static bool job_has_it_from_terminal(int signo) {
    switch (signo) {
      case SIGINT:
      case SIGQUIT:
      case SIGTSTP:
      case SIGWINCH:
        return true;
      case SIGHUP:
      case SIGCONT:
        // A terminal that is closed tells the leader of its session first, and the others only when
        // that one has ended.
        return ::getsid(0) != ::getpid();
      default:
        return false;
    }
  }

  /// Waits for the exit of a keeper that was killed, if it had not ended by itself.
  void collect_keeper() {
    siginfo_t info{};
    int result = 0;
    do {
      result = ::waitid(P_PID, static_cast<id_t>(keeper_.pid), &info, WEXITED);
    } while (result != 0 && errno == EINTR);
    // Otherwise it was reaped before.
    if (result == 0) take_end({info.si_pid, info.si_code, info.si_status});
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
  std::optional<int> unsent_;  ///< a signal that the link had no room for
};

}  // namespace

Keeper fork_keeper(KeeperLink& link, bool terminal,
                   const std::function<int(int front_pidfd)>& body) {
  Keeper keeper;
  if (has_children()) keeper.strangers = own_children();
  become_subreaper();
  const UniqueFd front = open_pidfd(::getpid());
  // A descriptor that is certain to be there for the keeper's own, since after the fork it is too
  // late to fail.
  keeper.pidfd = open_pidfd(::getpid());
  keeper.pid = check_errno(::fork(), "fork");
  if (keeper.pid == 0) be_the_keeper(link, front.get(), body);
  // The keeper may have been put behind us on our processor, and it has a job to start.
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
  // Refused where it has been done.
  ::setsid();
  if (::isatty(STDIN_FILENO) != 0) put_null_on(STDIN_FILENO);
}

void stay_in_memory() {
  // Only pages that are used: locking all of them would copy what front and keeper share. Only
  // those of now (not MCL_FUTURE), which would make malloc fail where the limit is low.
  ::mlockall(MCL_CURRENT | MCL_ONFAULT);
}

KeeperEnd stand_guard(const Keeper& keeper, KeeperLink& link, SignalReader& signals, bool terminal,
                      Duration grace, FrontDuty& duty) {
  Guard guard(keeper, link, signals, terminal, grace, duty);
  guard.stand();
  guard.clear();
  return guard.end();
}

}  // namespace cluster_leader
