// run --supersede: the newest wins, and never two at once.
#include <signal.h>

#include <algorithm>
#include <vector>

#include "support/cli_world.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class SupersedeTest : public CliTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "Redis") server_ = std::make_unique<GrownServer>();
  }

  Words place() const { return server_ ? on(*server_) : on_file(); }

  /// A run of job-a on `node`. Its job notes when it begins, that it is told to stop, and when it
  /// ends, which takes it some time.
  Command deployment(const std::string& node, const Words& options,
                     const std::string& work = "while :; do sleep 0.01; done") const {
    Words common = {"--key", "job-a", "--node", node, "--result-file", path(node + ".json")};
    const auto unless_given = [&](const char* option, const char* value) {
      if (std::find(options.begin(), options.end(), option) != options.end()) return;
      common = joined(common, {option, value});
    };
    unless_given("--ttl", "60");
    unless_given("--heartbeat", "100ms");
    unless_given("--kill-after", "10s");
    const std::string note = "note() { echo \"$1 $CLUSTER_LEADER_NODE\" >>\"$LOG\"; }; ";
    // The shell itself reports each command that a signal ends.
    const std::string quiet = "exec 2>/dev/null; ";
    const std::string trap = "trap 'note stopping; sleep 0.3; note end; exit 0' TERM; ";
    return run_under_lease(
               joined(joined(place(), common), options),
               {"sh", "-c", quiet + note + trap + "note begin; echo runs; " + work + "; note end"})
        .with("LOG", path("log"))
        .with("PATH", "/usr/bin:/bin");
  }
  std::string log() const { return content_of(path("log")); }
  std::string result_of(const std::string& node) const { return content_of(path(node + ".json")); }
  bool is_superseded(const std::string& node, const std::string& by) const {
    return result_of(node).find("\"outcome\":\"superseded\"") != std::string::npos &&
           result_of(node).find("\"leader\":\"" + by + "\"") != std::string::npos;
  }

  std::unique_ptr<GrownServer> server_;
};

