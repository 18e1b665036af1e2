// The front, the keeper and the job behind a pseudo-terminal, with a shell that has job control.

#include <gtest/gtest.h>
#include <termios.h>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

Supervision in_shell(std::vector<std::string> argv) {
  Plan plan{std::move(argv)};
  plan.terminal = Plan::Terminal::kShell;
  return Supervision(std::move(plan));
}

std::string byte(int signo) { return std::string(1, static_cast<char>(signo)); }

TEST(TerminalTest, InterruptKeyEndsTheJobAndTheFrontTheSameWay) {
  Supervision supervision = in_shell(probe({"echo"}));
  supervision.born(1);
  supervision.type("\x03");
  EXPECT_EQ(WTERMSIG(supervision.wait_for(Note::kShellSawExit).value), SIGINT);
  supervision.expect_all_dead();
  supervision.wait();
}

TEST(TerminalTest, InterruptKeyReachesTheJobOnce) {
  Supervision supervision = in_shell(probe({"count", "2", "3", "10"}));
  supervision.born(1);
  supervision.type("\x03");
  EXPECT_EQ(supervision.born(1), byte(SIGINT));
  // The front forwards in order, so a second SIGINT would come before this signal.
  ::kill(supervision.front(), SIGUSR1);
  EXPECT_EQ(supervision.born(1), byte(SIGUSR1));
  supervision.type("\x1c");
  EXPECT_EQ(supervision.born(1), byte(SIGQUIT));
  ::kill(supervision.front(), SIGUSR1);
  EXPECT_EQ(supervision.born(1), byte(SIGUSR1));
  // A signal from a user is not a key.
  ::kill(supervision.front(), SIGINT);
  EXPECT_EQ(supervision.born(1), byte(SIGINT));
  ::kill(supervision.front(), SIGTERM);
  EXPECT_EQ(WTERMSIG(supervision.wait_for(Note::kShellSawExit).value), SIGTERM);
  supervision.expect_all_dead();
}

TEST(TerminalTest, KeyAtAnyMomentDuringTheStartReachesTheJob) {
  for (int i = 0; i < 30; ++i) {
    Supervision supervision = in_shell({"/bin/sleep", "1000"});
    supervision.keeper();
    const Time until = BootClock::now() + i * 50us;
    while (BootClock::now() < until) {
    }
    supervision.type("\x03");
    EXPECT_EQ(WTERMSIG(supervision.wait_for(Note::kShellSawExit).value), SIGINT);
    supervision.expect_all_dead();
  }
}

TEST(TerminalTest, KeyBeforeThereIsAKeeperReachesTheJob) {
  Plan plan{{"/bin/sleep", "1000"}};
  plan.terminal = Plan::Terminal::kShell;
  Pipe go;
  plan.after_capture = [&] {
    char c = 0;
    [[maybe_unused]] const ssize_t got = ::read(go.read.get(), &c, 1);
    pollfd nothing{};
    while (!is_pending(SIGINT)) ::poll(&nothing, 0, 1);
  };
  Supervision supervision(plan);
  EXPECT_EQ(::write(go.write.get(), "x", 1), 1);
  supervision.type("\x03");
  EXPECT_EQ(WTERMSIG(supervision.wait_for(Note::kShellSawExit).value), SIGINT);
  supervision.expect_all_dead();
}

TEST(TerminalTest, StopKeyStopsTheFrontToo) {
  Supervision supervision = in_shell(probe({"echo"}));
  for (int i = 0; i < 3; ++i) {
    if (i == 0) supervision.born(1);
    supervision.type("\x1a");
    EXPECT_EQ(supervision.wait_for(Note::kShellSawStop).value, SIGTSTP);
    supervision.foreground();
    // If the job reads again, it was continued and has the terminal.
    supervision.type("hello\n");
    std::string seen;
    std::array<char, 256> buffer{};
    // Once echoed by the terminal, once from the job.
    while (seen.find("hello") == seen.rfind("hello")) {
      const ssize_t got = ::read(supervision.terminal(), buffer.data(), buffer.size());
      ASSERT_GT(got, 0);
      seen.append(buffer.data(), static_cast<size_t>(got));
    }
  }
  supervision.type("\x04");
  EXPECT_EQ(supervision.wait_for(Note::kShellSawExit).value, 0);
  supervision.expect_all_dead();
}

