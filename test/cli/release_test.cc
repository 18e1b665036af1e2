#include <signal.h>

#include <nlohmann/json.hpp>

#include "support/elector.h"
#include "support/look_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

class ReleaseTest : public LookTest {
 protected:
  Ended release(const std::string& node, const Words& more = {}) const {
    return say("release", joined({"--key", "job-a", "--node", node}, more));
  }
  bool is_free() const {
    return say("check", {"--key", "job-a", "--output", "text"}).out == "none: job-a is free\n";
  }
};

INSTANTIATE_TEST_SUITE_P(Place, ReleaseTest, ::testing::Values("File", "Redis"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(ReleaseTest, NothingToReleaseIsAsGoodAndSaid) {
  for (const Words& more : {Words{}, {"--force"}, {"--ask"}}) {
    const Ended ended = release("web-1", more);
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.out, "nothing to release: job-a is free\n");
    EXPECT_EQ(ended.err, "");
  }
}

TEST_P(ReleaseTest, SaysInJsonWhatItDid) {
  using Json = nlohmann::ordered_json;
  const auto said = [&](const std::string& node, const Words& more) {
    return Json::parse(release(node, joined({"--json"}, more)).out);
  };
  EXPECT_EQ(said("web-2", {}).dump(),
            R"({"key":"job-a","slot":0,"action":"none","node":"web-2","leader":null,"host":null,)"
            R"("pid":null,"label":null,"since":null,"token":null})");
  Process holder = hold("web-1", {"--heartbeat", "200ms"});
  const Json refused = said("web-2", {});
  EXPECT_EQ(refused["action"], "refused");
  EXPECT_EQ(refused["leader"], "web-1");
  EXPECT_EQ(refused["pid"], holder.pid());
  EXPECT_EQ(refused["label"], "sh");
  EXPECT_EQ(said("web-2", {"--ask"})["action"], "asked");
  EXPECT_EQ(holder.wait().status(), 79);
  Process next = hold("web-1", {"--heartbeat", "200ms"});
  EXPECT_EQ(said("web-2", {"--force"})["action"], "released");
  EXPECT_EQ(next.wait().status(), 79);
}

TEST_P(ReleaseTest, EndsWhatThisNodeHoldsAndItsJobIsStopped) {
  Process holder = hold("web-1", {"--heartbeat", "200ms"});
  const Ended ended = release("web-1");
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.out, StartsWith("released job-a: it was held by web-1 ("));
  EXPECT_THAT(ended.out, HasSubstr(":" + std::to_string(holder.pid()) + "), label sh\n"));
  EXPECT_EQ(ended.err, "");
  EXPECT_TRUE(is_free());
  const Ended loser = holder.wait();
  EXPECT_EQ(loser.status(), 79) << loser;
  EXPECT_TRUE(is_free());
}

TEST_P(ReleaseTest, AnothersKeyIsLeftAloneAndItsHolderNamed) {
  Process holder = hold("web-1");
  const Ended ended = release("web-2");
  EXPECT_EQ(ended.status(), 75) << ended;
  EXPECT_EQ(ended.out, "");
  expect_one_line(ended.err, {"key job-a at ", "is held by web-1 (", "--force"});
  EXPECT_FALSE(is_free());
  EXPECT_TRUE(holder.running());
}

TEST_P(ReleaseTest, ForceEndsWhoeverHoldsItAndNamesThem) {
  Process holder = hold("web-1", {"--heartbeat", "200ms"});
  const Ended ended = release("web-2", {"--force"});
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.out, StartsWith("released job-a: it was held by web-1 ("));
  EXPECT_EQ(holder.wait().status(), 79);
}

TEST_P(ReleaseTest, AHolderThatIsAskedStopsItsJobAndThenReleases) {
  const std::string result = path("result.json");
  Pipe input;
  Process holder =
      run_under_lease(here({"--key", "job-a", "--node", "web-1", "--ttl", "60", "--heartbeat",
                            "200ms", "--kill-after", "10s", "--result-file", result}),
                      {"sh", "-c",
                       "exec 2>/dev/null; trap 'echo stopping; read x; echo cleaned up; exit 3' "
                       "TERM; echo runs;"
                       "while :; do sleep 0.01; done"})
          .with("PATH", "/usr/bin:/bin")
          .give(input.read_end.get(), 0)
          .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  const Ended ended = release("web-2", {"--ask"});
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.out, StartsWith("asked web-1 ("));
  EXPECT_THAT(ended.out, HasSubstr(", label sh, for job-a: it is free once that job has ended\n"));
  ASSERT_TRUE(holder.says("stopping")) << holder.err();
  EXPECT_FALSE(is_free()) << "its job is alive";
  input.write_end.reset();
  const Ended loser = holder.wait();
  EXPECT_EQ(loser.status(), 79) << loser;
  EXPECT_THAT(loser.out, HasSubstr("cleaned up"));
  expect_one_line(
      loser.err, {"key job-a at ", "release --ask on web-2 asked for the key", "stopping the job"});
  EXPECT_TRUE(is_free());
  EXPECT_THAT(content_of(result), HasSubstr(R"("outcome":"asked","status":79)"));
}

TEST_P(ReleaseTest, AJobThatIgnoresBeingAskedIsKilledAfterItsTime) {
  Process holder =
      run_under_lease(here({"--key", "job-a", "--node", "web-1", "--ttl", "60", "--heartbeat",
                            "200ms", "--kill-after", "100ms"}),
                      {"sh", "-c", "trap '' TERM; echo runs; while :; do sleep 0.01; done"})
          .with("PATH", "/usr/bin:/bin")
          .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  EXPECT_EQ(release("web-2", {"--ask"}).status(), 0);
  EXPECT_EQ(holder.wait().status(), 79);
  EXPECT_TRUE(is_free());
}

