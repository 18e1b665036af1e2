#include "process/hook.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <utility>

#include "base/errors.h"
#include "process/descriptors.h"
#include "process/program.h"

namespace cluster_leader {
namespace {

/// Nobody sees it: Hook::ended() has the reason.
constexpr int kStartFailed = 127;

[[noreturn]] void become_hook(const HookSpec& spec, const Program& program, int report) {
  ::setsid();
  redirect_to_null(STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  // If the caller had closed stderr, the next file that the hook opens would take its number.
  ::fcntl(STDERR_FILENO, F_SETFD, 0);
  close_inherited_descriptors();
  spec.signals.restore();
  const int error = program.execute();
  // Smaller than PIPE_BUF and into an empty pipe, so whole and at once.
  [[maybe_unused]] const ssize_t written = ::write(report, &error, sizeof error);
  ::_exit(kStartFailed);
}

}  // namespace

Hook::Hook(const HookSpec& spec) {
  const Program program(spec.argv, spec.environment);
  int ends[2];
  check_errno(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
  report_.reset(ends[0]);
  const UniqueFd report_end(ends[1]);
  pid_ = check_errno(::fork(), "fork");
  if (pid_ == 0) become_hook(spec, program, report_end.get());
}

Hook::~Hook() { kill(); }

Hook::Hook(Hook&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), report_(std::move(other.report_)) {}

Hook& Hook::operator=(Hook&& other) noexcept {
  if (this == &other) return *this;
  kill();
  pid_ = std::exchange(other.pid_, 0);
  report_ = std::move(other.report_);
  return *this;
}

int Hook::ended() {
  pid_ = 0;
  // The pipe is empty if the program was executed, which closed the other end. What a dead process
  // has written can be read by now.
  int error = 0;
  const bool failed = ::read(report_.get(), &error, sizeof error) == sizeof error;
  report_.reset();
  return failed ? error : 0;
}

void Hook::kill() const {
  if (pid_ == 0) return;
  // Until it has called setsid(2), it has no group of its own.
  ::kill(pid_, SIGKILL);
  ::kill(-pid_, SIGKILL);
}

}  // namespace cluster_leader