TEST(TerminalTest, StoppedLongerThanTheLeaseIsRenewed) {
  Plan plan{probe({"echo"})};
  plan.terminal = Plan::Terminal::kShell;
  plan.lease = 150ms;
  Supervision supervision(plan);
  supervision.born(1);
  supervision.type("\x1a");
  supervision.wait_for(Note::kShellSawStop);
  const Time until = BootClock::now() + 2 * plan.lease;
  while (BootClock::now() < until) supervision.wait_for(Note::kRenewed);
  supervision.foreground();
  supervision.type("\x04");
  EXPECT_EQ(supervision.wait_for(Note::kShellSawExit).value, 0);
  supervision.expect_all_dead();
}

TEST(TerminalTest, ShellSeesAnyStopOfTheJob) {
  Supervision supervision = in_shell(probe({"echo"}));
  supervision.born(1);
  ::kill(supervision.job(), SIGSTOP);
  supervision.wait_for(Note::kShellSawStop);
  supervision.foreground();
  supervision.type("\x04");
  EXPECT_EQ(supervision.wait_for(Note::kShellSawExit).value, 0);
  supervision.expect_all_dead();
}

TEST(TerminalTest, FrontThatIsContinuedAloneContinuesTheJob) {
  Supervision supervision = in_shell(probe({"count", "18"}));
  supervision.born(1);
  supervision.type("\x1a");
  supervision.wait_for(Note::kShellSawStop);
  ::kill(supervision.front(), SIGCONT);
  EXPECT_EQ(supervision.born(1), byte(SIGCONT));
  ::kill(supervision.front(), SIGKILL);
  supervision.expect_all_dead();
}

TEST(TerminalTest, StopSignalOfAUserStopsJobAndFront) {
  Supervision supervision = in_shell(probe({"echo"}));
  supervision.born(1);
  ::kill(supervision.front(), SIGTSTP);
  EXPECT_EQ(supervision.wait_for(Note::kShellSawStop).value, SIGTSTP);
  supervision.foreground();
  supervision.type("\x04");
  EXPECT_EQ(supervision.wait_for(Note::kShellSawExit).value, 0);
  supervision.expect_all_dead();
}

TEST(TerminalTest, JobReadsInputAndItsEnd) {
  Supervision supervision = in_shell({"/bin/cat"});
  supervision.job();
  supervision.type("\x04");
  EXPECT_EQ(supervision.wait_for(Note::kShellSawExit).value, 0);
  supervision.expect_all_dead();
}

TEST(TerminalTest, SignalSentByTheJobToItsGroupIsNotForwarded) {
  Supervision supervision = in_shell(probe({"around", "15", "10"}));
  // The main process catches what its child sends to the group, which includes the front.
  EXPECT_EQ(supervision.born(2), "b" + byte(SIGTERM));
  ::kill(supervision.front(), SIGUSR1);
  EXPECT_EQ(supervision.born(1), byte(SIGUSR1));
  ::kill(supervision.front(), SIGKILL);
  supervision.expect_all_dead();
}

TEST(TerminalTest, TreeDiesWithTheFrontOrTheKeeper) {
  for (const bool front : {false, true}) {
    Supervision supervision = in_shell(probe({"tree", "5", "group", "deaf", "orphan"}));
    supervision.born(5);
    ::kill(front ? supervision.front() : supervision.keeper(), SIGKILL);
    const int status = supervision.wait_for(Note::kShellSawExit).value;
    EXPECT_EQ(front ? WTERMSIG(status) : WEXITSTATUS(status), front ? SIGKILL : kLostStatus);
    supervision.expect_all_dead();
  }
}

TEST(TerminalTest, CloseReachesTheJobOfAFrontThatLeadsItsSession) {
  Plan plan{probe({"count", "1"})};
  plan.terminal = Plan::Terminal::kFrontLeads;
  Supervision supervision(plan);
  supervision.born(1);
  supervision.close_terminal();
  EXPECT_EQ(supervision.born(1), byte(SIGHUP));
  ::kill(supervision.front(), SIGTERM);
  supervision.expect_all_dead();
}

