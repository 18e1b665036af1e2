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

// The two processes above a job. The front is the one that callers know, signal and kill, so it
// holds nothing that protects the job; the keeper, its child, has the lease and the job. Each is a
// subreaper: if one dies, the other kills the tree.

/// The keeper, as its front sees it.
struct Keeper {
  pid_t pid = 0;
  UniqueFd pidfd;
  /// Children that the front had before, from `exec cluster-leader ...` in a shell that had started
  /// others, such as the tee of `> >(tee log)`. They do not belong to the job, so they are neither
  /// killed nor waited for.
  std::vector<pid_t> strangers;
  /// Signals from terminal keys that arrived before the fork. Later ones also reach the keeper,
  /// which is in the same process group until the job has been started and passes them to the job.
  std::vector<int> early_keys;
};

/// Forks the keeper, which calls `body` with a pidfd of the front (readable once the front is dead)
/// and exits with the status that it returns, without running destructors. The keeper is a
/// subreaper, blocks all signals, and has its own session from leave_session() or Job::start on.
/// The front becomes a subreaper too. Throws std::system_error, in the front only; a keeper that
/// exists by then ends when the front does. An exception from `body` ends the keeper, and
/// watch_keeper() returns it. Once a keeper is dead, the same front may fork another one with a new
/// link; processes that the front has started meanwhile are then strangers. REQUIRES: the caller is
/// single-threaded.
Keeper fork_keeper(KeeperLink& link, bool terminal,
                   const std::function<int(int front_pidfd)>& body);

/// For a keeper that outlives its job, or has none: leaves the caller's session and process group
/// at once, so that a kill of the whole group does not hit both processes, and the terminal's keys
/// only reach the front. A job that is started afterwards also has its own session (terminal_group
/// = 0: no process can join a group of another session) and must not read the terminal: the kernel
/// would allow that, and the job would read what is typed for the shell. So if stdin is a terminal,
/// it becomes /dev/null, for us and for every later job.
void leave_session();

/// For a keeper whose job lasts: locks its few pages in memory if that is allowed, so that they
/// need not be read from a disk at the deadline when memory is short. Not for every job: unlocking
/// them when the process ends adds a tenth to the time of a short run.
void stay_in_memory();

/// What a front does besides watching the keeper; the defaults do nothing. An exception from any of
/// them leaves watch_keeper(), and the keeper must notice the front's end.
class FrontDuty {
 public:
  virtual ~FrontDuty() = default;

  /// Registers the descriptors for the next wait() of the poller.
  virtual void watch(Poller&) {}
  /// When advance() must be called even if no descriptor is ready; kNever if it need not be.
  virtual Time wake_at() const { return kNever; }
  /// Called once in each turn, after the wait and after signals and messages have been handled. Not
  /// in the last turn: the keeper has ended then, and the rest is up to the caller of
  /// watch_keeper(). A duty that stops the process (stop_ourselves) does so here, as its last step,
  /// because the time is out of date afterwards.
  virtual void advance(const Poller&, Time) {}
  /// A signal has reached the front, from any sender including the terminal's keys, but not SIGCHLD
  /// or one that the front itself caused. True: it is not for the job and is not forwarded. False:
  /// the rules for forwarding apply to it.
  virtual bool handle_signal(const SignalArrival&) { return false; }
  /// Whether the keeper has a job. If not, nothing is killed when the keeper has died: any other
  /// process below us was started by the duty.
  virtual bool has_job() const { return true; }
  /// A message from the keeper that is not about the job (kElection).
  virtual void handle_message(const LinkMessage&) {}
  /// A child of the front other than the keeper has ended and was reaped: a stranger, a descendant
  /// of a child of the duty, or one of the job's processes if the keeper is dead.
  virtual void handle_exit(const ChildChange&) {}
  /// Some of the tree is still alive two graces after the front began to kill it. Called once; the
  /// killing continues.
  virtual void report_survivors(const std::vector<Survivor>&) {}
};

/// How the keeper ended.
struct KeeperEnd {
  enum class How : std::uint8_t {
    kFinished,  ///< with its last word, which wins over anything that happened to it afterwards
    kKilled,    ///< by a signal that we did not send
    kTooSlow,   ///< it missed its deadline, so we killed it
    kFailed,    ///< its body threw or returned without a last word, or it crashed
    kRefused,  ///< its body threw std::system_error or std::bad_alloc: the operating system refused
               ///< something
  };
  How how = How::kFailed;
  int signal = 0;                        ///< the signal that killed it or that it crashed with
  std::string failure;                   ///< the text of the exception; may be empty
  std::optional<LinkMessage> last_word;  ///< with kFinished
  bool killed_job = false;  ///< processes of the job outlived the keeper and were killed
};

/// Watches the keeper until it has ended and the whole tree is dead. Forwards signals (the table in
/// src/README.md), and stops with the job if a terminal does (`terminal`: the job is in our process
/// group). If the keeper dies without a last word, or misses its deadline by more than `grace`,
/// kills it and the tree. `grace` is a third of the time from a deadline to the moment when no
/// process may be alive. The tree is then every descendant except the strangers and their
/// descendants; it includes the children that `duty` has started since the fork, and `duty` is told
/// of their end. When several things happen in one turn, the keeper's last word wins over its
/// death, and both win over its deadline. For a job, call detach_from_caller() before: the caller's
/// pipes are for the job alone, and a descriptor is needed here.
KeeperEnd watch_keeper(const Keeper& keeper, KeeperLink& link, SignalReader& signals, bool terminal,
                       Duration grace, FrontDuty& duty);

}  // namespace cluster_leader
