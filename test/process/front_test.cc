#include "process/front.h"

#include <gtest/gtest.h>

#include <random>

#include "stand.h"

namespace cluster_leader::test {
namespace {

/// Some moment in the first milliseconds, in which everything is started.
void wait_a_moment(std::minstd_rand& random) {
  const Time until =
      BootClock::now() + std::chrono::microseconds(std::uniform_int_distribution(0, 4000)(random));
  while (BootClock::now() < until) {
  }
}

TEST(FrontTest, KilledAtAnyMomentLeavesNothingAlive) {
  std::minstd_rand random(1);
  for (int i = 0; i < 30; ++i) {
    Stand stand({probe({"storm"})});
    wait_a_moment(random);
    ::kill(stand.front(), SIGKILL);
    stand.expect_all_dead();
  }
}

TEST(FrontTest, KillsTheTreeWhenTheKeeperIsKilledAtAnyMoment) {
  std::minstd_rand random(2);
  for (int i = 0; i < 30; ++i) {
    Stand stand({probe({"storm"})});
    const pid_t keeper = stand.keeper();
    wait_a_moment(random);
    ::kill(keeper, SIGKILL);
    stand.expect_all_dead();
    EXPECT_EQ(stand.exit_status(), kLostStatus);
  }
}

TEST(FrontTest, KillsAKeeperThatMissesItsDeadline) {
  Plan plan{probe({"tree", "5", "setsid", "deaf", "orphan"})};
  plan.lease = 300ms;
  Stand stand(plan);
  stand.born(5);
  stand.wait_for(Note::kRenewed);
  ::kill(stand.keeper(), SIGSTOP);
  const Time stopped = BootClock::now();
  stand.expect_all_dead();
  const Duration took = BootClock::now() - stopped;
  EXPECT_GE(took, plan.lease / 2);
  EXPECT_LT(took, plan.lease + plan.grace + 2s);
  EXPECT_EQ(stand.exit_status(), kLostStatus);
}

TEST(FrontTest, NoticesADeadlineThatIsMadeEarlier) {
  // The first promise is for an hour, made before the fork; the keeper's own is shorter.
  const pid_t child = ::fork();
  if (child == 0) {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    FrontDuty duty;
    KeeperLink link;
    link.set_deadline(BootClock::now() + 1h);
    Pipe guarded;
    const Keeper keeper = fork_keeper(link, false, [&](int) {
      char c = 0;
      if (::read(guarded.read.get(), &c, 1) != 1) return 1;
      link.set_deadline(BootClock::now() + 50ms);
      for (;;) ::pause();
      return 0;
    });
    if (::write(guarded.write.get(), "x", 1) != 1) ::_exit(1);
    const KeeperEnd end = stand_guard(keeper, link, signals, false, 10ms, duty);
    ::_exit(end.last_word ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(FrontTest, StoppedDoesNotStopTheJobOrItsRenewals) {
  Plan plan{probe({"echo"})};
  plan.lease = 150ms;
  Stand stand(plan);
  stand.born(1);
  ::kill(stand.front(), SIGSTOP);
  int status = 0;
  ::waitpid(stand.front(), &status, WUNTRACED);
  EXPECT_TRUE(WIFSTOPPED(status));
  const Time until = BootClock::now() + 2 * plan.lease;
  while (BootClock::now() < until) stand.wait_for(Note::kRenewed);
  EXPECT_EQ(::write(stand.input(), "x", 1), 1);
  char c = 0;
  EXPECT_EQ(::read(stand.output(), &c, 1), 1);
  ::kill(stand.front(), SIGCONT);
  stand.close_input();
  EXPECT_EQ(stand.exit_status(), 0);
}

TEST(FrontTest, StoppedWhileTheJobEndsStillTellsItsStatus) {
  Stand stand({probe({"echo"})});
  stand.born(1);
  ::kill(stand.front(), SIGSTOP);
  stand.close_input();
  stand.expect_all_dead();
  ::kill(stand.front(), SIGCONT);
  EXPECT_EQ(stand.exit_status(), 0);
}

TEST(FrontTest, HearsTheLastWordOfAKeeperThatLeftSignalsUnread) {
  const pid_t child = ::fork();
  if (child == 0) {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    FrontDuty duty;
    KeeperLink link;
    Pipe told;
    const Keeper keeper = fork_keeper(link, false, [&](int) {
      char c = 0;
      if (::read(told.read.get(), &c, 1) != 1) return 1;
      link.send({LinkMessage::Kind::kFinished, 0, 5, {JobStatus::Kind::kExited, 6}});
      return 0;
    });
    link.send({LinkMessage::Kind::kSignal, SIGTERM});
    if (::write(told.write.get(), "x", 1) != 1) ::_exit(1);
    pollfd dead{keeper.pidfd.get(), POLLIN, 0};
    ::poll(&dead, 1, -1);
    const KeeperEnd end = stand_guard(keeper, link, signals, false, 10ms, duty);
    const bool right = end.last_word && end.last_word->verdict == 5 &&
                       end.last_word->status.kind == JobStatus::Kind::kExited &&
                       end.last_word->status.value == 6;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(FrontTest, LeavesAloneTheChildrenThatItHadBefore) {
  for (const bool killed : {false, true}) {
    Pipe stranger_alive;
    Pipe let_go;
    Plan plan{probe({"tree", "3", "deaf"})};
    plan.before = [&] {
      // As in a shell: tee & exec cluster-leader ...
      if (::fork() == 0) {
        ::close(kOracle);
        let_go.write.reset();
        char c = 0;
        if (::read(let_go.read.get(), &c, 1) == 1) {
          [[maybe_unused]] const ssize_t written = ::write(stranger_alive.write.get(), "x", 1);
        }
        ::_exit(0);
      }
    };
    Stand stand(plan);
    stand.born(3);
    ::kill(killed ? stand.keeper() : stand.job(), SIGKILL);
    stand.expect_all_dead();
    const int status = stand.wait();
    EXPECT_EQ(killed ? WEXITSTATUS(status) : WTERMSIG(status), killed ? kLostStatus : SIGKILL);
    EXPECT_EQ(::write(let_go.write.get(), "x", 1), 1);
    stranger_alive.write.reset();
    char c = 0;
    EXPECT_EQ(::read(stranger_alive.read.get(), &c, 1), 1) << "the stranger was killed";
  }
}

TEST(FrontTest, SignalFromACallerReachesAJobThatIgnoresAndOneThatDoesNot) {
  Stand stand({probe({"count", "15"})});
  stand.born(1);
  ::kill(stand.front(), SIGTERM);
  EXPECT_EQ(stand.born(1), std::string(1, '\x0f'));
  ::kill(stand.front(), SIGINT);
  stand.expect_all_dead();
  EXPECT_EQ(WTERMSIG(stand.wait()), SIGINT);
}

TEST(FrontTest, SignalBeforeTheJobHasStartedIsNotLost) {
  // Whenever it comes: to the front before the fork, or to the job before or after exec.
  std::minstd_rand random(3);
  for (int i = 0; i < 30; ++i) {
    Stand stand({{"/bin/sleep", "1000"}});
    stand.keeper();
    wait_a_moment(random);
    ::kill(stand.front(), SIGTERM);
    EXPECT_EQ(WTERMSIG(stand.wait()), SIGTERM);
  }
}

TEST(FrontTest, SurvivesAJobThatKillsItsParent) {
  Stand stand({{"/bin/sh", "-c", "kill -KILL $PPID; sleep 1000"}});
  stand.expect_all_dead();
  EXPECT_EQ(stand.exit_status(), kLostStatus);
}

TEST(FrontTest, KillsAJobThatStopsItsParent) {
  Plan plan{{"/bin/sh", "-c", "kill -STOP $PPID; sleep 1000"}};
  plan.lease = 200ms;
  Stand stand(plan);
  stand.expect_all_dead();
  EXPECT_EQ(stand.exit_status(), kLostStatus);
}

TEST(FrontTest, IsNotHitByAJobThatSignalsItsGroup) {
  Stand stand({{"/bin/sh", "-c", "trap 'exit 8' TERM; kill -TERM 0; sleep 1000"}});
  EXPECT_EQ(stand.exit_status(), 8);
}

}  // namespace
}  // namespace cluster_leader::test
