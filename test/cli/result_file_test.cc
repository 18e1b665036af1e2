// The sections RESULT FILE and METRICS FILE of the manual, on the built binary.
#include <signal.h>

#include <nlohmann/json.hpp>

#include "support/cli_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using Json = nlohmann::ordered_json;

constexpr const char* kTime = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z";

class ResultFileOptionTest : public CliTest {
 protected:
  Words files() const { return {"--result-file", result_path_, "--metrics-file", metrics_path_}; }
  /// "job-a" on node "web-1", with leases in this test's folder and both files.
  Words options(const Words& more = {}) const {
    return on_file(joined(joined({"--key", "job-a", "--node", "web-1"}, files()), more));
  }

  Json result() const { return Json::parse(content_of(result_path_)); }

  bool counted(const std::string& outcome, int runs) const {
    return content_of(metrics_path_)
               .find(R"(cluster_leader_runs_total{key="job-a",node="web-1",outcome=")" + outcome +
                     "\"} " + std::to_string(runs) + '\n') != std::string::npos;
  }

  std::string result_path_ = path("result.json");
  std::string metrics_path_ = path("job-a.prom");
};

TEST_F(ResultFileOptionTest, TellsOfARunUnderTheLease) {
  const Ended ended =
      run_under_lease(options(),
                      {"sh", "-c", "echo $CLUSTER_LEADER_HOLDER $CLUSTER_LEADER_TOKEN; exit 75"})
          .run();
  EXPECT_EQ(ended.status(), 75);
  EXPECT_EQ(ended.err, "");
  const Json found = result();
  EXPECT_EQ(found["outcome"], "ran");
  EXPECT_EQ(found["status"], 75);
  EXPECT_EQ(found["signal"], Json());
  EXPECT_EQ(found["key"], "job-a");
  EXPECT_EQ(found["node"], "web-1");
  EXPECT_EQ(found["holder"].get<std::string>() + ' ' + found["token"].dump() + '\n', ended.out);
  EXPECT_THAT(found["started"].get<std::string>(), MatchesRegex(kTime));
  EXPECT_LE(found["started"], found["finished"]);
  EXPECT_LT(found["waited_ms"], 10'000);
  EXPECT_EQ(found["leader"], Json());
  EXPECT_TRUE(counted("ran", 1));
}

TEST_F(ResultFileOptionTest, FollowerNamesTheLeaderAndIsSilent) {
  Pipe in;
  Process holder =
      run_under_lease(on_file({"--key", "job-a", "--node", "web-2"}), job_until_stdin_ends())
          .give(in.read_end.get(), 0)
          .start();
  ASSERT_TRUE(holder.says("runs"));
  expect_silent_follower(run_under_lease(options(), {"echo", "no"}).run());
  EXPECT_EQ(result()["outcome"], "follower");
  EXPECT_EQ(result()["status"], 75);
  EXPECT_EQ(result()["leader"], "web-2");
  EXPECT_EQ(result()["token"], Json());
  EXPECT_EQ(result()["started"], Json());
  EXPECT_TRUE(counted("follower", 1));
  in.write_end.reset();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_F(ResultFileOptionTest, RefusedConnectionIsUnavailable) {
  const std::string url = "redis://127.0.0.1:" + std::to_string(free_port());
  const Words words = joined({"--server", url, "--key", "job-a", "--node", "web-1"}, files());
  expect_failure(run_under_lease(words, {"echo"}).run(), 69, {url});
  EXPECT_EQ(result()["outcome"], "unavailable");
  EXPECT_EQ(result()["status"], 69);
  EXPECT_EQ(result()["holder"], Json());

  expect_silent_follower(
      run_under_lease(joined(words, {"--if-unavailable", "skip"}), {"echo"}).run());
  EXPECT_EQ(result()["outcome"], "unavailable");
  EXPECT_EQ(result()["status"], 75);
  EXPECT_TRUE(counted("unavailable", 2));

  EXPECT_EQ(run_under_lease(joined(words, {"--if-unavailable", "run"}), {"true"}).run().status(),
            0);
  EXPECT_EQ(result()["outcome"], "ran");
  EXPECT_EQ(result()["token"], Json());
  EXPECT_THAT(result()["started"].get<std::string>(), MatchesRegex(kTime));
  EXPECT_TRUE(counted("ran", 1));
}

TEST_F(ResultFileOptionTest, WhatCannotBeStartedIsAnError) {
  expect_failure(run_under_lease(options(), {path("nowhere")}).run(), 127, {"nowhere"});
  EXPECT_EQ(result()["outcome"], "error");
  EXPECT_EQ(result()["status"], 127);
  EXPECT_EQ(result()["started"], Json());

  const Words words =
      joined({"--server", "gopher://x", "--key", "job-a", "--node", "web-1"}, files());
  expect_failure(run_under_lease(words, {"echo"}).run(), 78, {});
  EXPECT_EQ(result()["outcome"], "error");
  EXPECT_EQ(result()["status"], 78);
  EXPECT_EQ(result()["waited_ms"], 0);
  EXPECT_TRUE(counted("error", 2));
}

TEST_F(ResultFileOptionTest, LostLeaseIsLostThoughTheJobEndedWell) {
  // The job takes its own lease away and gives it to somebody else.
  const std::string thief =
      "trap 'exit 0' TERM; sed -i 's|\"holder\":\"[^\"]*\"|\"holder\":\"x/1\"|' " +
      path("leases/job-a.lease") + "; sleep 30 & wait";
  const Ended ended = run_under_lease(options({"--ttl", "1"}), {"sh", "-c", thief}).run();
  expect_failure(ended, 79, {"job-a", "lease"});
  EXPECT_EQ(result()["outcome"], "lost");
  EXPECT_EQ(result()["status"], 79);
  EXPECT_EQ(result()["signal"], Json());
  EXPECT_TRUE(result()["token"].is_number_integer());
  EXPECT_THAT(result()["finished"].get<std::string>(), MatchesRegex(kTime));
  EXPECT_TRUE(counted("lost", 1));
}

TEST_F(ResultFileOptionTest, IsWrittenBeforeWeDieOfTheJobsSignal) {
  for (const int signo : {SIGTERM, SIGKILL, SIGXFSZ}) {
    const Ended ended =
        run_under_lease(options(), {"sh", "-c", "kill -" + std::to_string(signo) + " $$"})
            .in(folder_.path())
            .run();
    EXPECT_EQ(ended.status(), kDiedOf + signo) << ended;
    EXPECT_EQ(result()["outcome"], "ran");
    EXPECT_EQ(result()["status"], 128 + signo);
  }
  EXPECT_EQ(result()["signal"], "XFSZ");
  EXPECT_TRUE(counted("ran", 3));
}

TEST_F(ResultFileOptionTest, IsWrittenWhenASignalEndsTheWaiting) {
  Pipe in;
  Process holder = run_under_lease(on_file({"--key", "job-a"}), job_until_stdin_ends())
                       .give(in.read_end.get(), 0)
                       .start();
  ASSERT_TRUE(holder.says("runs"));
  Process waiter = run_under_lease(options({"--wait", "inf"}), {"echo", "no"}).start();
  ASSERT_TRUE(eventually([&] { return watches_a_file(waiter.pid()); }));
  waiter.signal(SIGTERM);
  EXPECT_EQ(waiter.wait().status(), kDiedOf + SIGTERM);
  EXPECT_EQ(result()["outcome"], "error");
  EXPECT_EQ(result()["signal"], "TERM");
  EXPECT_EQ(result()["started"], Json());
  in.write_end.reset();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_F(ResultFileOptionTest, RelativePathCountsFromTheWorkingDirectory) {
  const Words words = on_file({"--result-file", "here.json", "--metrics-file=./here.prom"});
  EXPECT_EQ(run_under_lease(words, {"true"}).in(folder_.path()).run().status(), 0);
  EXPECT_EQ(Json::parse(content_of(path("here.json")))["outcome"], "ran");
  EXPECT_THAT(content_of(path("here.prom")), HasSubstr("outcome=\"ran\"} 1\n"));
}

TEST_F(ResultFileOptionTest, FailedWriteIsOneLineAndNeverTheStatus) {
  const std::string nowhere = path("nowhere/result.json");
  Ended ended = run_under_lease(on_file({"--result-file", nowhere}), {"sh", "-c", "exit 5"}).run();
  expect_failure(ended, 5, {"cannot write " + nowhere + ": No such file or directory"});
  ended = run_under_lease(on_file({"--metrics-file", folder_.path()}), {"true"}).run();
  expect_failure(ended, 0, {"cannot write " + folder_.path() + ": Is a directory"});
  ended = run_under_lease(on_file({"-q", "--result-file", nowhere}), {"sh", "-c", "kill $$"}).run();
  EXPECT_EQ(ended.status(), kDiedOf + SIGTERM);
  expect_one_line(ended.err, {nowhere});
}

TEST_F(ResultFileOptionTest, LimitOnFileSizesDoesNotEndUs) {
  const std::string job = "ulimit -f 0; exec \"$@\"";
  Words words = {"sh", "-c", job, "sh", CLUSTER_LEADER_BINARY, "run"};
  words = joined(words,
                 {"--key", "job-a", "--server", "redis://127.0.0.1:" + std::to_string(free_port()),
                  "--if-unavailable", "skip", "--result-file", result_path_, "--", "true"});
  // The test's own stdout and stderr are files, which the limit holds for as well.
  Pipe err;
  const Ended ended = Command(words).give(err.write_end.get(), 2).run();
  EXPECT_EQ(ended.status(), 75) << ended;
  char said[1000] = {};
  EXPECT_GT(::read(err.read_end.get(), said, sizeof said - 1), 0);
  expect_one_line(said, {"cannot write " + result_path_ + ": File too large"});
  EXPECT_FALSE(exists("result.json"));
}

}  // namespace
}  // namespace cluster_leader
