#include "process/job.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "base/errors.h"
#include "process/program.h"

namespace cluster_leader {
namespace {

/// What the new processes write into the report, and end of file when the command runs.
struct Report {
  enum class Kind : std::uint32_t { kPid, kNotStarted, kNotExecuted };
  Kind kind{};
  int value = 0;
};

/// Only seen where the one who should read the status has read the report, or is dead.
constexpr int kStartFailed = 127;

/// Everything that a new process needs, made ready before the fork.
struct Plan {
  explicit Plan(const JobSpec& spec)
      : signals(spec.signals),
        terminal_group(spec.terminal_group),
        supervisor(::getpid()),
        program(spec.argv, spec.environment) {}

  const InheritedSignals& signals;
  pid_t terminal_group;
  pid_t supervisor;
  Program program;
  int report = -1;
  /// With a terminal: a pipe that the supervisor shuts when it has left the group.
  int gate = -1;
  int gate_of_supervisor = -1;
};

void tell(const Plan& plan, Report::Kind kind, int value) {
  const Report report{kind, value};
  // Smaller than PIPE_BUF and into an empty pipe, so whole and at once.
  [[maybe_unused]] const ssize_t written = ::write(plan.report, &report, sizeof report);
}

[[noreturn]] void become_job(const Plan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The supervisor may have died before the line above, and then nothing would ever kill us.
  if (::getppid() != plan.supervisor) ::_exit(kStartFailed);
  if (plan.terminal_group != 0 && ::setpgid(0, plan.terminal_group) != 0) {
    tell(plan, Report::Kind::kNotStarted, errno);
    ::_exit(kStartFailed);
  }
  tell(plan, Report::Kind::kPid, ::getpid());
  if (plan.gate >= 0) {
    ::close(plan.gate_of_supervisor);
    char nothing;
    while (::read(plan.gate, &nothing, 1) < 0 && errno == EINTR) {
    }
  }
  plan.signals.restore();
  tell(plan, Report::Kind::kNotExecuted, plan.program.execute());
  ::_exit(kStartFailed);
}

[[noreturn]] void lead_session(const Plan& plan) {
  ::setsid();
  // No stack of its own, as with fork(2), which cannot make a sibling.
  const long child = ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) become_job(plan);
  if (child < 0) tell(plan, Report::Kind::kNotStarted, errno);
  ::_exit(0);
}

}  // namespace

Job Job::start(const JobSpec& spec) {
  Plan plan(spec);
  int ends[2];
  check_errno(::pipe2(ends, O_CLOEXEC), "pipe2");
  Job job;
  job.report_.reset(ends[0]);
  const UniqueFd report_end(ends[1]);
  check_errno(::fcntl(job.report_.get(), F_SETFL, O_NONBLOCK), "fcntl");
  plan.report = report_end.get();
  UniqueFd gate;
  UniqueFd own_gate;
  if (plan.terminal_group != 0) {
    check_errno(::pipe2(ends, O_CLOEXEC), "pipe2");
    gate.reset(ends[0]);
    own_gate.reset(ends[1]);
    plan.gate = gate.get();
    plan.gate_of_supervisor = own_gate.get();
  }
  // The intermediate is gone after two system calls, for which it need not have a copy of us; the
  // job, which it clones, gets one.
  const pid_t child =
      plan.terminal_group != 0 ? check_errno(::fork(), "fork") : check_errno(::vfork(), "vfork");
  if (child == 0) {
    if (plan.terminal_group != 0) become_job(plan);
    lead_session(plan);
  }
  (plan.terminal_group != 0 ? job.pid_ : job.group_) = child;
  if (plan.terminal_group != 0) {
    // Those that came before the job was there. One that came since is pending for the job already,
    // so that it makes no difference to send it again: the job has all of them blocked until the
    // gate is shut, which is when no more of them come here.
    for (const int key : take_terminal_keys()) job.send_signal(key);
  }
  ::setsid();
  return job;
}

bool Job::read_report() {
  while (report_) {
    Report report;
    const ssize_t got = ::read(report_.get(), &report, sizeof report);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got != sizeof report) {
      report_.reset();
      // Neither a pid nor an error: it was killed before it could say anything.
      if (pid_ == 0 && status_.kind == JobStatus::Kind::kNone) {
        status_ = {JobStatus::Kind::kNotStarted, ECANCELED};
      }
      break;
    }
    switch (report.kind) {
      case Report::Kind::kPid:
        pid_ = report.value;
        for (const int signo : std::exchange(kept_, {})) send_signal(signo);
        break;
      case Report::Kind::kNotStarted:
        status_ = {JobStatus::Kind::kNotStarted, report.value};
        break;
      case Report::Kind::kNotExecuted:
        status_ = {JobStatus::Kind::kNotExecuted, report.value};
        break;
    }
  }
  return true;
}

bool Job::take_status(pid_t pid, int wait_code, int wait_status) {
  if (wait_code != CLD_EXITED && wait_code != CLD_KILLED && wait_code != CLD_DUMPED) return false;
  // What the dead have written can be read by now, and tells whose status this is.
  read_report();
  if (pid == group_) leader_reaped_ = true;
  if (pid != pid_ || main_reaped_) return false;
  main_reaped_ = true;
  // That of a process that could not run the command says nothing about the command.
  if (status_.kind == JobStatus::Kind::kNone) {
    status_ = {wait_code == CLD_EXITED ? JobStatus::Kind::kExited : JobStatus::Kind::kSignaled,
               wait_status};
  }
  return true;
}

bool Job::group_is_ours() const {
  // The kernel gives the number of a group away only when the group is empty. So if a process has
  // it again after its first leader was reaped, group and number are somebody else's.
  return !leader_reaped_ || ::getpgid(group_) < 0;
}

void Job::send_signal(int signo) {
  if (pid_ == 0) {
    if (status_.kind == JobStatus::Kind::kNone) kept_.push_back(signo);
  } else if (group_ != 0) {
    if (group_is_ours()) ::kill(-group_, signo);
  } else if (!main_reaped_) {
    ::kill(pid_, signo);
  }
}

}  // namespace cluster_leader
