// What may happen to the server, to us and to the job, on the built binary: never two jobs, never
// an orphan, the right status. That all of a job is dead is told by a pipe that every process of it
// has inherited; that it was dead in time, by a rival that waits for the key and finds the job's
// file locked if anything of it is alive.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <random>
#include <thread>

#include "support/cli_world.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// What concerns only us and the job.
class JobFaultsTest : public CliTest {
 protected:
  void TearDown() override {
    life_.cut();
    EXPECT_TRUE(life_.wait_for_death()) << "something of the job is alive";
    EXPECT_EQ(log().fault(), "");
  }

  static constexpr Duration kTtl = 2s;
  static constexpr int kFdOfLifeLine = 9;

  /// A lease in a directory, where a server has no part in what is tested; the ttl is so long that
  /// nothing waits for it.
  Words long_lease_on_file(const Words& more = {}) const {
    return joined(on_file({"--key", "job-a", "--ttl", "120"}), more);
  }

  Process start_with_life_line(const Words& options, const Words& job) {
    Process process =
        run_under_lease(joined(options, {"-w", "30"}), job).give(life_.fd(), kFdOfLifeLine).start();
    life_.cut();
    return process;
  }

  /// A job of many processes, deaf and in sessions of their own, all of which keep the lock of the
  /// log.
  Process hold_with_tree(const Words& options) {
    Process holder = start_with_life_line(
        options, {"flock", "-n", path("log.lock"), test_program("job_tree"), path("ready")});
    EXPECT_TRUE(eventually([&] { return exists("ready"); })) << holder.err();
    return holder;
  }

  /// A job that goes on until its stdin ends.
  Process hold_until_told(const Words& options) {
    Process holder = run_under_lease(joined(options, {"-w", "30"}), exclusive_job("0"))
                         .give(stdin_of_job_.read_end.get(), 0)
                         .give(life_.fd(), kFdOfLifeLine)
                         .start();
    life_.cut();
    EXPECT_TRUE(eventually([&] { return log().count("start") == 1; })) << holder.err();
    return holder;
  }

  void tell_to_end() { stdin_of_job_.write_end.reset(); }

  /// Somebody else who wants the key as soon as it can be had.
  Process start_rival(const Words& options) const {
    return run_under_lease(joined(options, {"-w", "inf", "--node", "rival"}), exclusive_job("1"))
        .start();
  }

  /// The whole job was dead by the time at which the lease that stood at `last_renewal` or before
  /// could have been given to somebody else.
  void expect_dead_in_time(Time last_renewal) const {
    const auto death = life_.wait_for_death();
    ASSERT_TRUE(death) << "something of the job is alive";
    EXPECT_LT(ceil_ms(*death - last_renewal), ceil_ms(kTtl));
  }

  /// The rival gets its turn, and nothing of the job before it was alive then.
  void expect_safe_hand_over(Process& rival) const {
    const Ended ended = rival.wait();
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(log().fault(), "");
  }

  LifeLine life_;
  Pipe stdin_of_job_;
};

/// What concerns the server as well.
class FaultsTest : public JobFaultsTest {
 protected:
  Words lease(const Words& more = {}) const {
    return joined(on(server_, {"--key", "job-a", "--ttl", "2"}), more);
  }
  /// One that a busy machine does not cost it.
  Words lease_of_rival() const { return on(server_, {"--key", "job-a", "--ttl", "5"}); }

  void wait_for_renewals(int more) const {
    // A renewal tells the server so twice: of the lease and of its record.
    const long long before = server_.calls("pexpire");
    EXPECT_TRUE(eventually([&] { return server_.calls("pexpire") >= before + 2 * more; }));
  }

  GrownServer server_;
};

TEST_F(FaultsTest, FrozenServerEndsTheJobBeforeTheLeaseCanBeGivenAway) {
  Process holder = hold_with_tree(lease());
  Process rival = start_rival(lease_of_rival());
  server_.pause();
  const Time frozen = BootClock::now();
  expect_dead_in_time(frozen);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"job-a", url_of(server_)});
  server_.resume();
  expect_safe_hand_over(rival);
}

TEST_F(FaultsTest, ServerThatFreezesForLessThanTheTtlIsSurvived) {
  const Words options = joined(on(server_), {"--key", "job-a", "--ttl", "3"});
  Process holder = hold_until_told(options);
  server_.pause();
  // Longer than a heartbeat and an attempt, so that a renewal is lost on the way.
  std::this_thread::sleep_for(800ms);
  server_.resume();
  wait_for_renewals(1);
  EXPECT_TRUE(life_.anybody_alive());
  tell_to_end();
  EXPECT_EQ(holder.wait().status(), 0);
  EXPECT_EQ(log().fault(), "");
}

