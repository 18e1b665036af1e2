#pragma once

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/unique_fd.h"

namespace cluster_leader {

/// A set of signals as the kernel has it, bit n-1 for signal n. The C library's own sets leave out
/// the two signals that it keeps for itself, which a caller may send us none the less.
using SignalSet = std::uint64_t;

/// The signal mask and the dispositions that our caller handed us, to be handed on to the job
/// unchanged: nohup's ignored SIGHUP and a shell's ignored SIGINT mean something.
class InheritedSignals {
 public:
  /// Reads them; then resets SIGCHLD to its default, without which a caller that ignores it would
  /// make every child's status disappear (waitid(2)), and ignores SIGPIPE, SIGTTIN and SIGTTOU.
  static InheritedSignals capture();

  bool ignored(int signo) const;
  bool blocked(int signo) const;

  /// Sets dispositions and then the mask as they were. Async-signal-safe: for a child before exec.
  void restore() const;

 private:
  SignalSet mask_ = 0;
  /// A program begins with every signal either ignored or at its default (execve(2)).
  SignalSet ignored_ = 0;
};

/// A signal that somebody sent us.
struct SignalArrival {
  int signo = 0;
  pid_t sender = 0;          ///< 0 if unknown or outside our PID namespace
  bool from_kernel = false;  ///< from the terminal, not from a process (si_code SI_KERNEL)
};

/// Takes signals as events: blocks every catchable one that was not ignored on entry, except those
/// that report a crash of ours (SEGV BUS FPE ILL ABRT TRAP SYS) and those that capture() ignores,
/// and reads them from a signalfd(2). SIGCHLD is always among them. The descriptor may be carried
/// through a fork: each process polls and reads its own signals with it.
class SignalReader {
 public:
  /// Throws std::system_error if the kernel has no descriptor to give.
  explicit SignalReader(const InheritedSignals& inherited);

  int fd() const { return fd_.get(); }
  /// The next pending signal, or nothing. Never blocks.
  std::optional<SignalArrival> next();

 private:
  UniqueFd fd_;
};

/// The signals that a terminal's keys send to the whole group in the foreground.
inline constexpr std::array kTerminalKeys = {SIGINT, SIGQUIT, SIGTSTP};

/// Takes those of kTerminalKeys that are blocked and have arrived, and returns the ones that a key
/// sent.
std::vector<int> take_terminal_keys();

/// Blocks every signal that can be blocked, in a process that nobody but its partner is to direct.
void block_all_signals();

/// True if `signo` is blocked and has arrived.
bool is_pending(int signo);

/// True if a process that did not ask for `signo` ends by it (signal(7)).
bool ends_by_default(int signo);

/// Ends this process as `signo` ends one, so that our parent sees what the job's parent would have
/// seen: default disposition, unblocked, core dumps off. As PID 1, which no default disposition
/// ends, exits with 128 + signo.
[[noreturn]] void die_of(int signo);

/// Stops this process as the terminal's stop key does, and returns when it is continued: true, and
/// the SIGCONT is taken. False at once where the kernel does not stop: in a process group that no
/// shell watches (setpgid(2), orphaned).
bool stop_ourselves();

}  // namespace cluster_leader
