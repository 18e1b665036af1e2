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

/// They would stop or end us for writing a diagnostic, or for reading what is the job's to read.
constexpr SignalSet kIgnoredByUs = set_of(SIGPIPE, SIGTTIN, SIGTTOU);

/// Sets the mask and returns the one before. Asked of the kernel, since the C library's function
/// leaves its own signals out; cannot fail for a valid `how`.
SignalSet change_mask(int how, SignalSet set) {
  SignalSet before = 0;
  ::syscall(SYS_rt_sigprocmask, how, &set, &before, sizeof set);
  return before;
}

void set_disposition(int signo, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  // Refused for SIGKILL, SIGSTOP and the C library's own, whose disposition nobody here has
  // changed.
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
    // The others are as they were: a process of ours has no handlers.
    if (!contains(kIgnoredByUs | set_of(SIGCHLD), signo)) continue;
    set_disposition(signo, ignored(signo) ? SIG_IGN : SIG_DFL);
  }
  // Last: a signal that is pending must find the disposition that the caller wanted.
  change_mask(SIG_SETMASK, mask_);
}

SignalReader::SignalReader(const InheritedSignals& inherited) {
  // What is ignored must not be blocked: a blocked signal is queued, and signalfd would deliver it.
  SignalSet wanted = kAllSignals & ~set_of(SIGKILL, SIGSTOP) & ~kCrashes & ~kIgnoredByUs;
  for (int signo = 1; signo <= kLastSignal; ++signo) {
    if (inherited.ignored(signo)) wanted &= ~set_of(signo);
  }
  wanted |= set_of(SIGCHLD);
  const long fd = ::syscall(SYS_signalfd4, -1, &wanted, sizeof wanted, SFD_NONBLOCK | SFD_CLOEXEC);
  fd_.reset(static_cast<int>(check_errno(fd, "signalfd")));
  change_mask(SIG_BLOCK, wanted);
}

std::optional<SignalArrival> SignalReader::next() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  SignalArrival arrival;
  arrival.signo = static_cast<int>(info.ssi_signo);
  arrival.from_kernel = info.ssi_code == SI_KERNEL;
  // Codes up to zero are of signals that a process sent; with others the field means something
  // else.
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
  // The limit does not hold where cores go to a program (core(5)); this does.
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
  // The process stops in the call that unblocks, and the next line runs when it is continued.
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
