// `elect -- COMMAND` on the built binary: the job is protected as that of `run` is, whatever
// becomes of the leadership, and whoever leads next runs it next.
#include <signal.h>
#include <sys/stat.h>

#include <random>
#include <sstream>

#include "base/wall_time.h"
#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ElectCommandTest : public ElectTest {
 protected:
  static constexpr int kFdOfLifeLine = 9;

  void TearDown() override { EXPECT_EQ(log().fault(), ""); }

  /// A job that writes a line into the run log, and lives until it is killed or told to end.
  Words long_job() const { return exclusive_job("600000"); }

  /// A tree of processes, deaf and in sessions of their own, all of which keep the lock of the log.
  Words deaf_tree() const {
    return {"flock", "-n", path("log.lock"), test_program("job_tree"), path("ready")};
  }

  /// One whose whole job has the life line, as it has itself until its end: it may have to hand it
  /// to another job.
  Elector with_life_line(const Words& options, const Words& job) {
    Elector elector(Elector::command(options, job).give(life_.fd(), kFdOfLifeLine));
    life_.cut();
    return elector;
  }

  bool starts(int count) const {
    return eventually([&] { return log().count("start") >= count; });
  }
  /// Whether anything of a job is alive: each process of it has the lock of the log.
  bool is_job_alive() const {
    struct stat lock {};
    if (::stat(path("log.lock").c_str(), &lock) != 0) return false;
    return content_of("/proc/locks").find(':' + std::to_string(lock.st_ino) + " 0 EOF") !=
           std::string::npos;
  }
  bool job_dies() const {
    return eventually([&] { return !is_job_alive(); });
  }
  bool is_ready() const {
    return eventually([&] { return exists("ready"); });
  }

  LifeLine life_;
};

TEST_F(ElectCommandTest, JobIsHandedWhatARunHandsIt) {
  const auto report = [&](const std::string& verb, const std::string& what, const Words& words) {
    Words argv = {CLUSTER_LEADER_BINARY, verb};
    if (verb == "elect") argv = joined(argv, {"--on-exit", "exit", "--output", "none"});
    argv = joined(argv, options_for("web-1"));
    argv = joined(argv, {"--", test_program("job_report"), path("report"), what});
    const Ended ended = Command(joined(argv, words))
                            .with("OF_THE_CALLER", "kept")
                            .with("CLUSTER_LEADER_TOKEN", "of another")
                            .in(folder_.path())
                            .give(life_.fd(), 40)
                            .prepare([] { ::signal(SIGHUP, SIG_IGN); })
                            .run();
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.out + ended.err, "");
    return content_of(path("report"));
  };
  EXPECT_EQ(report("elect", "process", {}), report("run", "process", {}));
  const Words odd = {"", " a  b ", "--", "--key", "*", "$HOME", "'\"\\", "\xff\xc3\n\x01"};
  EXPECT_EQ(report("elect", "args", odd), report("run", "args", odd));
  const auto without_lease = [](std::string environment) {
    std::string rest;
    std::istringstream variables(environment);
    for (std::string variable; std::getline(variables, variable, '\0');) {
      const bool is_of_lease = variable.starts_with("CLUSTER_LEADER_HOLDER=web-1/") ||
                               variable.starts_with("CLUSTER_LEADER_TOKEN=1");
      rest += (is_of_lease ? variable.substr(0, 22) : variable) + '\n';
    }
    return rest;
  };
  EXPECT_EQ(without_lease(report("elect", "environ", {})),
            without_lease(report("run", "environ", {})));
}

