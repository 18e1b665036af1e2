// Who runs it, once: --sticky, --min-hold, --once and --join, each as its users meet it.
#include <signal.h>

#include <algorithm>
#include <thread>

#include "support/cli_world.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class OnceTest : public CliTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "Redis") server_ = std::make_unique<GrownServer>();
  }

  /// A run of node `node`, whose job writes the node's name into the log and then does `rest`. The
  /// ttl is longer than any test, unless it says another one.
  Command run_of(const std::string& node, const Words& options, const std::string& rest = "true",
                 const std::string& ttl = "60") const {
    const Words where = server_ ? on(*server_) : on_file();
    const Words common = {"--key", "job-a", "--ttl", ttl, "--node", node};
    return run_under_lease(joined(joined(where, common), options),
                           {"sh", "-c", "echo \"$CLUSTER_LEADER_NODE\" >>\"$LOG\"; " + rest})
        .with("LOG", path("log"))
        .with("PATH", "/usr/bin:/bin");
  }

  /// The nodes that ran the job, in order.
  Words runs() const {
    Words nodes;
    const std::string text = content_of(path("log"));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      nodes.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return nodes;
  }

  /// A run that joins, and says on stderr what it waits for.
  Command joiner(const std::string& node, const Words& options, const std::string& rest) const {
    return run_of(node, joined({"--join", "-v"}, options), rest);
  }

  /// True once `joiner` has found the run of somebody else, which is what it joins. That it listens
  /// to the key would not do: the answer that tells it of the run may still get lost.
  static bool has_found_a_run(const Process& joiner) {
    return joiner.err().find("waiting; it is held by ") != std::string::npos;
  }

  std::unique_ptr<GrownServer> server_;
};