TEST_F(FaultsTest, JobHasTheGraceOfKillAfterWhenTheLeaseSlipsAway) {
  Process holder = start_with_life_line(
      on(server_, {"--ttl", "3", "--kill-after", "1500ms", "--signal", "USR1"}),
      {"sh", "-c", "trap 'echo cleans up; kill $!; exit 0' USR1; sleep 1000 & echo runs; wait"});
  ASSERT_TRUE(holder.says("runs"));
  server_.pause();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_THAT(ended.out, HasSubstr("cleans up"));
  server_.resume();
}

TEST_F(FaultsTest, StolenKeyEndsTheJobAtTheNextHeartbeatAndStaysTheThiefs) {
  Process holder = hold_with_tree(lease());
  server_.text({"SET", "job-a", "thief"});
  expect_dead_in_time(BootClock::now());
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"job-a", url_of(server_), "thief"});
  EXPECT_EQ(server_.text({"GET", "job-a"}), "thief");
}

TEST_F(FaultsTest, KeyThatVanishesIsSetAgainAndNobodyElseGetsIn) {
  Process holder = hold_until_told(lease());
  const std::string id = server_.text({"GET", "job-a"});
  Process rival = start_rival(lease_of_rival());
  for (int i = 0; i < 3; ++i) {
    if (i % 2 == 0) {
      server_.integer({"DEL", "job-a"});
    } else {
      // As an eviction looks: no command of a client removed it.
      server_.integer({"PEXPIRE", "job-a", "1"});
    }
    EXPECT_TRUE(eventually([&] { return server_.integer({"EXISTS", "job-a"}) == 0; }));
    EXPECT_TRUE(eventually([&] { return server_.text({"GET", "job-a"}) == id; }));
  }
  EXPECT_EQ(log().count("start"), 1);
  tell_to_end();
  EXPECT_EQ(holder.wait().status(), 0);
  expect_safe_hand_over(rival);
  EXPECT_EQ(log().count("end"), 2);
}

TEST_F(FaultsTest, FlushedServerIsToldAgainOfTheLease) {
  Process holder = hold_until_told(lease());
  const std::string id = server_.text({"GET", "job-a"});
  server_.text({"FLUSHALL"});
  server_.text({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(eventually([&] { return server_.text({"GET", "job-a"}) == id; }));
  EXPECT_TRUE(life_.anybody_alive());
  tell_to_end();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_F(FaultsTest, ServerThatForgetsEverythingInARestartNeverMakesTwo) {
  Process holder = hold_until_told(lease());
  const std::string id = server_.text({"GET", "job-a"});
  Process rival = start_rival(lease_of_rival());
  server_.kill();
  server_.start();
  // Either its holder has set the key again, or has stopped the job for want of a server.
  EXPECT_TRUE(eventually([&] {
    return server_.text({"GET", "job-a"}) == id || !holder.running();
  }));
  tell_to_end();
  const Ended ended = holder.wait();
  EXPECT_TRUE(ended.status() == 0 || ended.status() == 79) << ended;
  expect_safe_hand_over(rival);
}

TEST_F(FaultsTest, CutConnectionsAreMadeAnew) {
  Process holder = hold_until_told(lease());
  for (int i = 0; i < 4; ++i) {
    // One that waited for its lease still listens for releases.
    EXPECT_GE(server_.integer({"CLIENT", "KILL", "TYPE", "normal"}) +
                  server_.integer({"CLIENT", "KILL", "TYPE", "pubsub"}),
              1);
    wait_for_renewals(1);
  }
  EXPECT_TRUE(life_.anybody_alive());
  tell_to_end();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.err, "");
}

TEST_F(FaultsTest, KilledFrontTakesTheJobWithItAndTheLeaseIsReleased) {
  Process holder = hold_with_tree(lease());
  holder.signal(SIGKILL);
  expect_dead_in_time(BootClock::now());
  // Deleted, not expired.
  EXPECT_TRUE(eventually([&] { return server_.calls("del") == 1; }));
  EXPECT_EQ(server_.integer({"EXISTS", "job-a"}), 0);
  Process rival = start_rival(lease_of_rival());
  expect_safe_hand_over(rival);
}

TEST_F(FaultsTest, KilledKeeperTakesTheJobWithItAndTheLeaseIsReleased) {
  Process holder = hold_with_tree(lease());
  ASSERT_GT(holder.child(), 0);
  ::kill(holder.child(), SIGKILL);
  expect_dead_in_time(BootClock::now());
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"job-a", url_of(server_), "killed"});
  EXPECT_EQ(server_.calls("del"), 1);
  Process rival = start_rival(lease_of_rival());
  expect_safe_hand_over(rival);
}