TEST_F(ElectCommandTest, JobHasStdinStdoutAndStderr) {
  Pipe in;
  Elector elector(Elector::command(options_for("web-1", kLong, {"--output", "none"}),
                                   {"sh", "-c", "read line; echo out $line; echo err >&2; cat"})
                      .give(in.read_end.get(), 0));
  in.read_end.reset();
  ASSERT_EQ(::write(in.write_end.get(), "word\nrest", 9), 9);
  EXPECT_TRUE(elector.process().says("out word\n")) << elector.transcript();
  EXPECT_TRUE(elector.process().says("rest"));
  EXPECT_TRUE(elector.process().says("err\n"));
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectCommandTest, TermStopsTheJobPolitelyThenReleases) {
  Elector elector = with_life_line(options_for("web-1"),
                                   {"sh", "-c",
                                    "trap 'sleep 0.2; echo cleans up >&2; kill $!; exit 3' TERM; "
                                    "sleep 1000 & echo runs >&2; wait"});
  ASSERT_TRUE(elector.process().says("runs")) << elector.transcript();
  ASSERT_TRUE(elector.says({"leader"}));
  Elector next(options_for("web-2"), long_job());
  ASSERT_TRUE(next.is("follower"));
  elector.signal(SIGTERM);
  EXPECT_TRUE(elector.is("none"));
  const Ended ended = elector.process().wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.err, HasSubstr("cleans up"));
  EXPECT_FALSE(life_.anybody_alive());
  EXPECT_TRUE(starts(1));
}

TEST_F(ElectCommandTest, JobThatIsDeafIsKilledAfterKillAfter) {
  Elector elector = with_life_line(options_for("web-1", kLong, {"-k", "300ms"}), deaf_tree());
  ASSERT_TRUE(is_ready()) << elector.transcript();
  const Time asked = BootClock::now();
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_GE(ended.at - asked, 300ms);
  EXPECT_FALSE(life_.anybody_alive());
  EXPECT_EQ(value(), "(nil)");
}

TEST_F(ElectCommandTest, StopSignalCanBeAnother) {
  Elector elector = with_life_line(options_for("web-1", kLong, {"--signal", "USR1"}),
                                   {"sh", "-c",
                                    "trap 'echo asked >&2; kill -9 $!; exit' USR1; trap '' TERM; "
                                    "sleep 1000 & echo runs >&2; wait"});
  ASSERT_TRUE(elector.process().says("runs")) << elector.transcript();
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.err, HasSubstr("asked"));
  EXPECT_TRUE(life_.wait_for_death());
}

TEST_F(ElectCommandTest, WhatTheJobLeavesBehindIsKilledBeforeAnotherRuns) {
  const Words job = joined(exclusive_job("100"), {"600000"});
  Elector first(options_for("web-1", kLong, {"-k", "200ms"}), job);
  Elector second(options_for("web-2", kLong, {"-k", "200ms"}), job);
  EXPECT_TRUE(starts(2)) << first.transcript() << second.transcript();
}

TEST_F(ElectCommandTest, FrozenServerEndsTheJobBeforeTheLeaseCanBeGivenAwayAndItRunsAgainLater) {
  Elector elector(options_for("web-1", "2"), deaf_tree());
  ASSERT_TRUE(is_ready()) << elector.transcript();
  Elector rival(options_for("web-2", "2"), long_job());
  ASSERT_TRUE(rival.is("follower")) << rival.transcript();
  ASSERT_TRUE(is_job_alive());
  server_.pause();
  const Time frozen = BootClock::now();
  ASSERT_TRUE(job_dies());
  EXPECT_LT(ceil_ms(BootClock::now() - frozen), 2000);
  EXPECT_TRUE(elector.is("down")) << elector.transcript();
  EXPECT_TRUE(elector.process().says("could not be renewed")) << elector.transcript();
  server_.resume();
  ASSERT_TRUE(eventually([&] { return elector.count("leader") + rival.count("leader") == 1; }));
  EXPECT_EQ(fault_in({&elector, &rival}), "") << elector.transcript() << rival.transcript();
  EXPECT_EQ(rival.stop().status(), 0);
  EXPECT_TRUE(elector.is("leader")) << elector.transcript();
  EXPECT_TRUE(eventually([&] { return is_job_alive(); }));
}

TEST_F(ElectCommandTest, StolenKeyEndsTheJobAndIsFollowed) {
  Elector elector(options_for("web-1", "2"), deaf_tree());
  ASSERT_TRUE(is_ready()) << elector.transcript();
  server_.text({"SET", "job-a", "thief/x"});
  ASSERT_TRUE(job_dies());
  EXPECT_TRUE(elector.follows("thief/x")) << elector.transcript();
  EXPECT_EQ(value(), "thief/x");
  // It is said once the job has been reaped, which others can know of before.
  EXPECT_TRUE(elector.process().says("killed the job")) << elector.transcript();
  expect_one_line(elector.process().err(), {"taken away", "killed the job", "thief"});
}