TEST_P(ReleaseTest, AskingWhereNobodyHoldsTheKeyDoesNothing) {
  for (const char* other : {"--force", "--result"}) {
    expect_failure(release("web-1", {"--ask", other}), 64, {"--ask", other});
  }
}

TEST_P(ReleaseTest, AnElectorThatIsAskedGivesTheOthersATurn) {
  Elector first(here({"--key", "job-a", "--node", "web-1", "--ttl", "60"}));
  ASSERT_TRUE(first.is("leader")) << first.transcript();
  Elector second(here({"--key", "job-a", "--node", "web-2", "--ttl", "60"}));
  ASSERT_TRUE(second.is("follower")) << second.transcript();
  EXPECT_EQ(release("web-3", {"--ask"}).status(), 0);
  EXPECT_TRUE(second.is("leader")) << first.transcript() << second.transcript();
  first.stop();
  second.stop();
}

TEST_P(ReleaseTest, AParkedKeyIsOpenToAllAgain) {
  const auto run_on = [&](const std::string& node) {
    return run_under_lease(here({"--key", "job-a", "--node", node, "--ttl", "60", "--sticky"}),
                           {"true"})
        .with("PATH", "/usr/bin:/bin")
        .run()
        .status();
  };
  EXPECT_EQ(run_on("web-1"), 0);
  EXPECT_EQ(run_on("web-2"), 75);
  EXPECT_EQ(release("web-2").status(), 75);
  const Ended ended = release("web-1");
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out, "released job-a: it was parked for web-1, label true\n");
  EXPECT_EQ(run_on("web-2"), 0);
}

TEST_P(ReleaseTest, WhoWaitsTakesOverAtOnce) {
  Process holder = hold("web-1");
  Process waiter =
      run_under_lease(here({"--key", "job-a", "--node", "web-2", "--ttl", "60", "--wait", "inf"}),
                      {"sh", "-c", "echo took over"})
          .with("PATH", "/usr/bin:/bin")
          .start();
  ASSERT_TRUE(eventually([&] {
    if (!is_on_server()) return watches_a_file(waiter.pid());
    return server_->command({"PUBSUB", "NUMSUB", "cluster-leader:events:{job-a}"})
               ->element[1]
               ->integer == 1;
  }));
  const Time begin = BootClock::now();
  EXPECT_EQ(release("web-3", {"--force"}).status(), 0);
  const Ended ended = waiter.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out, "took over\n");
  // Long before the lease would have ended.
  EXPECT_LT(BootClock::now() - begin, 10s);
}

class ReleaseFailureTest : public CliTest {};

TEST_F(ReleaseFailureTest, WhatIsNoLeaseIsNotReleased) {
  GrownServer server;
  server.command({"LPUSH", "job-a", "x"});
  const Words release = {CLUSTER_LEADER_BINARY, "release", "--force", "--key", "job-a"};
  expect_failure(Command(joined(release, on(server))).run(), 78,
                 {"key job-a at ", "data of another type", "which is not a lease"});
  EXPECT_EQ(server.text({"TYPE", "job-a"}), "list");
  server.kill();
  expect_failure(Command(joined(release, on(server))).run(), 69, {"key job-a at ", "refused"});
}

TEST_F(ReleaseFailureTest, OnlyRunsRightsAreNeeded) {
  GrownServer server;
  server.command({"SET", "job-a", "web-1"});
  server.command({"ACL", "SETUSER", "job", "reset", "on", ">p", "~job-*",
                  "~cluster-leader:record:{job-*", "~cluster-leader:queue:{job-*", "+eval", "+get",
                  "+del", "+pttl", "+hmget", "+hdel", "+time"});
  const Ended ended = Command(joined({CLUSTER_LEADER_BINARY, "release", "--force", "--key", "job-a",
                                      "--user", "job"},
                                     on(server)))
                          .with("REDIS_PASSWORD", "p")
                          .run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out, "released job-a: it was held by web-1\n");
  EXPECT_EQ(server.text({"GET", "job-a"}), "(nil)");
}

TEST_F(ReleaseFailureTest, AnElectorThatWasEvictedSaysSoAndAnotherOneLeads) {
  GrownServer server;
  const auto options_for = [&](const std::string& node) {
    return on(server, {"--key", "job-a", "--node", node, "--ttl", "60"});
  };
  Elector first(options_for("web-1"));
  ASSERT_TRUE(first.is("leader")) << first.transcript();
  Elector second(options_for("web-2"));
  ASSERT_TRUE(second.is("follower")) << second.transcript();
  ASSERT_TRUE(eventually([&] {
    return server.command({"PUBSUB", "NUMSUB", "cluster-leader:events:{job-a}"})
               ->element[1]
               ->integer == 2;
  }));
  EXPECT_EQ(
      Command(joined({CLUSTER_LEADER_BINARY, "release", "--key", "job-a", "--force"}, on(server)))
          .run()
          .status(),
      0);
  EXPECT_TRUE(second.is("leader")) << first.transcript() << second.transcript();
  EXPECT_TRUE(first.is("follower")) << first.transcript();
  first.stop();
  second.stop();
}

}  // namespace
}  // namespace cluster_leader
