#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "process/signals.h"

namespace cluster_leader {

/// How the job's main process ended, or why it did not start.
struct JobStatus {
  enum class Kind : std::uint32_t {
    kNone,         ///< not known, or not known yet
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
  /// With a controlling terminal the job stays in this process group, that of the front and the
  /// caller, so that the terminal's keys reach it and it may read. 0: no terminal, and the job gets
  /// its own session. Only for the first job of a keeper that is still in that session.
  pid_t terminal_group = 0;
};

/// The job's main process, a child of the process that started it. The kernel kills it if that
/// process dies (PR_SET_PDEATHSIG), which bridges the time until the front notices.
///
/// When several things happen in the same turn: a failure to execute the command wins over the exit
/// of the process that tried, and the first recorded end of the main process wins over later ones.
class Job {
 public:
  /// Sends SIGKILL to the main process and its group. Then waits for the end of the main process
  /// and of its session's leader, unless record_status() has recorded them or an exception is in
  /// flight. Processes that have left the group, or outlive the two in it, are for Tree to kill.
  /// Does nothing for a job that was moved from, or in a process other than the one that started
  /// the job.
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  Job(Job&& other) noexcept;
  Job& operator=(Job&& other) noexcept;

  /// Starts it as a child of the calling process, which must be single-threaded.
  ///
  /// Without a terminal it runs in a new session and group without being their leader: a group
  /// leader that runs setsid(1) would fork and seem to end at once, so an intermediate process
  /// leads the session and clones the job with CLONE_PARENT. That process ends at once and is one
  /// more child to reap. With a terminal the job gets the signals from keys that were pressed since
  /// the caller blocked all signals in that group.
  ///
  /// When the job exists, the caller moves to its own session. A kill of the whole group then does
  /// not hit it, and the kernel does not take it for a shell that could continue a stopped job, as
  /// it would if it were in another group of the same session (setpgid(2), orphaned). It does not
  /// move earlier: a new session waits for its first slice of the processor (sched(7), autogroup),
  /// and the job would wait with it. Throws std::system_error if the kernel refuses.
  static Job start(const JobSpec& spec);

  /// A descriptor to poll for reading until read_report() has returned true.
  int report_fd() const { return report_.get(); }

  /// Reads the child's report about its start. True when the report is complete: the child runs the
  /// command, or status() says why not.
  bool read_report();

  pid_t pid() const { return pid_; }  ///< 0 until it is known
  const JobStatus& status() const { return status_; }

  /// Records the status if this change of a child, as returned by Tree::reap, is the end of the
  /// job's main process; returns whether it is. The process that started the job must pass every
  /// child here that it reaps, since their pids may be reused from then on.
  bool record_status(pid_t pid, int wait_code, int wait_status);

  /// Sends `signo` to the job's group, or only to its main process if that shares the caller's
  /// group. A signal that comes before the job's pid is known is kept until then. A main process
  /// that was reaped is never signalled; its group is, as long as it has members.
  void send_signal(int signo);

 private:
  Job() = default;
  bool group_is_ours() const;
  void end();

  pid_t owner_ = 0;  ///< the process that started it; 0: moved from
  UniqueFd report_;
  pid_t pid_ = 0;
  pid_t group_ = 0;             ///< 0: it shares the caller's group
  bool leader_reaped_ = false;  ///< the intermediate process, whose pid is the group's
  bool main_reaped_ = false;
  JobStatus status_;
  std::vector<int> kept_;
};

}  // namespace cluster_leader
