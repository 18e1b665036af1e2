#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "process/signals.h"

namespace cluster_leader {

/// How the job's main process ended, or why it never began.
struct JobStatus {
  enum class Kind : std::uint32_t {
    kNone,         ///< not known (yet)
    kExited,       ///< value: its exit status, 0 to 255
    kSignaled,     ///< value: the signal that ended it
    kNotExecuted,  ///< value: errno of execvp(3): ENOENT, EACCES, ...
    kNotStarted,   ///< value: errno of fork(2) and the like
  };
  Kind kind = Kind::kNone;
  int value = 0;
};

/// What to run.
struct JobSpec {
  std::vector<std::string> argv;         ///< at least one; byte for byte; searched in the PATH of
                                         ///< `environment`, as execvp(3) does
  std::vector<std::string> environment;  ///< the whole of it, "NAME=value"
  InheritedSignals signals;              ///< restored before exec
  /// With a controlling terminal the job stays in this process group, the front's and the caller's,
  /// so that the terminal's keys reach it and it may read; 0: no terminal, and it gets a session of
  /// its own. Only for the first job of a keeper that is still in that session.
  pid_t terminal_group = 0;
};

/// The job's main process, a child of the process that started it. It is killed if that process
/// dies (PR_SET_PDEATHSIG, which covers a supervisor's death until the other one notices).
///
/// When several things have happened in the same turn: that the command could not be executed wins
/// over the end of the process that tried, and the first end of the main process over whatever is
/// told later.
class Job {
 public:
  /// SIGKILL to the main process and its group, and waits for the end of the main process and of
  /// the one that led its session, unless take_status() was told of them or an exception is on its
  /// way. What has left the group, or outlives them in it,
  /// is the Tree's to kill. In any other process than the one that started the job it does nothing,
  /// and neither does that of a job that was moved from.
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  Job(Job&& other) noexcept;
  Job& operator=(Job&& other) noexcept;

  /// Starts it as a child of the calling process, which must be single-threaded. Without a terminal
  /// it runs in a new session and group without being their leader: a group leader that runs
  /// setsid(1) would fork and seem to end at once, so an intermediate process leads the session and
  /// clones the job with CLONE_PARENT. That process ends at once, as one more child to reap. With a
  /// terminal the job is handed the keys that were pressed since the caller has been in the group,
  /// with all signals blocked. When the job is there, the caller leaves for a session of its own: a
  /// kill of the whole group then does not hit it; and a supervisor in another group of the same
  /// session would look to the kernel like a shell that can continue what the stop key stops, even
  /// where no shell is (setpgid(2), orphaned). Not earlier: a new session waits for its first slice
  /// of the processor (sched(7), autogroup), and the job would wait with it. Throws
  /// std::system_error where the kernel refuses.
  static Job start(const JobSpec& spec);

  /// A descriptor to poll for reading until read_report() has returned true.
  int report_fd() const { return report_.get(); }

  /// Reads what the child says about its start. True when there is no more to come: it runs the
  /// command, or status() says why not.
  bool read_report();

  pid_t pid() const { return pid_; }  ///< 0 until it is known
  const JobStatus& status() const { return status_; }

  /// Looks at a change of one child, as Tree::reap tells it: takes its status if it is the end of
  /// the job's main process; returns whether. Whoever reaps children of this process tells all of
  /// them here, since their numbers may be somebody else's from then on.
  bool take_status(pid_t pid, int wait_code, int wait_status);

  /// Sends `signo` to the job: to its group, or to its main process alone where it shares the
  /// caller's group. A signal that comes before the job's pid is known is kept until then. Never
  /// signals a main process that was reaped; its group, as long as it has members.
  void send_signal(int signo);

 private:
  Job() = default;
  bool group_is_ours() const;
  void end();

  pid_t owner_ = 0;  ///< the process that started it; 0: it was moved from
  UniqueFd report_;
  pid_t pid_ = 0;
  pid_t group_ = 0;             ///< 0: shares the caller's group
  bool leader_reaped_ = false;  ///< the intermediate process, whose pid is the group's number
  bool main_reaped_ = false;
  JobStatus status_;
  std::vector<int> kept_;
};

}  // namespace cluster_leader