TEST_F(ElectCommandTest, ReleaseByHandStopsTheJobAtOnceAndAnotherNodeRunsIt) {
  Elector elector(options_for("web-1"), deaf_tree());
  ASSERT_TRUE(is_ready()) << elector.transcript();
  // Which runs at once: whoever does that by hand answers for what the first one still does.
  Elector next(options_for("web-2"), {"sleep", "1000"});
  ASSERT_TRUE(next.is("follower")) << next.transcript();
  const Ended released = Command({CLUSTER_LEADER_BINARY, "release", "--force", "--server",
                                  url_of(server_), "--key", "job-a"})
                             .run();
  EXPECT_EQ(released.status(), 0) << released;
  EXPECT_TRUE(job_dies());
  EXPECT_TRUE(next.is("leader")) << next.transcript();
}

TEST_F(ElectCommandTest, Usr2StopsTheJobAndAnotherNodeRunsIt) {
  Elector first(options_for("web-1"), long_job());
  ASSERT_TRUE(first.is("leader") && starts(1));
  Elector second(options_for("web-2"), long_job());
  ASSERT_TRUE(second.is("follower"));
  first.signal(SIGUSR2);
  EXPECT_TRUE(starts(2) && second.is("leader"));
  EXPECT_TRUE(first.follows(second.last().holder)) << first.transcript();
}

TEST_F(ElectCommandTest, WhoeverIsNotKeptAliveStopsItsJob) {
  Elector elector(options_for("web-1", kLong, {"--keepalive-timeout", "400ms"}), long_job());
  ASSERT_TRUE(starts(1));
  EXPECT_TRUE(job_dies());
  EXPECT_TRUE(elector.is("none"));
  elector.signal(SIGUSR1);
  EXPECT_TRUE(starts(2));
}

TEST_F(ElectCommandTest, SignalsThatDirectNobodyAreForwardedToTheJob) {
  Elector elector(options_for("web-1"),
                  {"bash", "-c",
                   "for s in USR1 WINCH ALRM CONT RTMIN+3; do trap \"echo got $s >&2\" $s; done; "
                   "echo runs >&2; while :; do sleep 0.01; done"});
  ASSERT_TRUE(elector.process().says("runs")) << elector.transcript();
  const std::pair<int, std::string> signals[] = {
      {SIGUSR1, "USR1"}, {SIGWINCH, "WINCH"}, {SIGALRM, "ALRM"}, {SIGRTMIN + 3, "RTMIN+3"}};
  for (const auto& [signo, name] : signals) {
    elector.signal(signo);
    EXPECT_TRUE(elector.process().says("got " + name)) << elector.transcript();
  }
  EXPECT_THAT(elector.states(), ElementsAre("leader"));
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectCommandTest, ReaderThatIsGoneLeavesTheJobAlone) {
  Pipe pipe;
  Elector elector(
      Elector::command(options_for("web-1", "3"), long_job()).give(pipe.write_end.get(), 1));
  pipe.write_end.reset();
  ASSERT_TRUE(starts(1));
  pipe.read_end.reset();
  wait_for_renewals(1);
  EXPECT_TRUE(is_job_alive());
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectCommandTest, JobIsStoppedWhenWhoeverStartedUsIsGone) {
  Pipe in;
  Elector elector(Elector::command(options_for("web-1", kLong, {"--die-with-parent"}), long_job())
                      .give(in.read_end.get(), 0)
                      .give(life_.fd(), kFdOfLifeLine));
  life_.cut();
  in.read_end.reset();
  ASSERT_TRUE(starts(1));
  in.write_end.reset();
  EXPECT_EQ(elector.process().wait().status(), 0);
  EXPECT_FALSE(life_.anybody_alive());
  EXPECT_EQ(value(), "(nil)");
}