TEST_F(FaultsTest, StoppedKeeperIsKilledWithTheJobBeforeTheLeaseEnds) {
  Process holder = hold_with_tree(lease());
  Process rival = start_rival(lease_of_rival());
  const pid_t keeper = holder.child();
  ASSERT_GT(keeper, 0);
  ::kill(keeper, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state_of(keeper) == 'T'; }));
  expect_dead_in_time(BootClock::now());
  EXPECT_EQ(holder.wait().status(), 79);
  expect_safe_hand_over(rival);
}

TEST_F(FaultsTest, StoppedFrontLeavesTheJobUnderItsLease) {
  Process holder = hold_until_told(lease());
  Process rival = start_rival(lease_of_rival());
  holder.signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state_of(holder.pid()) == 'T'; }));
  // For longer than the ttl.
  wait_for_renewals(7);
  EXPECT_TRUE(life_.anybody_alive());
  tell_to_end();
  EXPECT_TRUE(life_.wait_for_death());
  expect_safe_hand_over(rival);
  holder.signal(SIGCONT);
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_F(FaultsTest, FullStderrDoesNotPutOffTheKill) {
  Pipe err;
  ::fcntl(err.write_end.get(), F_SETFL, O_NONBLOCK);
  const std::string much(65536, 'x');
  while (::write(err.write_end.get(), much.data(), much.size()) > 0) {
  }
  while (::write(err.write_end.get(), "x", 1) > 0) {
  }
  ::fcntl(err.write_end.get(), F_SETFL, 0);
  Process holder =
      run_under_lease(lease({"-w", "30", "-v"}), {test_program("job_tree"), path("ready")})
          .give(err.write_end.get(), 2)
          .give(life_.fd(), kFdOfLifeLine)
          .start();
  life_.cut();
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  server_.pause();
  expect_dead_in_time(BootClock::now());
  EXPECT_EQ(holder.wait().status(), 79);
  EXPECT_EQ(::fcntl(err.write_end.get(), F_GETFL) & O_NONBLOCK, 0)
      << "stderr is shared with others";
  server_.resume();
}

TEST_F(FaultsTest, BrokenStderrDoesNotEndUs) {
  Pipe err;
  err.read_end.reset();
  Process holder = run_under_lease(lease({"-w", "30", "-v"}), {"sh", "-c", "echo runs; exit 4"})
                       .give(err.write_end.get(), 2)
                       .start();
  EXPECT_EQ(holder.wait().status(), 4);
}

TEST_F(FaultsTest, WhatTheJobLeavesBehindIsKilledBeforeTheRelease) {
  Process holder = start_with_life_line(lease(), joined(exclusive_job("300"), {"600000"}));
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; }));
  Process rival = start_rival(lease_of_rival());
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_FALSE(life_.anybody_alive());
  expect_safe_hand_over(rival);
}

TEST_F(JobFaultsTest, WhatTheJobLeavesBehindIsToldToStopFirst) {
  Process holder = start_with_life_line(
      long_lease_on_file(),
      {"sh", "-c",
       "(trap 'echo cleans up; exit' TERM; echo behind; while :; do sleep 0.01; done) & sleep 0.2;"
       "exit 6"});
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 6);
  EXPECT_THAT(ended.out, HasSubstr("cleans up"));
  EXPECT_LT(ended.took, 20s) << "kill-after is 24 s here, and nobody had to be killed";
}

TEST_F(JobFaultsTest, KilledFrontFreesALeaseOfAnyLength) {
  Process holder = hold_with_tree(long_lease_on_file());
  Process rival = start_rival(long_lease_on_file());
  ASSERT_TRUE(eventually([&] { return watches_a_file(rival.pid()); }));
  holder.signal(SIGKILL);
  expect_safe_hand_over(rival);
}

TEST_F(JobFaultsTest, KilledKeeperFreesALeaseOfAnyLength) {
  Process holder = hold_with_tree(long_lease_on_file());
  Process rival = start_rival(long_lease_on_file());
  ASSERT_TRUE(eventually([&] { return watches_a_file(rival.pid()); }));
  ::kill(holder.child(), SIGKILL);
  EXPECT_EQ(holder.wait().status(), 79);
  expect_safe_hand_over(rival);
}

TEST_F(JobFaultsTest, KillInTheFirstMomentsLeavesNothingBehind) {
  std::mt19937 random(20261123);
  for (int i = 0; i < 60; ++i) {
    LifeLine life;
    Process process =
        run_under_lease(on_file({"--key", std::to_string(i), "--ttl", "120"}),
                        {test_program("job_exclusive"), path(std::to_string(i)), "60000", "60000"})
            .give(life.fd(), kFdOfLifeLine)
            .start();
    life.cut();
    // The moment is what is random here; there is no event to wait for.
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
    const pid_t keeper = process.child();
    const bool kill_the_keeper = i % 2 == 1 && keeper > 0;
    if (kill_the_keeper) {
      ::kill(keeper, SIGKILL);
      EXPECT_EQ(process.wait().status(), 79);
    } else {
      process.signal(SIGKILL);
    }
    EXPECT_TRUE(life.wait_for_death(20s)) << "run " << i;
  }
}