INSTANTIATE_TEST_SUITE_P(Place, OnceTest, ::testing::Values("File", "Redis"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(OnceTest, ThreeNodesWithUnalignedTimersHaveOneStableLeaderAndEveryTickRunsOnce) {
  constexpr int kTicks = 5;
  Words expected;
  for (int tick = 0; tick < kTicks; ++tick) {
    for (const std::string node : {"n1", "n2", "n3"}) {
      const Ended ended = run_of(node, {"--sticky"}).run();
      if (node == "n1") {
        EXPECT_EQ(ended.status(), 0) << ended;
      } else {
        expect_silent_follower(ended);
      }
    }
    expected.emplace_back("n1");
  }
  EXPECT_EQ(runs(), expected);
}

TEST_P(OnceTest, ATtlAfterTheLastTickOfANodeAnotherOneLeadsAndGoesOnLeading) {
  const Time before = BootClock::now();
  EXPECT_EQ(run_of("n1", {"--sticky"}, "true", "2").run().status(), 0);
  ASSERT_TRUE(eventually([&] { return run_of("n2", {"--sticky"}).run().status() == 0; }));
  EXPECT_GE(BootClock::now() - before, 2s);
  expect_silent_follower(run_of("n3", {"--sticky"}).run());
  EXPECT_EQ(run_of("n2", {"--sticky"}).run().status(), 0);
  EXPECT_EQ(runs(), (Words{"n1", "n2", "n2"}));
}

TEST_P(OnceTest, AFailedJobParksTheKeyToo) {
  EXPECT_EQ(run_of("n1", {"--sticky"}, "exit 3").run().status(), 3);
  expect_silent_follower(run_of("n2", {"--sticky"}).run());
  EXPECT_EQ(run_of("n1", {"--sticky"}).run().status(), 0);
}

TEST_P(OnceTest, AStopBySigtermReleasesInsteadOfParking) {
  Process leader = run_of("n1", {"--sticky"}, "echo runs; exec sleep 60").start();
  ASSERT_TRUE(leader.says("runs"));
  leader.signal(SIGTERM);
  EXPECT_EQ(leader.wait().status(), kDiedOf + SIGTERM);
  EXPECT_EQ(run_of("n2", {"--sticky"}).run().status(), 0) << "the node was going away";
}

TEST_P(OnceTest, AJobThatDiesOfASignalThatAsksForTheEndParksNothing) {
  const Ended ended = run_of("n1", {"--sticky"}, "kill -INT $$; sleep 60").run();
  EXPECT_EQ(ended.status(), kDiedOf + SIGINT) << "as after the terminal's ^C";
  EXPECT_EQ(run_of("n2", {"--sticky"}).run().status(), 0);
}

TEST_P(OnceTest, ACommandThatCannotBeExecutedHereLeavesTheKeyToOthers) {
  const Words where = server_ ? on(*server_) : on_file();
  const Words options = {"--key", "job-a",    "--ttl",      "3", "--node",
                         "n1",    "--sticky", "--min-hold", "20"};
  const Ended ended = run_under_lease(joined(where, options), {"/no/such/command"}).run();
  EXPECT_EQ(ended.status(), 127) << ended;
  EXPECT_EQ(run_of("n2", {"--sticky", "--min-hold", "1"}).run().status(), 0);
}

TEST_P(OnceTest, StickyAndOnceAndHoldGoTogether) {
  const Words all = {"--sticky", "--min-hold", "20", "--once", "1h"};
  EXPECT_EQ(run_of("n1", all, "exit 3").run().status(), 3);
  expect_silent_follower(run_of("n1", all).run());
  expect_silent_follower(run_of("n2", all).run());
  EXPECT_EQ(runs(), Words{"n1"});
}

TEST_P(OnceTest, RunsOnOneNodeStillExcludeEachOther) {
  Process first = run_of("n1", {"--sticky"}, "echo runs; exec sleep 60").start();
  ASSERT_TRUE(first.says("runs"));
  expect_silent_follower(run_of("n1", {"--sticky"}).run());
  first.signal(SIGTERM);
  first.wait();
}

TEST_P(OnceTest, EqualNamesInTwoPidNamespacesAreTwoNodes) {
  EXPECT_EQ(run_of("web", {"--sticky"}).run().status(), 0);
  const Words where = server_ ? on(*server_) : on_file();
  Words argv = {"unshare",
                "--user",
                "--map-root-user",
                "--pid",
                "--fork",
                "--mount-proc",
                CLUSTER_LEADER_BINARY,
                "run",
                "--key",
                "job-a",
                "--ttl",
                "3",
                "--node",
                "web",
                "--sticky"};
  argv = joined(joined(argv, where), {"--", "true"});
  const Ended other = Command(argv).with("PATH", "/usr/bin:/bin").run();
  EXPECT_EQ(other.status(), 75) << other;
  EXPECT_EQ(run_of("web", {"--sticky"}).run().status(), 0);
}

TEST_P(OnceTest, StickySaysUnderVerboseWhatItDependsOn) {
  EXPECT_THAT(run_of("n1", {"--sticky", "-v"}).run().err, ::testing::HasSubstr("longer period"));
}

TEST_P(OnceTest, AFollowerSaysUnderVerboseWhoKeepsTheKey) {
  EXPECT_EQ(run_of("n1", {"--sticky"}).run().status(), 0);
  EXPECT_THAT(run_of("n2", {"-v"}).run().err,
              ::testing::HasSubstr("follower; it is parked for n1 (--sticky)\n"));
  // A job that a signal has ended parks nothing, but the hold stays.
  EXPECT_EQ(run_of("n1", {"--sticky", "--min-hold", "20"}, "kill -INT $$; sleep 60").run().status(),
            kDiedOf + SIGINT);
  EXPECT_THAT(run_of("n2", {"-v"}).run().err,
              ::testing::HasSubstr("follower; it is kept after a run on n1 (--min-hold)\n"));
}

TEST_P(OnceTest, CronWithClocksUpToThreeSecondsApartRunsAShortJobOnce) {
  const Time tick = BootClock::now();
  int ran = 0;
  for (const Duration late : {Duration(0s), Duration(900ms), Duration(2s), Duration(3s)}) {
    std::this_thread::sleep_until(std::chrono::steady_clock::now() +
                                  (tick + late - BootClock::now()));
    const Ended ended =
        run_of("n" + std::to_string(late.count()), {"--min-hold", "20"}, "sleep 0.01").run();
    if (ended.status() == 0) {
      ++ran;
      EXPECT_LT(ended.took, 15s) << "the wrapper does not wait for the end of the hold";
    } else {
      expect_silent_follower(ended);
    }
  }
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(runs().size(), 1U);
}

TEST_P(OnceTest, AHoldCountsWhateverTheResultAndForTheSameNodeToo) {
  EXPECT_EQ(run_of("n1", {"--min-hold", "20"}, "exit 4").run().status(), 4);
  expect_silent_follower(run_of("n1", {"--min-hold", "20"}).run());
  expect_silent_follower(run_of("n2", {}).run());
}

TEST_P(OnceTest, AHoldOutlivesTheWrapper) {
  Process leader = run_of("n1", {"--min-hold", "20"}, "echo runs; exec sleep 60").start();
  ASSERT_TRUE(leader.says("runs"));
  leader.signal(SIGKILL);
  leader.wait();
  expect_silent_follower(run_of("n2", {}).run());
}

TEST_P(OnceTest, AHoldThatIsOverIsWaitedFor) {
  const Time before = BootClock::now();
  EXPECT_EQ(run_of("n1", {"--min-hold", "1500ms"}).run().status(), 0);
  const Ended next = run_of("n2", {"--wait", "20"}).run();
  EXPECT_EQ(next.status(), 0) << next;
  EXPECT_GE(next.at - before, 1500ms);
}

TEST_P(OnceTest, AfterASuccessNobodyRunsAgainForOnce) {
  EXPECT_EQ(run_of("n1", {"--once", "1h"}).run().status(), 0);
  expect_silent_follower(run_of("n1", {"--once", "1h"}).run());
  expect_silent_follower(run_of("n2", {}).run());
  expect_silent_follower(run_of("n3", {"--wait", "20"}).run());
  EXPECT_EQ(runs(), Words{"n1"});
}

TEST_P(OnceTest, WhatWasRecordedCanBeForgottenSoThatItRunsAgain) {
  const Words release = joined({CLUSTER_LEADER_BINARY, "release", "--key", "job-a", "--result"},
                               server_ ? on(*server_) : on_file());
  const Ended nothing = Command(release).run();
  EXPECT_EQ(nothing.status(), 0) << nothing;
  EXPECT_EQ(nothing.out, "nothing to forget: --once does not keep job-a from running\n");
  EXPECT_EQ(run_of("n1", {"--once", "1h"}).run().status(), 0);
  const Ended forgotten = Command(release).run();
  EXPECT_EQ(forgotten.status(), 0) << forgotten;
  EXPECT_THAT(forgotten.out, ::testing::StartsWith("forgot the run of job-a: 0 on n1 at 20"));
  EXPECT_THAT(forgotten.out, ::testing::EndsWith("Z; it may run again\n"));
  EXPECT_EQ(run_of("n2", {"--once", "1h"}, "exit 5").run().status(), 5);
  EXPECT_EQ(runs(), (Words{"n1", "n2"}));
  const Words status = joined({CLUSTER_LEADER_BINARY, "status", "--key", "job-a"},
                              server_ ? on(*server_) : on_file());
  EXPECT_THAT(Command(status).run().out, ::testing::HasSubstr("  5 on n2 at 20"));
}

TEST_P(OnceTest, StatusShowsARunThatWasToldToEnd) {
  Process leader = run_of("n1", {}, "echo runs; exec sleep 60").start();
  ASSERT_TRUE(leader.says("runs"));
  leader.signal(SIGTERM);
  leader.wait();
  const Words status = joined({CLUSTER_LEADER_BINARY, "status", "--key", "job-a"},
                              server_ ? on(*server_) : on_file());
  EXPECT_THAT(Command(status).run().out, ::testing::HasSubstr("  143 on n1 at 20"));
}

TEST_P(OnceTest, AFailureLeavesItOpen) {
  EXPECT_EQ(run_of("n1", {"--once", "1h"}, "exit 5").run().status(), 5);
  EXPECT_EQ(run_of("n2", {"--once", "1h"}).run().status(), 0);
  expect_silent_follower(run_of("n3", {"--once", "1h"}).run());
  EXPECT_EQ(runs(), (Words{"n1", "n2"}));
}

TEST_P(OnceTest, LateComersThatJoinGetTheRecordedStatus) {
  EXPECT_EQ(run_of("n1", {"--once", "1h"}).run().status(), 0);
  const Ended late = run_of("n2", {"--once", "1h", "--join"}).run();
  EXPECT_EQ(late.status(), 0) << late;
  EXPECT_EQ(late.out + late.err, "");
  EXPECT_EQ(runs(), Words{"n1"});
}

TEST_P(OnceTest, TwelveRunnersThatJoinAreOneRunAndTwelveEqualStatuses) {
  std::vector<Process> runners;
  Pipe gate;
  for (int i = 0; i < 12; ++i) {
    runners.push_back(
        joiner("ci-" + std::to_string(i), {"--once", "1h"}, "echo runs; read -r line; exit 7")
            .give(gate.read_end.get(), 0)
            .start());
  }
  const auto leads = [](const Process& runner) { return runner.out() == "runs\n"; };
  ASSERT_TRUE(eventually([&] {
    return std::all_of(runners.begin(), runners.end(), [&](const Process& runner) {
      return leads(runner) || has_found_a_run(runner);
    });
  }));
  gate.write_end.reset();
  for (Process& runner : runners) EXPECT_EQ(runner.wait().status(), 7);
  EXPECT_EQ(runs().size(), 1U);
}

TEST_P(OnceTest, OneOfThoseWhoJoinedTakesOverFromALeaderThatIsKilled) {
  std::vector<Process> runners;
  Pipe gate;
  runners.push_back(
      joiner("ci-0", {}, "echo runs; read -r line; exit 7").give(gate.read_end.get(), 0).start());
  ASSERT_TRUE(runners[0].says("runs"));
  for (int i = 1; i < 5; ++i) {
    runners.push_back(joiner("ci-" + std::to_string(i), {}, "echo runs; exit 9").start());
    ASSERT_TRUE(eventually([&] { return has_found_a_run(runners.back()); }));
  }
  runners[0].signal(SIGKILL);
  runners[0].wait();
  for (std::size_t i = 1; i < runners.size(); ++i) EXPECT_EQ(runners[i].wait().status(), 9);
  EXPECT_EQ(runs().size(), 2U);
}

TEST_P(OnceTest, WhoJoinsGivesUpWhenItsPatienceEnds) {
  Process leader = run_of("n1", {}, "echo runs; exec sleep 60").start();
  ASSERT_TRUE(leader.says("runs"));
  const Ended ended = run_of("n2", {"--join", "--wait", "1"}).run();
  EXPECT_EQ(ended.status(), 75) << ended;
  expect_one_line(ended.err, {"follower after waiting 1.0s; it is held by n1\n"});
  leader.signal(SIGTERM);
  leader.wait();
}

TEST_P(OnceTest, EverythingTogetherRunsOnceAndEverybodyKnowsTheResult) {
  const Words all = {"--min-hold", "2", "--once", "1h", "--join"};
  for (const std::string node : {"n1", "n2", "n1", "n3"}) {
    EXPECT_EQ(run_of(node, all).run().status(), 0);
  }
  EXPECT_EQ(runs(), Words{"n1"});
}

class OnceUsageTest : public CliTest {};

TEST_F(OnceUsageTest, WhatCannotGoTogetherIsRefusedWithAReason) {
  expect_failure(run_under_lease(on_file({"--join", "--nonblock"}), {"true"}).run(), 64,
                 {"--join"});
  expect_failure(run_under_lease(on_file({"--join", "--wait", "0"}), {"true"}).run(), 64,
                 {"--join"});
  expect_failure(run_under_lease(on_file({"--join", "--sticky"}), {"true"}).run(), 64,
                 {"--join", "--sticky"});
  expect_failure(run_under_lease(on_file({"--min-hold", "31d"}), {"true"}).run(), 64, {"--once"});
  expect_failure(
      Command(joined({CLUSTER_LEADER_BINARY, "release", "--key", "job-a", "--result", "--force"},
                     on_file()))
          .run(),
      64, {"--result", "--force"});
  expect_failure(run_under_lease(on_file({"--once", "never"}), {"true"}).run(), 64, {"duration"});
}

}  // namespace
}  // namespace cluster_leader
