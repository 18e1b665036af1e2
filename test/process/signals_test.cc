#include "process/signals.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <set>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

const std::set<int> kNeverForwarded = {
    SIGKILL, SIGSTOP, SIGCHLD,  // cannot be caught, or is about our own children
    SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGABRT, SIGTRAP, SIGSYS,  // report our own crash
    SIGPIPE, SIGTTIN, SIGTTOU};                                   // ignored by us

TEST(SignalsTest, EveryOneReachesTheJob) {
  Supervision supervision({probe({"catch"})});
  supervision.born(1);
  for (int signo = 1; signo <= 64; ++signo) {
    if (kNeverForwarded.contains(signo)) continue;
    ASSERT_EQ(::kill(supervision.front(), signo), 0);
    EXPECT_EQ(read_line(supervision.output()), std::to_string(signo));
  }
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(SignalsTest, StormArrivesWholeWhereTheKernelQueues) {
  // More than the link has room for while the keeper is stopped.
  constexpr int kStorm = 2000;
  Supervision supervision({probe({"catch"})});
  supervision.born(1);
  ::kill(supervision.keeper(), SIGSTOP);
  for (int i = 0; i < kStorm; ++i) ASSERT_EQ(::kill(supervision.front(), SIGRTMIN + 1), 0);
  ::kill(supervision.keeper(), SIGCONT);
  ASSERT_EQ(::kill(supervision.front(), 64), 0);
  std::string expected;
  for (int i = 0; i < kStorm; ++i) expected += std::to_string(SIGRTMIN + 1) + "\n";
  EXPECT_EQ(supervision.all_output(), expected + "64\n");
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(SignalsTest, IgnoredOnesDoNotEndUs) {
  Supervision supervision({probe({"catch"})});
  supervision.born(1);
  for (const int signo : {SIGPIPE, SIGTTIN, SIGTTOU, SIGCHLD}) ::kill(supervision.front(), signo);
  ::kill(supervision.front(), 64);
  EXPECT_EQ(supervision.all_output(), "64\n");
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(SignalsTest, SentByAMemberOfTheJobIsDropped) {
  Supervision supervision({{"/bin/sh", "-c",
                            "trap 'echo got' USR1; echo $$; read front; kill -USR1 $front; "
                            "kill -USR2 $$"}});
  read_line(supervision.output());
  const std::string front = std::to_string(supervision.front()) + "\n";
  ASSERT_EQ(::write(supervision.input(), front.data(), front.size()), ssize_t(front.size()));
  EXPECT_EQ(supervision.all_output(), "");
  EXPECT_EQ(WTERMSIG(supervision.wait()), SIGUSR2);
}

/// The signal state that a process inherits: ours and that of a job must be the same.
std::string handed_on(const std::function<void()>& before, bool with_us) {
  if (with_us) {
    Plan plan{probe({"signals"})};
    plan.before = before;
    Supervision supervision(plan);
    std::string output = supervision.all_output();
    EXPECT_EQ(supervision.exit_status(), 0);
    return output;
  }
  Pipe out;
  const pid_t child = ::fork();
  if (child == 0) {
    before();
    ::dup2(out.write.get(), 1);
    const std::string program = probe({})[0];
    ::execl(program.c_str(), program.c_str(), "signals", nullptr);
    ::_exit(1);
  }
  out.write.reset();
  std::string output;
  char c = 0;
  while (::read(out.read.get(), &c, 1) == 1) output += c;
  ::waitpid(child, nullptr, 0);
  return output;
}

struct Legacy {
  const char* name;
  std::vector<int> ignored;
  std::vector<int> blocked;
};

class InheritedSignalsTest : public testing::TestWithParam<Legacy> {};

TEST_P(InheritedSignalsTest, ArePassedOnUnchanged) {
  const auto before = [&] {
    for (const int signo : GetParam().ignored) ::signal(signo, SIG_IGN);
    SignalSet set = 0;
    for (const int signo : GetParam().blocked) set |= SignalSet{1} << (signo - 1);
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, nullptr, sizeof set);
  };
  const std::string without = handed_on(before, false);
  EXPECT_NE(without.find("SigIgn"), std::string::npos);
  EXPECT_EQ(handed_on(before, true), without);
}

INSTANTIATE_TEST_SUITE_P(
    Legacies, InheritedSignalsTest,
    testing::Values(Legacy{"Nothing", {}, {}}, Legacy{"Nohup", {SIGHUP}, {}},
                    Legacy{"BackgroundOfAShell", {SIGINT, SIGQUIT}, {}},
                    Legacy{"ChildrenIgnored", {SIGCHLD}, {}},
                    Legacy{"PipeAndTerminalIgnored", {SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP}, {}},
                    Legacy{"TermBlocked", {}, {SIGTERM}},
                    Legacy{"MuchOfBoth",
                           {SIGTERM, SIGCONT, SIGWINCH, SIGUSR1, SIGRTMIN, SIGRTMAX},
                           {SIGCHLD, SIGTERM, SIGPIPE, SIGALRM, SIGSEGV, 32, 33, SIGRTMAX}}),
    [](const auto& legacy) { return legacy.param.name; });

TEST(SignalsTest, IgnoredOnEntryStaysIgnored) {
  Plan plan{probe({"catch"})};
  plan.before = [] { ::signal(SIGHUP, SIG_IGN); };
  Supervision supervision(plan);
  supervision.born(1);
  ::kill(supervision.front(), SIGHUP);
  ::kill(supervision.front(), 64);
  EXPECT_EQ(supervision.all_output(), "64\n");
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(SignalsTest, ChildrenIgnoredOnEntryDoNotHideTheStatus) {
  Plan plan{probe({"exit", "9"})};
  plan.lease = 1h;  // so that nothing but the child's end wakes the keeper
  plan.before = [] { ::signal(SIGCHLD, SIG_IGN); };
  EXPECT_EQ(Supervision(plan).exit_status(), 9);
}

TEST(SignalsTest, BlockedOnEntryStillReachesUs) {
  Plan plan{probe({"catch"})};
  plan.before = [] {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
  };
  Supervision supervision(plan);
  supervision.born(1);
  ::kill(supervision.front(), SIGTERM);
  ::kill(supervision.front(), 64);
  EXPECT_EQ(supervision.all_output(), std::to_string(SIGTERM) + "\n64\n");
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(SignalReaderTest, ReportsTheSenderOfEachSignal) {
  const pid_t child = ::fork();
  if (child == 0) {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader reader(inherited);
    if (reader.next()) ::_exit(1);
    ::kill(::getpid(), SIGTERM);
    const auto own = reader.next();
    if (!own || own->signo != SIGTERM || own->sender != ::getpid() || own->from_kernel) ::_exit(2);
    const itimerval soon{{0, 0}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &soon, nullptr);
    pollfd wanted{reader.fd(), POLLIN, 0};
    ::poll(&wanted, 1, 20'000);
    const auto alarm = reader.next();
    if (!alarm || alarm->signo != SIGALRM || alarm->sender != 0 || !alarm->from_kernel) ::_exit(3);
    ::_exit(reader.next() ? 4 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(SignalsTest, EndsByDefaultAsTheManualSays) {
  EXPECT_TRUE(ends_by_default(SIGTERM));
  EXPECT_TRUE(ends_by_default(SIGUSR1));
  EXPECT_TRUE(ends_by_default(SIGRTMAX));
  for (const int signo : {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU, 0, 65}) {
    EXPECT_FALSE(ends_by_default(signo)) << signo;
  }
}

TEST(DieOfTest, IsSeenByTheParent) {
  for (int signo = 1; signo <= 64; ++signo) {
    if (!ends_by_default(signo)) continue;
    const pid_t child = ::fork();
    if (child == 0) {
      const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
      ::setrlimit(RLIMIT_CORE, &limit);
      SignalReader reader(InheritedSignals::capture());
      if (signo != SIGKILL && signo != 32 && signo != 33) ::signal(signo, SIG_IGN);
      die_of(signo);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << signo;
    EXPECT_EQ(WTERMSIG(status), signo);
    EXPECT_FALSE(WCOREDUMP(status)) << signo;
  }
}

TEST(DieOfTest, AsTheFirstProcessIsAnExitStatus) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a PID namespace";
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(98);
    const pid_t first = ::fork();
    if (first == 0) die_of(SIGTERM);
    int status = 0;
    ::waitpid(first, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 97);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
}

}  // namespace
}  // namespace cluster_leader::test