TEST_F(JobFaultsTest, JobThatKillsItsParentDiesItself) {
  Process holder = start_with_life_line(
      long_lease_on_file(), {"sh", "-c", "setsid sleep 1000 & kill -9 $PPID; sleep 1000"});
  EXPECT_EQ(holder.wait().status(), 79);
  EXPECT_EQ(run_under_lease(long_lease_on_file(), {"true"}).run().status(), 0);
}

TEST_F(JobFaultsTest, StoppedJobIsKilledAllTheSame) {
  Process holder =
      start_with_life_line(long_lease_on_file({"-k", "300ms"}),
                           {"sh", "-c", "trap '' TERM; echo $$; kill -STOP $$; sleep 9"});
  ASSERT_TRUE(holder.says("\n"));
  const pid_t job = std::atoi(holder.out().c_str());
  ASSERT_TRUE(eventually([&] { return state_of(job) == 'T'; }));
  holder.signal(SIGTERM);
  EXPECT_EQ(holder.wait().status(), kDiedOf + SIGKILL);
}

TEST_F(JobFaultsTest, SignalsAreForwardedToTheJob) {
  for (const int signo :
       {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGRTMIN + 1}) {
    Process holder =
        run_under_lease(long_lease_on_file(), {"sh", "-c", "echo runs; exec sleep 1000"})
            .in(folder_.path())
            .start();
    ASSERT_TRUE(holder.says("runs"));
    holder.signal(signo);
    EXPECT_EQ(holder.wait().status(), kDiedOf + signo);
    // The next run finds the lease free.
  }
}

TEST_F(JobFaultsTest, JobThatHandlesASignalChoosesTheStatus) {
  Process holder = start_with_life_line(
      long_lease_on_file(),
      {"sh", "-c", "trap 'exit 5' TERM; echo runs; while :; do sleep 0.01; done"});
  ASSERT_TRUE(holder.says("runs"));
  holder.signal(SIGTERM);
  EXPECT_EQ(holder.wait().status(), 5);
}

TEST_F(JobFaultsTest, JobThatIgnoresASignalGoesOnWithoutAnExplicitKillAfter) {
  const Words options = on_file({"--key", "job-a", "--ttl", "1"});
  Process holder =
      run_under_lease(options, {"sh", "-c",
                                "trap 'echo heard' TERM; echo runs; while read x; do :; done; "
                                "while read x; do :; done; exit 8"})
          .give(stdin_of_job_.read_end.get(), 0)
          .give(life_.fd(), kFdOfLifeLine)
          .start();
  life_.cut();
  ASSERT_TRUE(holder.says("runs"));
  holder.signal(SIGTERM);
  ASSERT_TRUE(holder.says("heard"));
  // Five times the kill-after that counts when a lease slips away.
  std::this_thread::sleep_for(1s);
  EXPECT_TRUE(holder.running());
  tell_to_end();
  EXPECT_EQ(holder.wait().status(), 8);
}

TEST_F(JobFaultsTest, JobThatIgnoresASignalIsKilledAfterAnExplicitKillAfter) {
  Process holder = start_with_life_line(long_lease_on_file({"-k", "300ms"}),
                                        {test_program("job_tree"), path("ready")});
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  const Time asked = BootClock::now();
  holder.signal(SIGTERM);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), kDiedOf + SIGKILL) << ended;
  EXPECT_GE(ended.at - asked, 300ms);
}

TEST_F(JobFaultsTest, IgnoredSignalStaysIgnored) {
  Process holder = run_under_lease(long_lease_on_file(), {"sh", "-c", "echo runs; cat; exit 8"})
                       .give(stdin_of_job_.read_end.get(), 0)
                       .give(life_.fd(), kFdOfLifeLine)
                       .prepare([] { ::signal(SIGHUP, SIG_IGN); })
                       .start();
  life_.cut();
  ASSERT_TRUE(holder.says("runs"));
  holder.signal(SIGHUP);
  tell_to_end();
  EXPECT_EQ(holder.wait().status(), 8);
}

TEST_F(JobFaultsTest, SignalRightAfterTheStartIsNeverLost) {
  std::mt19937 random(20261124);
  for (int i = 0; i < 40; ++i) {
    Process process =
        run_under_lease(on_file({"--key", std::to_string(i)}), {"sleep", "1000"}).start();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 6000));
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait().status(), kDiedOf + SIGTERM) << "run " << i;
  }
}

}  // namespace
}  // namespace cluster_leader
