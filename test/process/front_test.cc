#include "process/front.h"

#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <random>
#include <stdexcept>
#include <system_error>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

/// A random moment in the first milliseconds, in which everything is started.
void wait_a_moment(std::minstd_rand& random) {
  const Time until =
      BootClock::now() + std::chrono::microseconds(std::uniform_int_distribution(0, 4000)(random));
  while (BootClock::now() < until) {
  }
}

TEST(FrontTest, KilledAtAnyMomentLeavesNothingAlive) {
  std::minstd_rand random(1);
  for (int i = 0; i < 30; ++i) {
    Supervision supervision({probe({"storm"})});
    wait_a_moment(random);
    ::kill(supervision.front(), SIGKILL);
    supervision.expect_all_dead();
  }
}

TEST(FrontTest, KillsTheTreeWhenTheKeeperIsKilledAtAnyMoment) {
  std::minstd_rand random(2);
  for (int i = 0; i < 30; ++i) {
    Supervision supervision({probe({"storm"})});
    const pid_t keeper = supervision.keeper();
    wait_a_moment(random);
    ::kill(keeper, SIGKILL);
    supervision.expect_all_dead();
    EXPECT_EQ(supervision.exit_status(), kLostStatus);
  }
}

TEST(FrontTest, KillsAKeeperThatMissesItsDeadline) {
  Plan plan{probe({"tree", "5", "setsid", "deaf", "orphan"})};
  plan.lease = 300ms;
  Supervision supervision(plan);
  supervision.born(5);
  supervision.wait_for(Note::kRenewed);
  ::kill(supervision.keeper(), SIGSTOP);
  const Time stopped = BootClock::now();
  supervision.expect_all_dead();
  const Duration took = BootClock::now() - stopped;
  EXPECT_GE(took, plan.lease / 2);
  EXPECT_LT(took, plan.lease + plan.grace + 2s);
  EXPECT_EQ(supervision.exit_status(), kLostStatus);
}

