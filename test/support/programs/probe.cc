// Plays the job in the tests of process/: builds trees of processes that are hard to kill, and
// reports what it inherited. Descriptor 200 is the oracle, a pipe that every process of a tree has:
// each writes a byte when it has started, and end of file means that all are dead.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Words = std::vector<std::string>;

constexpr int kOracle = 200;
constexpr int kLastSignal = 64;

void check(bool well, const char* what) {
  if (well) return;
  std::perror(what);
  std::_Exit(99);
}

void say_born() { check(::write(kOracle, "b", 1) == 1, "oracle"); }

[[noreturn]] void idle() {
  for (;;) ::pause();
}

void set_all(void (*handler)(int)) {
  for (int signo = 1; signo <= kLastSignal; ++signo) ::signal(signo, handler);
}

/// What the traits of a tree say about each of its processes.
void take_on(std::string_view trait) {
  if (trait == "deaf") set_all(SIG_IGN);
  if (trait == "setsid") check(::setsid() > 0, "setsid");
  if (trait == "group") check(::setpgid(0, 0) == 0, "setpgid");
  if (trait == "named") check(::prctl(PR_SET_NAME, ") (R) 1 (") == 0, "prctl");
  if (trait == "orphan" && ::fork() != 0) std::_Exit(0);
}

void be_born(const Words& traits) {
  bool stopped = false;
  for (const std::string& trait : traits) {
    take_on(trait);
    stopped |= trait == "stopped";
  }
  say_born();
  if (stopped) ::raise(SIGSTOP);
}

/// tree N TRAIT...: N children that each have the traits.
int tree(const Words& words) {
  const Words traits(words.begin() + 1, words.end());
  for (int i = std::stoi(words[0]); i > 0; --i) {
    const pid_t child = ::fork();
    check(child >= 0, "fork");
    if (child == 0) {
      be_born(traits);
      idle();
    }
  }
  idle();
}

/// leave N TRAIT...: as tree, but the main process exits with 3.
int leave(const Words& words) {
  if (::fork() == 0) tree(words);
  return 3;
}

/// chain N TRAIT...: N processes, each a child of the one before.
int chain(const Words& words) {
  const Words traits(words.begin() + 1, words.end());
  for (int i = std::stoi(words[0]); i > 0; --i) {
    if (::fork() != 0) idle();
    be_born(traits);
  }
  idle();
}

/// hop: repeatedly forks, leaves its session and lets its parent die.
int hop(const Words&) {
  say_born();
  for (;;) {
    const pid_t child = ::fork();
    if (child > 0) std::_Exit(0);
    if (child == 0) ::setsid();
  }
}

/// threads N: N threads that each have a child.
int threads(const Words& words) {
  for (int i = std::stoi(words[0]); i > 0; --i) {
    // Not std::thread: a thread that only the kernel knows, which forks. It never returns.
    constexpr size_t kStack = 65'536;
    char* stack = static_cast<char*>(std::malloc(kStack));
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    const int thread = ::clone(
        [](void*) -> int {
          if (::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) say_born();
          for (;;) ::syscall(SYS_pause);
        },
        stack + kStack, flags, nullptr);
    check(thread > 0, "clone");
  }
  idle();
}

/// zombies N: N dead children that it never reaps.
int zombies(const Words& words) {
  for (int i = std::stoi(words[0]); i > 0; --i) {
    if (::fork() == 0) std::_Exit(0);
  }
  say_born();
  idle();
}

/// storm: forks without end, with up to 100 alive.
int storm(const Words&) {
  say_born();
  for (int i = 0; i < 100; ++i) {
    if (::fork() == 0) {
      if (i % 2 == 0) ::setsid();
      if (i % 3 == 0 && ::fork() != 0) std::_Exit(0);
      set_all(SIG_IGN);
      idle();
    }
  }
  idle();
}

/// signals: its mask and dispositions, according to the kernel.
int signals(const Words&) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigBlk") || line.starts_with("SigIgn") || line.starts_with("SigPnd") ||
        line.starts_with("ShdPnd")) {
      std::puts(line.c_str());
    }
  }
  return 0;
}

/// catch: writes the number of each signal that it gets, one per line, until it gets the last one.
int catch_all(const Words&) {
  const std::uint64_t all = ~std::uint64_t{0};
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all);
  say_born();
  long signo = 0;
  while (signo != kLastSignal) {
    signo = ::syscall(SYS_rt_sigtimedwait, &all, nullptr, nullptr, sizeof all);
    std::printf("%ld\n", signo);
    std::fflush(stdout);
  }
  return 0;
}

