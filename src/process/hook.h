#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "process/signals.h"

namespace cluster_leader {

/// What a hook runs, and how.
struct HookSpec {
  std::vector<std::string> argv;  ///< at least one; searched in the PATH of `environment`, as
                                  ///< execvp(3) does
  std::vector<std::string> environment;  ///< the whole of it, "NAME=value"
  InheritedSignals signals;              ///< restored before exec
};

/// A program that is started to react to something and is not waited for: a child in its own
/// session, with /dev/null as stdin and our stderr as stdout, because our own stdout is read by a
/// program. It inherits nothing else. The caller reaps it; the destructor kills its whole group
/// unless ended() was called.
class Hook {
 public:
  /// Starts it as a child of the calling process, which must be single-threaded. Returns before the
  /// program runs, because a file system that hangs would otherwise block us. Throws
  /// std::system_error if the kernel refuses.
  explicit Hook(const HookSpec& spec);
  ~Hook();
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;
  Hook(Hook&& other) noexcept;
  Hook& operator=(Hook&& other) noexcept;

  pid_t pid() const { return pid_; }  ///< 0 once it has ended

  /// To be called once its process was reaped, since its pid may be reused from then on. Returns
  /// the errno if the program could not be executed, else 0.
  int ended();

  /// SIGKILL to its process and its group, if it has not ended.
  void kill() const;

 private:
  pid_t pid_ = 0;
  UniqueFd report_;
};

}  // namespace cluster_leader