TEST(TerminalTest, CloseEndsAJobThatDoesNotCatchIt) {
  Plan plan{probe({"echo"})};
  for (const auto terminal : {Plan::Terminal::kFrontLeads, Plan::Terminal::kShell}) {
    plan.terminal = terminal;
    Supervision supervision(plan);
    supervision.born(1);
    supervision.close_terminal();
    supervision.expect_all_dead();
  }
}

TEST(TerminalTest, StopKeyDoesNothingWithoutAShell) {
  // As in: ssh -t host cluster-leader run ...
  Plan plan{probe({"count", "10"})};
  plan.terminal = Plan::Terminal::kFrontLeads;
  Supervision supervision(plan);
  supervision.born(1);
  supervision.type("\x1a");
  ::kill(supervision.front(), SIGUSR1);
  EXPECT_EQ(supervision.born(1), byte(SIGUSR1));
  supervision.type("\x03");
  supervision.expect_all_dead();
  EXPECT_EQ(WTERMSIG(supervision.wait()), SIGINT);
}

TEST(TerminalTest, KillOfTheWholeGroupLeavesNothingAlive) {
  Supervision supervision = in_shell(probe({"tree", "5", "setsid", "deaf", "orphan"}));
  supervision.born(5);
  ::kill(-supervision.front(), SIGKILL);
  supervision.expect_all_dead();
}

TEST(TerminalTest, RestOfThePipelineIsNotKilled) {
  for (const bool front : {false, true}) {
    Pipe question;
    Pipe answer;
    Plan plan{probe({"tree", "5", "deaf"})};
    plan.terminal = Plan::Terminal::kShell;
    plan.before = [&] {
      // In the same group, but not a child of the front: like the pager behind a pipe.
      const pid_t between = ::fork();
      if (between == 0) {
        ::signal(SIGHUP, SIG_IGN);  // sent when the shell ends
        if (::fork() == 0) {
          ::close(kOracle);
          question.write.reset();
          char c = 0;
          ::_exit(::read(question.read.get(), &c, 1) == 1 &&
                  ::write(answer.write.get(), &c, 1) == 1);
        }
        ::_exit(0);
      }
      ::waitpid(between, nullptr, 0);
    };
    Supervision supervision(plan);
    supervision.born(5);
    ::kill(front ? supervision.front() : supervision.keeper(), SIGKILL);
    supervision.expect_all_dead();
    supervision.wait();
    answer.write.reset();
    question.read.reset();
    ::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::write(question.write.get(), "x", 1), 1) << "the pager was killed";
    ::signal(SIGPIPE, SIG_DFL);
    char c = 0;
    EXPECT_EQ(::read(answer.read.get(), &c, 1), 1) << "the pager was killed";
  }
}

TEST(TerminalTest, KeyBeforeThereIsAJobReachesIt) {
  Plan plan{{"/bin/sleep", "1000"}};
  plan.terminal = Plan::Terminal::kShell;
  Pipe go;
  plan.in_keeper = [&] {
    char c = 0;
    [[maybe_unused]] const ssize_t got = ::read(go.read.get(), &c, 1);
    pollfd nothing{};
    while (!is_pending(SIGINT)) ::poll(&nothing, 0, 1);
  };
  Supervision supervision(plan);
  supervision.keeper();
  EXPECT_EQ(::write(go.write.get(), "x", 1), 1);
  supervision.type("\x03");
  EXPECT_EQ(WTERMSIG(supervision.wait_for(Note::kShellSawExit).value), SIGINT);
  supervision.expect_all_dead();
}

TEST(TerminalTest, StoppedJobIsNotContinuedWithoutAShell) {
  Plan plan{probe({"count", "18", "10"})};
  plan.terminal = Plan::Terminal::kFrontLeads;
  Supervision supervision(plan);
  supervision.born(1);
  const pid_t job = supervision.job();
  ::kill(job, SIGSTOP);
  // When the front answers this, the keeper has reported the stop to it.
  ::kill(supervision.front(), SIGUSR1);
  ::kill(job, SIGCONT);
  EXPECT_EQ(supervision.born(2).size(), 2U);
  ::kill(supervision.front(), SIGKILL);
  supervision.expect_all_dead();
}

}  // namespace
}  // namespace cluster_leader::test