TEST(FrontTest, NoticesAnEarlierDeadline) {
  // The first deadline, set before the fork, is in an hour; the keeper's own is earlier.
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
    const KeeperEnd end = watch_keeper(keeper, link, signals, false, 10ms, duty);
    ::_exit(end.last_word ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(FrontTest, StoppedFrontDoesNotStopTheJobOrItsRenewals) {
  Plan plan{probe({"echo"})};
  plan.lease = 150ms;
  Supervision supervision(plan);
  supervision.born(1);
  ::kill(supervision.front(), SIGSTOP);
  int status = 0;
  ::waitpid(supervision.front(), &status, WUNTRACED);
  EXPECT_TRUE(WIFSTOPPED(status));
  const Time until = BootClock::now() + 2 * plan.lease;
  while (BootClock::now() < until) supervision.wait_for(Note::kRenewed);
  EXPECT_EQ(::write(supervision.input(), "x", 1), 1);
  char c = 0;
  EXPECT_EQ(::read(supervision.output(), &c, 1), 1);
  ::kill(supervision.front(), SIGCONT);
  supervision.close_input();
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(FrontTest, StoppedFrontStillReturnsTheStatusOfTheJob) {
  Supervision supervision({probe({"echo"})});
  supervision.born(1);
  ::kill(supervision.front(), SIGSTOP);
  supervision.close_input();
  supervision.expect_all_dead();
  ::kill(supervision.front(), SIGCONT);
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(FrontTest, ReceivesTheLastWordOfAKeeperThatLeftSignalsUnread) {
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
    const KeeperEnd end = watch_keeper(keeper, link, signals, false, 10ms, duty);
    const bool right = end.last_word && end.last_word->verdict == 5 &&
                       end.last_word->status.kind == JobStatus::Kind::kExited &&
                       end.last_word->status.value == 6;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(FrontTest, SparesTheChildrenThatItHadBefore) {
  for (const bool killed : {false, true}) {
    Pipe stranger_alive;
    Pipe let_go;
    Plan plan{probe({"tree", "3", "deaf"})};
    plan.before = [&] {
      // As a shell does for: tee & exec cluster-leader ...
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
    Supervision supervision(plan);
    supervision.born(3);
    ::kill(killed ? supervision.keeper() : supervision.job(), SIGKILL);
    supervision.expect_all_dead();
    const int status = supervision.wait();
    EXPECT_EQ(killed ? WEXITSTATUS(status) : WTERMSIG(status), killed ? kLostStatus : SIGKILL);
    EXPECT_EQ(::write(let_go.write.get(), "x", 1), 1);
    stranger_alive.write.reset();
    char c = 0;
    EXPECT_EQ(::read(stranger_alive.read.get(), &c, 1), 1) << "the stranger was killed";
  }
}

/// True if the front sees a keeper with this body end in this way.
bool ends(const std::function<int(KeeperLink&)>& body, const KeeperEnd& expected,
          Duration promise = kPatience) {
  return in_a_process([&] {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    FrontDuty duty;
    KeeperLink link;
    link.set_deadline(BootClock::now() + promise);
    const Keeper keeper = fork_keeper(link, false, [&](int) { return body(link); });
    const KeeperEnd end = watch_keeper(keeper, link, signals, false, 10ms, duty);
    return end.how == expected.how && end.signal == expected.signal &&
           end.failure == expected.failure && !end.last_word;
  });
}

KeeperEnd way(KeeperEnd::How how, int signal = 0, std::string failure = {}) {
  return {how, signal, std::move(failure), {}};
}

/// Dies of `signo`, which a keeper blocks and a sanitizer may handle.
int die(int signo) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signo);
  ::signal(signo, SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(signo);
  return 0;
}

TEST(KeeperEndTest, IsKilledIfASignalThatWeDidNotSendEndedIt) {
  for (const int signo : {SIGKILL, SIGXCPU, SIGSYS}) {
    const auto killed = [&](KeeperLink&) { return die(signo); };
    EXPECT_TRUE(ends(killed, way(KeeperEnd::How::kKilled, signo))) << signo;
  }
}

TEST(KeeperEndTest, IsTooSlowIfItMissesItsDeadline) {
  const auto stops = [](KeeperLink&) {
    for (;;) ::pause();
    return 0;
  };
  EXPECT_TRUE(ends(stops, way(KeeperEnd::How::kTooSlow), 20ms));
  const auto is_stopped = [](KeeperLink&) {
    ::raise(SIGSTOP);
    return 0;
  };
  EXPECT_TRUE(ends(is_stopped, way(KeeperEnd::How::kTooSlow), 20ms));
}

TEST(KeeperEndTest, IsFailedIfItCrashes) {
  for (const int signo : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    const auto crashes = [&](KeeperLink&) { return die(signo); };
    EXPECT_TRUE(ends(crashes, way(KeeperEnd::How::kFailed, signo))) << signo;
  }
}

TEST(KeeperEndTest, IsFailedWithItsTextIfItThrows) {
  const auto throws = [](KeeperLink&) -> int { throw std::runtime_error("no such number"); };
  EXPECT_TRUE(ends(throws, way(KeeperEnd::How::kFailed, 0, "no such number")));
  const auto throws_a_number = [](KeeperLink&) -> int { throw 5; };
  EXPECT_TRUE(ends(throws_a_number, way(KeeperEnd::How::kFailed)));
  const auto returns = [](KeeperLink&) { return 0; };
  EXPECT_TRUE(ends(returns, way(KeeperEnd::How::kFailed))) << "it had no last word";
}

TEST(KeeperEndTest, IsRefusedIfTheMachineRefusedSomething) {
  const auto refused = [](KeeperLink&) -> int {
    throw std::system_error(EMFILE, std::generic_category(), "pipe2");
  };
  EXPECT_TRUE(
      ends(refused, way(KeeperEnd::How::kRefused, 0, "pipe2: " + std::string(strerror(EMFILE)))));
  const auto has_no_memory = [](KeeperLink&) -> int { throw std::bad_alloc(); };
  EXPECT_TRUE(ends(has_no_memory, way(KeeperEnd::How::kRefused, 0, "out of memory")));
  const auto says_much = [](KeeperLink&) -> int {
    throw std::system_error(EMFILE, std::generic_category(), std::string(5'000, 'x'));
  };
  EXPECT_TRUE(ends(says_much, way(KeeperEnd::How::kRefused, 0, std::string(510, 'x'))));
}

TEST(KeeperEndTest, IsFinishedAfterItsLastWordWhateverHappensThen) {
  EXPECT_TRUE(in_a_process([] {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    FrontDuty duty;
    KeeperLink link;
    const Keeper keeper = fork_keeper(link, false, [&](int) -> int {
      link.send({LinkMessage::Kind::kFinished, 0, 5});
      throw std::runtime_error("too late");
    });
    const KeeperEnd end = watch_keeper(keeper, link, signals, false, 10ms, duty);
    return end.how == KeeperEnd::How::kFinished && end.last_word && end.last_word->verdict == 5;
  }));
}

TEST(KeeperEndTest, IsReturnedForAKeeperWithoutAJob) {
  class NoJob : public FrontDuty {
   public:
    bool has_job() const override { return false; }
  };
  EXPECT_TRUE(in_a_process([] {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    NoJob duty;
    KeeperLink link;
    const Keeper keeper = fork_keeper(link, false, [&](int) -> int { throw std::bad_alloc(); });
    const KeeperEnd end = watch_keeper(keeper, link, signals, false, 10ms, duty);
    return end.how == KeeperEnd::How::kRefused && end.failure == "out of memory";
  }));
}

TEST(FrontTest, SignalOfACallerReachesAJobThatIgnoresItAndOneThatDoesNot) {
  Supervision supervision({probe({"count", "15"})});
  supervision.born(1);
  ::kill(supervision.front(), SIGTERM);
  EXPECT_EQ(supervision.born(1), std::string(1, '\x0f'));
  ::kill(supervision.front(), SIGINT);
  supervision.expect_all_dead();
  EXPECT_EQ(WTERMSIG(supervision.wait()), SIGINT);
}

TEST(FrontTest, SignalBeforeTheJobHasStartedIsNotLost) {
  // At any time: to the front before the fork, or to the job before or after exec.
  std::minstd_rand random(3);
  for (int i = 0; i < 30; ++i) {
    Supervision supervision({{"/bin/sleep", "1000"}});
    supervision.keeper();
    wait_a_moment(random);
    ::kill(supervision.front(), SIGTERM);
    EXPECT_EQ(WTERMSIG(supervision.wait()), SIGTERM);
  }
}

TEST(FrontTest, SurvivesAJobThatKillsItsParent) {
  Supervision supervision({{"/bin/sh", "-c", "kill -KILL $PPID; sleep 1000"}});
  supervision.expect_all_dead();
  EXPECT_EQ(supervision.exit_status(), kLostStatus);
}

TEST(FrontTest, KillsAJobThatStopsItsParent) {
  Plan plan{{"/bin/sh", "-c", "kill -STOP $PPID; sleep 1000"}};
  plan.lease = 200ms;
  Supervision supervision(plan);
  supervision.expect_all_dead();
  EXPECT_EQ(supervision.exit_status(), kLostStatus);
}

TEST(FrontTest, SurvivesAJobThatSignalsItsGroup) {
  Supervision supervision({{"/bin/sh", "-c", "trap 'exit 8' TERM; kill -TERM 0; sleep 1000"}});
  EXPECT_EQ(supervision.exit_status(), 8);
}

}  // namespace
}  // namespace cluster_leader::test
