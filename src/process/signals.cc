#include "process/signals.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/errors.h"

namespace cluster_leader {
namespace {

constexpr int kLastSignal = 64;
constexpr SignalSet kAllSignals = ~SignalSet{0};

constexpr SignalSet set_of(int signo) { return SignalSet{1} << (signo - 1); }

template <typename... Signals>
constexpr SignalSet set_of(int first, Signals... others) {
  return set_of(first) | set_of(others...);
}

constexpr bool contains(SignalSet set, int signo) { return (set & set_of(signo)) != 0; }

constexpr SignalSet kCrashes = set_of(SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS);

/// They would stop or end us when we write a diagnostic, or read what only the job should read.
constexpr SignalSet kIgnoredByUs = set_of(SIGPIPE, SIGTTIN, SIGTTOU);

/// Changes the mask and returns the previous one. A direct system call, since the C library's
/// function leaves out the signals that it reserves. Cannot fail for a valid `how`.
SignalSet change_mask(int how, SignalSet set) {
  SignalSet before = 0;
  ::syscall(SYS_rt_sigprocmask, how, &set, &before, sizeof set);
  return before;
}

void set_disposition(int signo, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  // Fails for SIGKILL, SIGSTOP and those of the C library, whose dispositions we never change.
  ::sigaction(signo, &action, nullptr);
}

bool is_ignored(int signo) {
  struct sigaction action {};
  return ::sigaction(signo, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

InheritedSignals InheritedSignals::capture() {
  InheritedSignals inherited;
  inherited.mask_ = change_mask(SIG_BLOCK, 0);
  for (int signo = 1; signo <= kLastSignal; ++signo) {
    if (is_ignored(signo)) inherited.ignored_ |= set_of(signo);
  }
  set_disposition(SIGCHLD, SIG_DFL);
  for (int signo = 1; signo <= kLastSignal; ++signo) {
    if (contains(kIgnoredByUs, signo)) set_disposition(signo, SIG_IGN);
  }
  return inherited;
}

bool InheritedSignals::ignored(int signo) const { return contains(ignored_, signo); }

bool InheritedSignals::blocked(int signo) const { return contains(mask_, signo); }

void InheritedSignals::restore() const {
  for (int signo = 1; signo <= kLastSignal; ++signo) {
    // We change no others, and have no handlers.
    if (!contains(kIgnoredByUs | set_of(SIGCHLD), signo)) continue;
    set_disposition(signo, ignored(signo) ? SIG_IGN : SIG_DFL);
  }
  // Last, so that a pending signal meets the disposition that the caller had set.
  change_mask(SIG_SETMASK, mask_);
}

SignalReader::SignalReader(const InheritedSignals& inherited) {
  // An ignored signal must not be blocked: blocked signals are queued, and signalfd would return
  // it.
  SignalSet to_read = kAllSignals & ~set_of(SIGKILL, SIGSTOP) & ~kCrashes & ~kIgnoredByUs;
  for (int signo = 1; signo <= kLastSignal; ++signo) {
    if (inherited.ignored(signo)) to_read &= ~set_of(signo);
  }
  to_read |= set_of(SIGCHLD);
  const long fd =
      ::syscall(SYS_signalfd4, -1, &to_read, sizeof to_read, SFD_NONBLOCK | SFD_CLOEXEC);
  fd_.reset(static_cast<int>(check_errno(fd, "signalfd")));
  change_mask(SIG_BLOCK, to_read);
}

std::optional<SignalArrival> SignalReader::next() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  SignalArrival arrival;
  arrival.signo = static_cast<int>(info.ssi_signo);
  arrival.from_kernel = info.ssi_code == SI_KERNEL;
  // Only for codes up to zero, of signals that a process sent, is this field a pid.
  if (info.ssi_code <= 0) arrival.sender = static_cast<pid_t>(info.ssi_pid);
  return arrival;
}

void block_all_signals() { change_mask(SIG_SETMASK, kAllSignals); }

std::vector<int> take_terminal_keys() {
  sigset_t keys;
  sigemptyset(&keys);
  for (const int key : kTerminalKeys) sigaddset(&keys, key);
  std::vector<int> taken;
  siginfo_t info{};
  const timespec at_once{};
  while (::sigtimedwait(&keys, &info, &at_once) > 0) {
    if (info.si_code == SI_KERNEL) taken.push_back(info.si_signo);
  }
  return taken;
}

bool is_pending(int signo) {
  SignalSet pending = 0;
  ::syscall(SYS_rt_sigpending, &pending, sizeof pending);
  return contains(pending, signo);
}

bool ends_by_default(int signo) {
  constexpr SignalSet kHarmless =
      set_of(SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
  return signo >= 1 && signo <= kLastSignal && !contains(kHarmless, signo);
}

void die_of(int signo) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // The limit does not apply if core dumps are piped to a program (core(5)); this does.
  ::prctl(PR_SET_DUMPABLE, 0);
  set_disposition(signo, SIG_DFL);
  ::kill(::getpid(), signo);
  change_mask(SIG_UNBLOCK, set_of(signo));
  ::_exit(128 + signo);
}

bool stop_ourselves() {
  struct sigaction before {};
  ::sigaction(SIGTSTP, nullptr, &before);
  set_disposition(SIGTSTP, SIG_DFL);
  ::kill(::getpid(), SIGTSTP);
  // The process stops in the call that unblocks the signal, and continues with the next line.
  const SignalSet mask = change_mask(SIG_UNBLOCK, set_of(SIGTSTP));
  change_mask(SIG_SETMASK, mask);
  ::sigaction(SIGTSTP, &before, nullptr);
  sigset_t cont;
  sigemptyset(&cont);
  sigaddset(&cont, SIGCONT);
  const timespec at_once{};
  return ::sigtimedwait(&cont, nullptr, &at_once) == SIGCONT;
}

}  // namespace cluster_leader