INSTANTIATE_TEST_SUITE_P(Place, SupersedeTest, ::testing::Values("File", "Redis"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(SupersedeTest, TheFirstIsStoppedTheMiddleOnesNeverRunAndTheLastOneRuns) {
  Process first = deployment("d1", {"--supersede"}).start();
  ASSERT_TRUE(first.says("runs")) << first.err();
  std::vector<Process> middle;
  middle.push_back(deployment("d2", {"--supersede"}).start());
  // The first one is told to stop by the second, so that one waits by now.
  ASSERT_TRUE(eventually([&] { return log().find("stopping d1") != std::string::npos; }));
  middle.push_back(deployment("d3", {"--supersede"}).start());
  Process second = std::move(middle[0]);
  const Ended away = second.wait();
  EXPECT_EQ(away.status(), 75) << away;
  expect_one_line(away.err, {"key job-a at ", "follower; superseded by a newer run on d3"});
  EXPECT_TRUE(is_superseded("d2", "d3")) << result_of("d2");
  Process last = deployment("d4", {"--supersede"}, "true").start();
  EXPECT_EQ(middle[1].wait().status(), 75);
  EXPECT_TRUE(is_superseded("d3", "d4")) << result_of("d3");
  const Ended stopped = first.wait();
  EXPECT_EQ(stopped.status(), 79) << stopped;
  expect_one_line(stopped.err, {"superseded by a newer run on d2", "stopping the job"});
  EXPECT_THAT(result_of("d1"), HasSubstr("\"outcome\":\"superseded\",\"status\":79"));
  EXPECT_EQ(last.wait().status(), 0);
  EXPECT_EQ(log(), "begin d1\nstopping d1\nend d1\nbegin d4\nend d4\n");
}

TEST_P(SupersedeTest, FiveAtShortIntervalsNeverRunTogetherAndTheLastOneRuns) {
  std::vector<Process> runs;
  for (int i = 1; i <= 5; ++i) {
    const std::string work = i < 5 ? "while :; do sleep 0.01; done" : "true";
    runs.push_back(deployment("d" + std::to_string(i), {"--supersede"}, work).start());
    if (i == 1) {
      ASSERT_TRUE(runs[0].says("runs")) << runs[0].err();
    }
    // Each one has been answered, so that the next one is newer.
    if (i > 1 && i < 5) {
      ASSERT_TRUE(eventually([&] {
        return log().find("stopping d1") != std::string::npos &&
               (i == 2 || !runs[i - 2].running() ||
                log().find("begin d" + std::to_string(i - 1)) != std::string::npos);
      }));
    }
  }
  EXPECT_EQ(runs[4].wait().status(), 0);
  for (int i = 0; i < 4; ++i) {
    const int status = runs[i].wait().status();
    EXPECT_TRUE(status == 79 || (i > 0 && status == 75)) << i << ": " << status;
  }
  // Never two at once: each "begin" is followed by its own "end" before the next "begin".
  std::string running;
  std::string last;
  const std::string text = log();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const std::string node = line.substr(line.find(' ') + 1);
    if (line.starts_with("begin")) {
      EXPECT_EQ(running, "") << text;
      running = last = node;
    } else {
      EXPECT_EQ(running, node) << text;
      if (line.starts_with("end")) running.clear();
    }
    at = end + 1;
  }
  EXPECT_EQ(last, "d5") << text;
}

TEST_P(SupersedeTest, WhoeverWaitsIsSentAwayWhetherItSupersedesOrNot) {
  Process first = deployment("d1", {}).start();
  ASSERT_TRUE(first.says("runs")) << first.err();
  Process waiter = deployment("d2", {"--wait", "inf", "-v"}).start();
  ASSERT_TRUE(waiter.says("waiting; it is held by d1")) << waiter.err();
  EXPECT_EQ(deployment("d3", {"--supersede"}, "true").run().status(), 0);
  EXPECT_EQ(waiter.wait().status(), 75);
  EXPECT_EQ(first.wait().status(), 79);
  EXPECT_EQ(log(), "begin d1\nstopping d1\nend d1\nbegin d3\nend d3\n");
}

TEST_P(SupersedeTest, AJobThatIgnoresItIsKilledAndOnlyThenTheNewestRuns) {
  Process first =
      deployment("d1", {"--kill-after", "200ms"}, "trap '' TERM; while :; do sleep 0.01; done")
          .start();
  ASSERT_TRUE(first.says("runs")) << first.err();
  EXPECT_EQ(deployment("d2", {"--supersede"}, "true").run().status(), 0);
  EXPECT_EQ(first.wait().status(), 79);
  EXPECT_EQ(log(), "begin d1\nbegin d2\nend d2\n");
}

TEST_P(SupersedeTest, AHolderThatIsStoppedLosesItsLeaseAfterItsTtl) {
  Process first = deployment("d1", {"--ttl", "2", "--kill-after", "200ms"}).start();
  ASSERT_TRUE(first.says("runs")) << first.err();
  const pid_t keeper = first.child();
  first.signal(SIGSTOP);
  ::kill(keeper, SIGSTOP);
  const Time begin = BootClock::now();
  EXPECT_EQ(deployment("d2", {"--supersede"}, "true").run().status(), 0);
  EXPECT_LT(BootClock::now() - begin, 10s);
  ::kill(keeper, SIGCONT);
  first.signal(SIGCONT);
  EXPECT_EQ(first.wait().status(), 79);
}

TEST_P(SupersedeTest, WhatOnceForbidsIsNotSuperseded) {
  EXPECT_EQ(deployment("d1", {"--once", "1h"}, "true").run().status(), 0);
  EXPECT_EQ(deployment("d2", {"--once", "1h", "--supersede"}, "true").run().status(), 75);
  EXPECT_EQ(log(), "begin d1\nend d1\n");
}

TEST_P(SupersedeTest, AHoldAndAParkedKeyAreWaitedFor) {
  EXPECT_EQ(
      deployment("d1", {"--sticky", "--ttl", "1", "--kill-after", "100ms"}, "true").run().status(),
      0);
  EXPECT_EQ(deployment("d2", {"--supersede", "--sticky", "--min-hold", "1"}, "true").run().status(),
            0);
  EXPECT_EQ(log(), "begin d1\nend d1\nbegin d2\nend d2\n");
}

TEST_P(SupersedeTest, ARunDoesNotStopTheOneThatItIsPartOf) {
  const Words inner =
      joined(joined({CLUSTER_LEADER_BINARY, "run", "--key", "job-a", "--supersede"}, place()),
             {"--", "true"});
  const Ended outer =
      run_under_lease(joined(place(), {"--key", "job-a", "--heartbeat", "50ms"}),
                      joined({"sh", "-c", "\"$@\"; echo \"inner $?\"; sleep 0.3", "sh"}, inner))
          .with("PATH", "/usr/bin:/bin")
          .run();
  EXPECT_EQ(outer.status(), 0) << outer;
  EXPECT_EQ(outer.out, "inner 64\n") << outer;
}

TEST_P(SupersedeTest, WhatCannotGoTogetherIsRefusedWithTheReason) {
  expect_failure(deployment("d1", {"--supersede", "-n"}).run(), 64, {"--supersede", "--nonblock"});
  expect_failure(deployment("d1", {"--supersede", "--wait", "0"}).run(), 64, {"--supersede"});
  expect_failure(deployment("d1", {"--supersede", "--join"}).run(), 64, {"--supersede", "--join"});
}

}  // namespace
}  // namespace cluster_leader