/// What follows a job that has ended by itself.
class ElectOnExitTest : public ElectCommandTest {};

TEST_F(ElectOnExitTest, RestartRunsItAgainUnderTheSameLease) {
  Elector elector(options_for("web-1", kLong, {"--on-exit", "restart"}),
                  {"sh", "-c", "echo $CLUSTER_LEADER_TOKEN >>" + path("tokens") + "; exit 3"});
  const auto tokens = [&] {
    std::istringstream text(content_of(path("tokens")));
    return Words(std::istream_iterator<std::string>(text), {});
  };
  ASSERT_TRUE(eventually([&] { return tokens().size() >= 2; })) << elector.transcript();
  EXPECT_EQ(tokens()[0], tokens()[1]);
  EXPECT_EQ(tokens()[0], std::to_string(elector.last().token));
  EXPECT_THAT(elector.states(), ElementsAre("leader"));
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_EQ(value(), "(nil)");
}

TEST_F(ElectOnExitTest, RestartWaitsNoLongerWhenItIsToldToStop) {
  Elector elector(options_for("web-1", kLong, {"--on-exit", "restart"}), exclusive_job("1"));
  ASSERT_TRUE(eventually([&] { return log().count("end") == 1; }));
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_EQ(value(), "(nil)");
}

TEST_F(ElectOnExitTest, ResignLetsAnotherNodeRunItNextAndIsTheDefault) {
  const Words job = {"sh", "-c", "echo $CLUSTER_LEADER_NODE >>" + path("nodes")};
  Elector first(options_for("web-1"), job);
  ASSERT_TRUE(eventually([&] { return content_of(path("nodes")) == "web-1\n"; }));
  Elector second(options_for("web-2", kLong, {"--on-exit", "resign"}), job);
  ASSERT_TRUE(eventually([&] { return content_of(path("nodes")) == "web-1\nweb-2\n"; }))
      << second.transcript();
  Elector third(options_for("web-3"), job);
  ASSERT_TRUE(eventually([&] { return content_of(path("nodes")) == "web-1\nweb-2\nweb-3\n"; }));
  // Each of them stands again after a ttl.
  EXPECT_TRUE(first.process().running() && second.process().running());
}

TEST_F(ElectOnExitTest, LoneNodeThatHasResignedRunsItAgainAfterATtl) {
  const std::int64_t begin = wall_clock_ms();
  Elector elector(options_for("web-1", "1"), exclusive_job("1"));
  EXPECT_TRUE(starts(2)) << elector.transcript();
  EXPECT_GE(wall_clock_ms() - begin, 1000);
}

TEST_F(ElectOnExitTest, ExitEndsWithTheStatusOfTheJob) {
  const auto status_of = [&](const std::string& script) {
    return Elector::command(options_for("web-1", kLong, {"--on-exit", "exit"}),
                            {"sh", "-c", script})
        .run();
  };
  for (const int status : {0, 7, 75, 127, 255}) {
    const Ended ended = status_of("exit " + std::to_string(status));
    EXPECT_EQ(ended.status(), status) << ended;
    EXPECT_EQ(ended.err, "");
    EXPECT_EQ(value(), "(nil)");
  }
  for (const int signo : {SIGTERM, SIGKILL, SIGSEGV}) {
    const Ended ended = status_of("ulimit -c 0; kill -" + std::to_string(signo) + " $$");
    EXPECT_EQ(ended.status(), kDiedOf + signo) << ended;
    EXPECT_EQ(value(), "(nil)");
  }
}

TEST_F(ElectOnExitTest, CommandThatCannotBeExecutedEndsItWhateverIsAsked) {
  const std::string plain = folder_.write("plain", "no program");
  for (const std::string on_exit : {"restart", "resign", "exit"}) {
    const Words options = options_for("web-1", kLong, {"--on-exit", on_exit});
    const Ended missing = Elector::command(options, {"/nowhere/at/all"}).run();
    EXPECT_EQ(missing.status(), 127) << missing;
    expect_one_line(missing.err, {"job-a", "cannot execute /nowhere/at/all", "No such file"});
    const Ended denied = Elector::command(options, {plain}).run();
    EXPECT_EQ(denied.status(), 126) << denied;
    expect_one_line(denied.err, {"cannot execute " + plain, "Permission"});
    EXPECT_EQ(value(), "(nil)");
  }
}