void write_down(const Words& signals) {
  for (const std::string& word : signals) {
    ::signal(std::stoi(word), [](int signo) {
      const char number = static_cast<char>(signo);
      check(::write(kOracle, &number, 1) == 1, "oracle");
    });
  }
  say_born();
}

/// count SIGNAL...: writes the number of each of these that it gets as a byte to the oracle; never
/// ends.
int count(const Words& words) {
  write_down(words);
  idle();
}

/// around SIGNAL...: as count, with a child that sends the first to the whole group.
int signal_around(const Words& words) {
  write_down(words);
  if (::fork() == 0) {
    const int signo = std::stoi(words[0]);
    ::signal(signo, SIG_IGN);
    ::kill(0, signo);
  }
  idle();
}

/// descriptors: the open ones, except for that of the listing itself.
int descriptors(const Words&) {
  std::string open;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) open += std::to_string(fd) + " ";
  }
  check(::write(kOracle, open.data(), open.size()) > 0, "write");
  return 0;
}

/// files: a line for each open descriptor and its file, except for that of the listing itself.
int files(const Words&) {
  std::string lines;
  for (int fd = 0; fd < 1024; ++fd) {
    std::array<char, 256> target{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    if (::readlink(link.c_str(), target.data(), target.size() - 1) < 0) continue;
    lines += std::to_string(fd) + " " + target.data() + "\n";
  }
  std::fputs(lines.c_str(), stdout);
  return 0;
}

/// arguments ARG...: each followed by a NUL.
int arguments(const Words& words) {
  for (const std::string& word : words) std::fwrite(word.c_str(), 1, word.size() + 1, stdout);
  return 0;
}

/// length ARG: its length.
int length(const Words& words) {
  std::printf("%zu", words[0].size());
  return 0;
}

int variable(const Words& words) {
  const char* value = std::getenv(words[0].c_str());
  std::fputs(value != nullptr ? value : "(none)", stdout);
  return 0;
}

int exit_with(const Words& words) { return std::stoi(words[0]); }

/// die SIGNAL: dies of it.
int die(const Words& words) {
  ::kill(::getpid(), std::stoi(words[0]));
  return 98;
}

/// echo: writes each line that it reads.
int echo(const Words&) {
  say_born();
  char c = 0;
  while (::read(0, &c, 1) == 1) check(::write(1, &c, 1) == 1, "write");
  return 0;
}

/// place: its pid, parent, group, session.
int place(const Words&) {
  std::printf("%d %d %d %d\n", ::getpid(), ::getppid(), ::getpgrp(), ::getsid(0));
  return 0;
}

/// owner: becomes the owner of its file, which has the set-user-ID bit; writes its pid.
int owner(const Words&) {
  const uid_t user = ::geteuid();
  check(::setresuid(user, user, user) == 0, "setresuid");
  std::printf("%d\n", ::getpid());
  std::fflush(stdout);
  idle();
}

/// close-output: closes stdout and lives on.
int close_output(const Words&) {
  ::close(1);
  say_born();
  idle();
}

/// setsid: like setsid(1): a group leader forks and ends, others continue.
int setsid_then_exit(const Words&) {
  if (::getpgrp() == ::getpid()) {
    if (::fork() != 0) return 0;
  }
  check(::setsid() > 0, "setsid");
  return 42;
}

const std::map<std::string, std::function<int(const Words&)>> kParts = {
    {"tree", tree},
    {"leave", leave},
    {"chain", chain},
    {"hop", hop},
    {"threads", threads},
    {"zombies", zombies},
    {"storm", storm},
    {"signals", signals},
    {"catch", catch_all},
    {"count", count},
    {"around", signal_around},
    {"descriptors", descriptors},
    {"files", files},
    {"arguments", arguments},
    {"length", length},
    {"variable", variable},
    {"exit", exit_with},
    {"die", die},
    {"echo", echo},
    {"place", place},
    {"owner", owner},
    {"close-output", close_output},
    {"setsid", setsid_then_exit}};

}  // namespace

int main(int argc, char** argv) {
  const Words words(argv + 1, argv + argc);
  const auto part = words.empty() ? kParts.end() : kParts.find(words[0]);
  check(part != kParts.end(), "no such part");
  return part->second(Words(words.begin() + 1, words.end()));
}
