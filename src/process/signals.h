#pragma once

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/unique_fd.h"

namespace cluster_leader {

/// A set of signals in the kernel's form, bit n-1 for signal n. The C library's own sets leave out
/// the two signals that it reserves, but a caller may send them.
using SignalSet = std::uint64_t;

/// The signal mask and the dispositions that we inherited, which the job gets unchanged: nohup's
/// ignored SIGHUP and a shell's ignored SIGINT have a meaning.
class InheritedSignals {
 public:
  /// Reads them, then sets SIGCHLD to its default and ignores SIGPIPE, SIGTTIN and SIGTTOU. Had the
  /// caller ignored SIGCHLD, the status of every child would be lost (waitid(2)).
  static InheritedSignals capture();

  bool ignored(int signo) const;
  bool blocked(int signo) const;

  /// Restores the dispositions, then the mask. Async-signal-safe: for a child before exec.
  void restore() const;

 private:
  SignalSet mask_ = 0;
  /// A program starts with every signal either ignored or at its default (execve(2)).
  SignalSet ignored_ = 0;
};

/// A signal that was sent to us.
struct SignalArrival {
  int signo = 0;
  pid_t sender = 0;          ///< 0 if unknown or outside our PID namespace
  bool from_kernel = false;  ///< from the terminal, not from a process (si_code SI_KERNEL)
};

/// Turns signals into events: blocks every catchable signal that was not ignored on entry, except
/// those that report our own crash (SEGV BUS FPE ILL ABRT TRAP SYS) and those that capture()
/// ignores, and reads them from a signalfd(2). SIGCHLD is always included. The descriptor may be
/// used after a fork: each process polls and reads its own signals through it.
class SignalReader {
 public:
  /// Throws std::system_error if no descriptor is available.
  explicit SignalReader(const InheritedSignals& inherited);

  int fd() const { return fd_.get(); }
  /// The next pending signal, or nothing. Never blocks.
  std::optional<SignalArrival> next();

 private:
  UniqueFd fd_;
};

/// The signals that a terminal's keys send to the foreground process group.
inline constexpr std::array kTerminalKeys = {SIGINT, SIGQUIT, SIGTSTP};

/// Consumes the pending signals of kTerminalKeys, and returns those that a key sent. REQUIRES: they
/// are blocked.
std::vector<int> take_terminal_keys();

/// Blocks every signal that can be blocked, for a process that only its front directs.
void block_all_signals();

/// True if `signo` is blocked and pending.
bool is_pending(int signo);

/// True if the default action of `signo` ends a process (signal(7)).
bool ends_by_default(int signo);

/// Ends this process by `signo`, so that our parent sees what the job's parent would have seen:
/// default disposition, unblocked, core dumps off. As PID 1, which no default disposition ends, it
/// exits with 128 + signo.
[[noreturn]] void die_of(int signo);

/// Stops this process as the terminal's stop key does. Returns true when it is continued, and
/// consumes the SIGCONT. Returns false at once if the kernel does not stop it: in an orphaned
/// process group, which no shell watches (setpgid(2)).
bool stop_ourselves();

}  // namespace cluster_leader