/// Who takes over when one half of it, or both, are killed or stopped.
class ElectJobFailoverTest : public ElectCommandTest {};

TEST_F(ElectJobFailoverTest, KilledFrontTakesTheJobWithItAndAnotherNodeRunsIt) {
  Elector first = with_life_line(options_for("web-1"), deaf_tree());
  ASSERT_TRUE(is_ready());
  Elector second(options_for("web-2"), long_job());
  ASSERT_TRUE(second.is("follower"));
  first.signal(SIGKILL);
  // In its log, the job of the second one notes whether the first tree is alive.
  EXPECT_TRUE(starts(1)) << second.transcript();
  // The keeper has the line as well, and may end a moment later.
  EXPECT_TRUE(life_.wait_for_death());
}

TEST_F(ElectJobFailoverTest, KilledKeeperTakesTheJobWithItAndAnotherNodeRunsIt) {
  Elector first(options_for("web-1"), deaf_tree());
  ASSERT_TRUE(is_ready());
  Elector second(options_for("web-2"), long_job());
  ASSERT_TRUE(second.is("follower"));
  ::kill(first.keeper(), SIGKILL);
  EXPECT_TRUE(starts(1) && second.is("leader")) << second.transcript();
  // It stands again with a new keeper, and gets the job back.
  EXPECT_TRUE(first.follows(second.last().holder)) << first.transcript();
  EXPECT_EQ(second.stop().status(), 0);
  EXPECT_TRUE(first.is("leader")) << first.transcript();
}

TEST_F(ElectJobFailoverTest, StoppedKeeperIsKilledWithTheJobBeforeTheLeaseEnds) {
  // The front says that nobody leads when it has killed the job, for which it has two thirds of the
  // margin, a tenth of the ttl.
  Elector first(options_for("web-1", "6"), deaf_tree());
  ASSERT_TRUE(is_ready());
  Elector second(options_for("web-2", "6"), long_job());
  ASSERT_TRUE(second.is("follower"));
  const pid_t keeper = first.keeper();
  ::kill(keeper, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state_of(keeper) == 'T'; }));
  EXPECT_TRUE(starts(1)) << second.transcript();
  EXPECT_EQ(fault_in({&first, &second}), "") << first.transcript() << second.transcript();
}

TEST_F(ElectJobFailoverTest, StoppedFrontLeavesTheJobUnderItsLease) {
  Elector elector(options_for("web-1", "5"), long_job());
  ASSERT_TRUE(starts(1));
  elector.signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state_of(elector.front()) == 'T'; }));
  wait_for_renewals(2);
  EXPECT_TRUE(is_job_alive());
  elector.signal(SIGCONT);
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_FALSE(is_job_alive());
}

TEST_F(ElectJobFailoverTest, KilledAtRandomThereAreNeverTwoJobs) {
  std::mt19937 random(20261127);
  std::vector<std::optional<Elector>> electors(3);
  const auto start = [&](std::size_t i) {
    electors[i].emplace(options_for("web-" + std::to_string(i), "2", {"-k", "100ms"}),
                        joined(exclusive_job("600000"), {"600000"}));
  };
  for (std::size_t i = 0; i < electors.size(); ++i) start(i);
  for (int round = 1; round <= 12; ++round) {
    ASSERT_TRUE(starts(round)) << "round " << round;
    const auto leads = [](const auto& elector) { return elector->count("leader") == 1; };
    auto leader = electors.end();
    ASSERT_TRUE(eventually([&] {
      leader = std::find_if(electors.begin(), electors.end(), leads);
      return leader != electors.end();
    }));
    const auto i = static_cast<std::size_t>(leader - electors.begin());
    if (random() % 2 == 0) {
      electors[i]->signal(SIGKILL);
      start(i);
    } else {
      ::kill(electors[i]->keeper(), SIGKILL);
    }
  }
}

}  // namespace
}  // namespace cluster_leader
