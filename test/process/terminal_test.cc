// The front, the keeper and the job behind a pseudo-terminal, with a shell that has job control.

#include <gtest/gtest.h>
#include <termios.h>

#include "stand.h"

namespace cluster_leader::test {
namespace {

Stand in_shell(std::vector<std::string> argv) {
  Plan plan{std::move(argv)};
  plan.terminal = Plan::Terminal::kShell;
  return Stand(std::move(plan));
}

std::string byte(int signo) { return std::string(1, static_cast<char>(signo)); }

TEST(TerminalTest, InterruptKeyEndsTheJobAndTheFrontTheSameWay) {
  Stand stand = in_shell(probe({"echo"}));
  stand.born(1);
  stand.type("\x03");
  EXPECT_EQ(WTERMSIG(stand.wait_for(Note::kShellSawExit).value), SIGINT);
  stand.expect_all_dead();
  stand.wait();
}

TEST(TerminalTest, InterruptKeyReachesTheJobOnce) {
  Stand stand = in_shell(probe({"count", "2", "3", "10"}));
  stand.born(1);
  stand.type("\x03");
  EXPECT_EQ(stand.born(1), byte(SIGINT));
  // What the front forwards comes in order, so a second SIGINT would come before this one.
  ::kill(stand.front(), SIGUSR1);
  EXPECT_EQ(stand.born(1), byte(SIGUSR1));
  stand.type("\x1c");
  EXPECT_EQ(stand.born(1), byte(SIGQUIT));
  ::kill(stand.front(), SIGUSR1);
  EXPECT_EQ(stand.born(1), byte(SIGUSR1));
  // A user's own is no key.
  ::kill(stand.front(), SIGINT);
  EXPECT_EQ(stand.born(1), byte(SIGINT));
  ::kill(stand.front(), SIGTERM);
  EXPECT_EQ(WTERMSIG(stand.wait_for(Note::kShellSawExit).value), SIGTERM);
  stand.expect_all_dead();
}

TEST(TerminalTest, KeyAtAnyMomentOfTheStartReachesTheJob) {
  for (int i = 0; i < 30; ++i) {
    Stand stand = in_shell({"/bin/sleep", "1000"});
    stand.keeper();
    const Time until = BootClock::now() + i * 50us;
    while (BootClock::now() < until) {
    }
    stand.type("\x03");
    EXPECT_EQ(WTERMSIG(stand.wait_for(Note::kShellSawExit).value), SIGINT);
    stand.expect_all_dead();
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
  Stand stand(plan);
  EXPECT_EQ(::write(go.write.get(), "x", 1), 1);
  stand.type("\x03");
  EXPECT_EQ(WTERMSIG(stand.wait_for(Note::kShellSawExit).value), SIGINT);
  stand.expect_all_dead();
}

TEST(TerminalTest, StopKeyStopsTheFrontToo) {
  Stand stand = in_shell(probe({"echo"}));
  for (int i = 0; i < 3; ++i) {
    if (i == 0) stand.born(1);
    stand.type("\x1a");
    EXPECT_EQ(stand.wait_for(Note::kShellSawStop).value, SIGTSTP);
    stand.foreground();
    // The job reads again, so it was continued and has the terminal.
    stand.type("hello\n");
    std::string seen;
    std::array<char, 256> buffer{};
    // Once as the terminal's echo, once from the job.
    while (seen.find("hello") == seen.rfind("hello")) {
      const ssize_t got = ::read(stand.terminal(), buffer.data(), buffer.size());
      ASSERT_GT(got, 0);
      seen.append(buffer.data(), static_cast<size_t>(got));
    }
  }
  stand.type("\x04");
  EXPECT_EQ(stand.wait_for(Note::kShellSawExit).value, 0);
  stand.expect_all_dead();
}

TEST(TerminalTest, StoppedLongerThanTheLeaseIsRenewed) {
  Plan plan{probe({"echo"})};
  plan.terminal = Plan::Terminal::kShell;
  plan.lease = 150ms;
  Stand stand(plan);
  stand.born(1);
  stand.type("\x1a");
  stand.wait_for(Note::kShellSawStop);
  const Time until = BootClock::now() + 2 * plan.lease;
  while (BootClock::now() < until) stand.wait_for(Note::kRenewed);
  stand.foreground();
  stand.type("\x04");
  EXPECT_EQ(stand.wait_for(Note::kShellSawExit).value, 0);
  stand.expect_all_dead();
}

TEST(TerminalTest, AnyStopOfTheJobIsSeenByTheShell) {
  Stand stand = in_shell(probe({"echo"}));
  stand.born(1);
  ::kill(stand.job(), SIGSTOP);
  stand.wait_for(Note::kShellSawStop);
  stand.foreground();
  stand.type("\x04");
  EXPECT_EQ(stand.wait_for(Note::kShellSawExit).value, 0);
  stand.expect_all_dead();
}

TEST(TerminalTest, FrontThatIsContinuedAloneContinuesTheJob) {
  Stand stand = in_shell(probe({"count", "18"}));
  stand.born(1);
  stand.type("\x1a");
  stand.wait_for(Note::kShellSawStop);
  ::kill(stand.front(), SIGCONT);
  EXPECT_EQ(stand.born(1), byte(SIGCONT));
  ::kill(stand.front(), SIGKILL);
  stand.expect_all_dead();
}

TEST(TerminalTest, UsersStopSignalStopsJobAndFront) {
  Stand stand = in_shell(probe({"echo"}));
  stand.born(1);
  ::kill(stand.front(), SIGTSTP);
  EXPECT_EQ(stand.wait_for(Note::kShellSawStop).value, SIGTSTP);
  stand.foreground();
  stand.type("\x04");
  EXPECT_EQ(stand.wait_for(Note::kShellSawExit).value, 0);
  stand.expect_all_dead();
}

TEST(TerminalTest, JobReadsItAndSeesItsEnd) {
  Stand stand = in_shell({"/bin/cat"});
  stand.job();
  stand.type("\x04");
  EXPECT_EQ(stand.wait_for(Note::kShellSawExit).value, 0);
  stand.expect_all_dead();
}

TEST(TerminalTest, SignalOfTheJobsOwnGroupDoesNotComeBack) {
  Stand stand = in_shell(probe({"around", "15", "10"}));
  // The main process catches what its child sends to the group, which the front is in as well.
  EXPECT_EQ(stand.born(2), "b" + byte(SIGTERM));
  ::kill(stand.front(), SIGUSR1);
  EXPECT_EQ(stand.born(1), byte(SIGUSR1));
  ::kill(stand.front(), SIGKILL);
  stand.expect_all_dead();
}

TEST(TerminalTest, TreeDiesWithTheFrontOrTheKeeper) {
  for (const bool front : {false, true}) {
    Stand stand = in_shell(probe({"tree", "5", "group", "deaf", "orphan"}));
    stand.born(5);
    ::kill(front ? stand.front() : stand.keeper(), SIGKILL);
    const int status = stand.wait_for(Note::kShellSawExit).value;
    EXPECT_EQ(front ? WTERMSIG(status) : WEXITSTATUS(status), front ? SIGKILL : kLostStatus);
    stand.expect_all_dead();
  }
}

TEST(TerminalTest, ThatIsClosedTellsTheJobOfAFrontThatLeadsItsSession) {
  Plan plan{probe({"count", "1"})};
  plan.terminal = Plan::Terminal::kFrontLeads;
  Stand stand(plan);
  stand.born(1);
  stand.close_terminal();
  EXPECT_EQ(stand.born(1), byte(SIGHUP));
  ::kill(stand.front(), SIGTERM);
  stand.expect_all_dead();
}

TEST(TerminalTest, ThatIsClosedEndsAJobThatDoesNotCatchIt) {
  Plan plan{probe({"echo"})};
  for (const auto terminal : {Plan::Terminal::kFrontLeads, Plan::Terminal::kShell}) {
    plan.terminal = terminal;
    Stand stand(plan);
    stand.born(1);
    stand.close_terminal();
    stand.expect_all_dead();
  }
}

TEST(TerminalTest, StopKeyDoesNothingWhereNoShellWatches) {
  // As in: ssh -t host cluster-leader run ...
  Plan plan{probe({"count", "10"})};
  plan.terminal = Plan::Terminal::kFrontLeads;
  Stand stand(plan);
  stand.born(1);
  stand.type("\x1a");
  ::kill(stand.front(), SIGUSR1);
  EXPECT_EQ(stand.born(1), byte(SIGUSR1));
  stand.type("\x03");
  stand.expect_all_dead();
  EXPECT_EQ(WTERMSIG(stand.wait()), SIGINT);
}

TEST(TerminalTest, KillOfTheWholeGroupLeavesNothingAlive) {
  Stand stand = in_shell(probe({"tree", "5", "setsid", "deaf", "orphan"}));
  stand.born(5);
  ::kill(-stand.front(), SIGKILL);
  stand.expect_all_dead();
}

TEST(TerminalTest, RestOfThePipelineIsNotKilled) {
  for (const bool front : {false, true}) {
    Pipe hold;
    Plan plan{probe({"tree", "5", "deaf"})};
    plan.terminal = Plan::Terminal::kShell;
    plan.before = [&] {
      // In the same group and no child of the front: as the pager behind a pipe.
      const pid_t between = ::fork();
      if (between == 0) {
        ::signal(SIGHUP, SIG_IGN);  // which the shell's end brings
        if (::fork() == 0) {
          ::close(kOracle);
          for (;;) ::pause();
        }
        ::_exit(0);
      }
      ::waitpid(between, nullptr, 0);
      hold.close();
    };
    Stand stand(plan);
    stand.born(5);
    ::kill(front ? stand.front() : stand.keeper(), SIGKILL);
    stand.expect_all_dead();
    stand.wait_for(Note::kShellSawExit);
    hold.write.reset();
    pollfd pager{hold.read.get(), 0, 0};
    EXPECT_EQ(::poll(&pager, 1, 0), 0) << "the pager was killed";
    ::kill(-stand.front(), SIGKILL);
    ::poll(&pager, 1, 20'000);
    EXPECT_NE(pager.revents & POLLHUP, 0);
  }
}

TEST(TerminalTest, JobThatIsStoppedIsNotContinuedWhereNoShellWatches) {
  Plan plan{probe({"count", "18", "10"})};
  plan.terminal = Plan::Terminal::kFrontLeads;
  Stand stand(plan);
  stand.born(1);
  const pid_t job = stand.job();
  ::kill(job, SIGSTOP);
  // The keeper has told the front of the stop by the time that the front answers this.
  ::kill(stand.front(), SIGUSR1);
  ::kill(job, SIGCONT);
  EXPECT_EQ(stand.born(2).size(), 2U);
  ::kill(stand.front(), SIGKILL);
  stand.expect_all_dead();
}

}  // namespace
}  // namespace cluster_leader::test
