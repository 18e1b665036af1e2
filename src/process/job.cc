#include "process/job.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <utility>

#include "base/errors.h"
#include "process/program.h"

namespace cluster_leader {
namespace {

/// What the new processes write to the pipe of the report, which ends when the command runs.
struct Report {
  enum class Kind : std::uint32_t { kPid, kNotStarted, kNotExecuted };
  Kind kind{};
  int value = 0;
};

/// Nobody sees it: the report has the reason, unless its reader is dead.
constexpr int kStartFailed = 127;

/// The stack of a process that shares our memory.
class Stack {
 public:
  /// Has room for the arguments, which execvp(3) copies to the stack for a script that names no
  /// interpreter.
  explicit Stack(std::size_t arguments)
      : size_(std::size_t{64} * 1024 + (arguments + 2) * sizeof(char*)),
        begin_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (begin_ == MAP_FAILED) throw_errno("mmap");
  }
  ~Stack() { ::munmap(begin_, size_); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  void* top() const {
    constexpr std::size_t kAlignment = 16;
    return static_cast<char*>(begin_) + size_ / kAlignment * kAlignment;
  }

 private:
  std::size_t size_;
  void* begin_;
};

/// Everything that a new process needs, prepared before the fork.
struct Plan {
  explicit Plan(const JobSpec& spec)
      : signals(spec.signals),
        terminal_group(spec.terminal_group),
        supervisor(::getpid()),
        program(spec.argv, spec.environment),
        stack(spec.argv.size()) {}

  const InheritedSignals& signals;
  pid_t terminal_group;
  pid_t supervisor;
  Program program;
  Stack stack;
  int report = -1;
  /// With a terminal: a pipe that the supervisor closes when it has left the group.
  int gate = -1;
  int gate_of_supervisor = -1;
};

void send_report(const Plan& plan, Report::Kind kind, int value) {
  const Report report{kind, value};
  // Smaller than PIPE_BUF and into an empty pipe, so whole and at once.
  [[maybe_unused]] const ssize_t written = ::write(plan.report, &report, sizeof report);
}

// Not sanitized: while it shares our memory, it runs on a stack that the sanitizer does not know.
[[noreturn]] __attribute__((no_sanitize("address"))) void become_job(const Plan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The supervisor may have died before the line above, and then no signal would ever kill us.
  if (::getppid() != plan.supervisor) ::_exit(kStartFailed);
  if (plan.terminal_group != 0 && ::setpgid(0, plan.terminal_group) != 0) {
    send_report(plan, Report::Kind::kNotStarted, errno);
    ::_exit(kStartFailed);
  }
  send_report(plan, Report::Kind::kPid, ::getpid());
  if (plan.gate >= 0) {
    ::close(plan.gate_of_supervisor);
    char nothing;
    while (::read(plan.gate, &nothing, 1) < 0 && errno == EINTR) {
    }
  }
  plan.signals.restore();
  send_report(plan, Report::Kind::kNotExecuted, plan.program.execute());
  ::_exit(kStartFailed);
}

__attribute__((no_sanitize("address"))) int become_job(void* plan) {
  become_job(*static_cast<const Plan*>(plan));
}

[[noreturn]] void lead_session(Plan& plan) {
  ::setsid();
  const int child =
      ::clone(become_job, plan.stack.top(), CLONE_PARENT | CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
  if (child < 0) send_report(plan, Report::Kind::kNotStarted, errno);
  ::_exit(0);
}

/// Starts the job in a new session, and returns the pid of the session's leader, which has ended by
/// then. Neither process gets a copy of our memory, which would take longer than all the rest: they
/// share it while we wait until the job has been executed. If the file system of the command hangs,
/// we hang with it; we then miss the deadline, and the front kills both.
pid_t start_in_own_session(Plan& plan) {
  char** const own_environment = environ;
  const pid_t leader = check_errno(::vfork(), "vfork");
  if (leader == 0) lead_session(plan);
  // The job has replaced it in our shared memory.
  environ = own_environment;
  return leader;
}

void wait_for_end(pid_t child) {
  while (::waitid(P_PID, static_cast<id_t>(child), nullptr, WEXITED) != 0 && errno == EINTR) {
  }
}

}  // namespace

Job::~Job() { end(); }

Job::Job(Job&& other) noexcept { *this = std::move(other); }

Job& Job::operator=(Job&& other) noexcept {
  if (this == &other) return *this;
  end();
  owner_ = std::exchange(other.owner_, 0);
  report_ = std::move(other.report_);
  pid_ = std::exchange(other.pid_, 0);
  group_ = std::exchange(other.group_, 0);
  leader_reaped_ = other.leader_reaped_;
  main_reaped_ = other.main_reaped_;
  status_ = std::exchange(other.status_, {});
  kept_ = std::exchange(other.kept_, {});
  return *this;
}

void Job::end() {
  if (owner_ != ::getpid()) return;
  // Its pid may not have been read yet.
  read_report();
  // Once both were reaped, the group's number may be somebody else's.
  const bool has_main = pid_ != 0 && !main_reaped_;
  const bool has_leader = group_ != 0 && !leader_reaped_;
  const bool has_group = has_leader || (has_main && group_ != 0 && ::getpgid(pid_) == group_);
  if (has_group) ::kill(-group_, SIGKILL);
  if (has_main) ::kill(pid_, SIGKILL);
  owner_ = 0;
  // A keeper that fails must report to the front at once, which then reaps in its place.
  if (std::uncaught_exceptions() > 0) return;
  if (has_main) wait_for_end(pid_);
  if (has_leader) wait_for_end(group_);
}

Job Job::start(const JobSpec& spec) {
  Plan plan(spec);
  int ends[2];
  check_errno(::pipe2(ends, O_CLOEXEC), "pipe2");
  Job job;
  job.owner_ = ::getpid();
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
  if (plan.terminal_group == 0) {
    job.group_ = start_in_own_session(plan);
  } else {
    job.pid_ = check_errno(::fork(), "fork");
    if (job.pid_ == 0) become_job(plan);
  }
  if (plan.terminal_group != 0) {
    // These are the keys that were pressed before the job existed. One pressed since is already
    // pending for the job, so sending it again makes no difference: the job blocks all of them
    // until the gate closes, and after that they no longer come here.
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
      // Neither a pid nor an error: it was killed before it could report.
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

bool Job::record_status(pid_t pid, int wait_code, int wait_status) {
  if (wait_code != CLD_EXITED && wait_code != CLD_KILLED && wait_code != CLD_DUMPED) return false;
  // What a dead process has written can be read by now, and tells whose status this is.
  read_report();
  if (pid == group_) leader_reaped_ = true;
  if (pid != pid_ || main_reaped_) return false;
  main_reaped_ = true;
  // The status of a process that could not execute the command says nothing about the command.
  if (status_.kind == JobStatus::Kind::kNone) {
    status_ = {wait_code == CLD_EXITED ? JobStatus::Kind::kExited : JobStatus::Kind::kSignaled,
               wait_status};
  }
  return true;
}

bool Job::group_is_ours() const {
  // The kernel reuses the number of a group only when the group is empty. So if a process has that
  // pid again after the leader was reaped, the number belongs to somebody else.
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
