#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "process/signals.h"

namespace cluster_leader {

/// What to run besides the job.
struct HookSpec {
  std::vector<std::string> argv;         ///< at least one; searched in PATH
  std::vector<std::string> environment;  ///< the whole of it, "NAME=value"
  InheritedSignals signals;              ///< restored before exec
};

/// A program that is told of something and is not waited for: a child in a session of its own, with
/// /dev/null as stdin and our stderr as stdout, since our own stdout speaks to a program. The caller
/// reaps it; the destructor kills its whole group unless it was told of its end.
class Hook {
 public:
  /// Throws std::system_error if the kernel refuses, or the program cannot be executed (code() is
  /// the errno).
  explicit Hook(const HookSpec& spec);
  ~Hook();
  Hook(Hook&& other) noexcept;
  Hook& operator=(Hook&& other) noexcept;

  pid_t pid() const { return pid_; }
  /// Its process was reaped: its number is somebody else's from now on.
  void ended() { pid_ = 0; }
  /// SIGKILL to its group.
  void kill() const;

 private:
  pid_t pid_ = 0;
};

}  // namespace cluster_leader
