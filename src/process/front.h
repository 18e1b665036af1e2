#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "base/unique_fd.h"
#include "process/keeper_link.h"
#include "process/signals.h"
#include "process/survivor.h"
#include "process/tree.h"

namespace cluster_leader {

/// The two processes over a job. The front is the one that callers know, signal and kill, so it
/// holds nothing that protects the job; the keeper, its child, has the lease and the job. Each is a
/// subreaper: if either dies, the other one kills the tree.
struct Keeper {
  pid_t pid = 0;
  UniqueFd pidfd;
  /// Children that the front had before: `exec cluster-leader ...` in a shell that has started
  /// others, such as the tee of `> >(tee log)`. They are nobody's job, so they are not killed or
  /// waited for.
  std::vector<pid_t> strangers;
  /// The terminal's keys that were pressed before there was a keeper. Those pressed later come to
  /// the keeper as well, which is in the same group until the job is, and sees to it that the job
  /// has them.
  std::vector<int> early_keys;
};

/// Forks the keeper, which calls `body` with a pidfd of the front (readable once that is dead) and
/// ends with what it returns as exit status, running no destructors. The keeper is a subreaper,
/// blocks all signals, and has a session of its own from leave_session() or Job::start on. The
/// caller must be single-threaded. The front becomes a subreaper too. Throws std::system_error, in
/// the front only; the keeper, if there is one by then, ends when the front does. An exception of
/// `body` ends the keeper, and stand_guard() tells of it. When a keeper is dead, the same front may
/// fork another one, with a new link; what the front has started meanwhile are then strangers.
Keeper fork_keeper(KeeperLink& link, bool terminal,
                   const std::function<int(int front_pidfd)>& body);

/// For a keeper that outlives its job, or has none: leaves the caller's session and group at once,
/// so that a kill of the whole group does not hit both of us, and the terminal's keys only the
/// front. A job that is started afterwards has a session of its own as well (terminal_group = 0: no
/// process can join a group of another session), and the terminal is not its to read: the kernel
/// would let it, unasked, and it would take what is typed for the shell. So stdin becomes /dev/null
/// where it is a terminal, ours and that of every later job.
void leave_session();

/// For a keeper whose job lasts: keeps its few pages in memory where that is allowed, so that a
/// machine that is short of it does not have to read them from a disk first when the deadline has
/// come. Not for every job, since unlocking them makes the end of a process slower by a tenth of a
/// short run.
void stay_in_memory();

/// What a front does besides standing guard. Whoever has nothing more to do leaves it at these.
/// What any of them throws comes out of stand_guard(), and the keeper is left to notice the front's
/// end.
class FrontDuty {
 public:
  virtual ~FrontDuty() = default;

  /// Names the descriptors that the next wait() of `poller` must watch.
  virtual void watch(Poller&) {}
  /// When advance() wants to be called even though no descriptor is ready; kNever if never.
  virtual Time wake_at() const { return kNever; }
  /// Once in each turn, after the poller has waited, and what the signals and the link brought was
  /// told. Not in the last turn: the keeper has ended, and what that leaves to do is up to the
  /// caller of stand_guard(). Whoever stops the process (stop_ourselves) does it here, as the last
  /// thing, since the time is stale afterwards.
  virtual void advance(const Poller&, Time) {}
  /// A signal that reached the front, whoever sent it, the terminal's keys included; only SIGCHLD
  /// and what the front has brought on itself are left out. True: it is not for the job, and is not
  /// handed on. False: the rules for the job's signals apply to it.
  virtual bool take(const SignalArrival&) { return false; }
  /// Whether the keeper has a job. If not, nothing is killed with a keeper that has died: what else
  /// is below us was started by the duty.
  virtual bool has_job() const { return true; }
  /// A message of the keeper that is not about the job (kStanding).
  virtual void hear(const LinkMessage&) {}
  /// A child of the front has ended and was reaped: not the keeper, but whoever else, such as a
  /// stranger, what a child of the duty had left behind, or the job's when the keeper is dead.
  virtual void hear(const ChildChange&) {}
  /// Two graces after the first kill that the keeper's end made necessary, something of the tree is
  /// still alive. Told once; the killing goes on.
  virtual void hear_alive(const std::vector<Survivor>&) {}
};

/// How the keeper ended.
struct KeeperEnd {
  enum class How : std::uint8_t {
    kFinished,  ///< with its last word, which wins over everything that happened to it afterwards
    kKilled,    ///< by a signal that we did not send
    kTooSlow,   ///< it missed its deadline, so that we killed it
    kFailed,    ///< its body threw or returned without a last word, or it crashed
    kRefused,   ///< the same, because the operating system refused something: what was thrown is
                ///< std::system_error or std::bad_alloc
  };
  How how = How::kFailed;
  int signal = 0;                        ///< that killed it, or in which it crashed
  std::string failure;                   ///< what was thrown; may be empty
  std::optional<LinkMessage> last_word;  ///< with kFinished
  bool killed_job = false;  ///< something of the job outlived the keeper, and was killed
};

/// Stands before the keeper until it has ended and nothing of the tree is alive: forwards signals
/// (the table in src/README.md), stops with the job where a terminal asks for it (`terminal`: the
/// job is in our group). If the keeper dies without a last word, or lets its deadline pass by more
/// than `grace`, a third of the time from a deadline to the moment when nothing may be alive any
/// more, kills it and the tree, which then is every descendant but the strangers and what is below
/// them: the children that `duty` has started since the fork as well, and it hears of their end.
/// Whoever calls this for a job has let go of the caller's descriptors before: its pipes are the
/// job's alone, and one is needed here.
KeeperEnd stand_guard(const Keeper& keeper, KeeperLink& link, SignalReader& signals, bool terminal,
                      Duration grace, FrontDuty& duty);

}  // namespace cluster_leader
