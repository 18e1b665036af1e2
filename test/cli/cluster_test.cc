// Leases in a cluster, on the built binary and real servers, judged by the jobs themselves.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "support/cluster_world.h"
#include "support/failover_world.h"
#include "support/manual.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ClusterTest : public FailoverTest {
 protected:
  Words at(const ClusterWorld& world, const Words& more = {}) const {
    return joined({"--server", world.url({1}), "--key", world.key_on(0)}, more);
  }
};

class ClusterFailoverRunTest : public ClusterTest, public testing::WithParamInterface<const char*> {
 protected:
  static ClusterWorld::Settings settings() {
    return {.program = GetParam() == std::string("Redis") ? REDIS_SERVER : VALKEY_SERVER};
  }
};
INSTANTIATE_TEST_SUITE_P(Servers, ClusterFailoverRunTest, testing::Values("Redis", "Valkey"),
                         [](const auto& server) { return std::string(server.param); });

TEST_P(ClusterFailoverRunTest, RunsNeverOverlapAtAFailoverByCommand) {
  ClusterWorld world(settings());
  expect_no_overlap(at(world), "3", "5000", [&] { world.fail_over(0); });
}

TEST_P(ClusterFailoverRunTest, AJobSurvivesAPrimaryThatIsFrozenAndComesBack) {
  ClusterWorld world(settings());
  expect_no_overlap(at(world), "14", "9000", [&] {
    world.node(0).pause();
    world.await_primary(3);
    world.node(0).resume();
  });
}

TEST_F(ClusterTest, AJobSurvivesAPrimaryThatIsKilled) {
  ClusterWorld world;
  expect_no_overlap(at(world), "14", "9000", [&] {
    world.node(0).kill();
    world.await_primary(3);
  });
}

TEST_F(ClusterTest, AfterTheHolderAndItsPrimaryAreGoneTheNextOneRuns) {
  ClusterWorld world;
  Process holder = run(at(world), "2", "a", "60000");
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; })) << holder.err();
  Process waiter = run(at(world), "2", "b", "10");
  world.node(0).kill();
  const Ended ended = holder.wait(20s);
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_EQ(waiter.wait(60s).status(), 0);
  EXPECT_EQ(log().fault(), "");
}

// The lock, the record and the queue are moved one after the other, and back, under the leaders.
TEST_F(ClusterTest, RunsNeverOverlapWhileTheirSlotIsMoved) {
  ClusterWorld world({.has_replicas = false});
  const std::string key = world.key_on(0);
  const std::uint16_t slot = world.slot_of(key);
  const std::string record = "cluster-leader:record:{" + key + "}";
  const std::string queue = "cluster-leader:queue:{" + key + "}";
  std::vector<Process> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(run(at(world), "3", std::to_string(i), "700"));
  ASSERT_TRUE(eventually([&] { return log().count("start") >= 1; }));
  for (std::size_t round = 0; log().count("start") < 6 && round < 40; ++round) {
    const std::size_t from = round % 3;
    const std::size_t to = (round + 1) % 3;
    world.begin_move(slot, from, to);
    world.move_key(key, from, to);
    world.move_key(record, from, to);
    world.move_key(queue, from, to);
    // What was written in between.
    world.move_key(key, from, to);
    world.end_move(slot, from, to);
    std::this_thread::sleep_for(100ms);
  }
  for (Process& process : runs) {
    const Ended ended = process.wait(60s);
    EXPECT_EQ(ended.status(), 0) << ended;
  }
  EXPECT_EQ(log().fault(), "");
  EXPECT_EQ(log().count("end"), 6);
}

TEST_F(ClusterTest, WaitersRunInOrderThoughTheirSlotIsMoved) {
  ClusterWorld world({.has_replicas = false});
  const std::string key = world.key_on(0);
  const std::string queue = "cluster-leader:queue:{" + key + "}";
  const auto start = [&](const std::string& name, const std::string& more) {
    return run_under_lease(at(world, {"--ttl", "5", "--node", name, "-w", "60"}),
                           {"sh", "-c", "echo " + name + " >>'" + path("log") + "'; " + more})
        .with("PATH", "/usr/bin:/bin")
        .start();
  };
  const auto names = [&] { return content_of(path("log")); };
  folder_.write("held", "");
  std::vector<Process> runs;
  runs.push_back(start("holder", "while test -e '" + path("held") + "'; do sleep 0.01; done"));
  ASSERT_TRUE(eventually([&] { return names() == "holder\n"; })) << runs[0].err();
  for (const std::string name : {"1", "2", "3"}) {
    runs.push_back(start(name, "true"));
    ASSERT_TRUE(eventually([&] {
      return world.node(0).integer({"ZCOUNT", queue, "-inf", "(10000000000000"}) == std::stoi(name);
    })) << runs.back().err();
  }
  const std::uint16_t slot = world.slot_of(key);
  world.begin_move(slot, 0, 1);
  for (const std::string& name : {key, "cluster-leader:record:{" + key + "}", queue}) {
    world.move_key(name, 0, 1);
  }
  world.end_move(slot, 0, 1);
  ::unlink(path("held").c_str());
  for (Process& process : runs) EXPECT_EQ(process.wait(20s).status(), 0);
  EXPECT_EQ(names(), "holder\n1\n2\n3\n");
}

TEST_F(ClusterTest, ElectLeadsKeysOnAllNodesThroughAFailover) {
  ClusterWorld world;
  Words words = {CLUSTER_LEADER_BINARY, "elect", "--server", world.url({1}), "--ttl", "10"};
  constexpr int kKeys = 30;
  for (int i = 0; i < kKeys; ++i) {
    words.insert(words.end(),
                 {"--key", world.key_on(static_cast<std::size_t>(i) % 3, "e" + std::to_string(i))});
  }
  Process elect = Command(words).start();
  const auto count = [&](const std::string& text) {
    const std::string out = elect.out();
    int found = 0;
    for (std::size_t at = 0; (at = out.find(text, at)) != out.npos; ++at) ++found;
    return found;
  };
  const std::string leads = "\"state\":\"leader\"";
  ASSERT_TRUE(eventually([&] { return count(leads) == kKeys; })) << elect.out() << elect.err();
  world.fail_over(0);
  Process other = Command(words).start();
  std::this_thread::sleep_for(3s);
  EXPECT_EQ(count(leads), kKeys) << elect.out();
  EXPECT_EQ(count("\"state\":\"follower\""), 0) << elect.out();
  elect.signal(SIGTERM);
  EXPECT_EQ(elect.wait(10s).status(), 0);
}

TEST_F(ClusterTest, WhatIsWrongIsSaid) {
  ClusterWorld world({.has_replicas = false});
  const Words job = {"echo", "runs"};
  const auto run_at = [&](const std::string& url, const std::string& key) {
    return run_under_lease({"--server", url, "--key", key}, job).run();
  };
  expect_failure(run_at(world.url(), "a}b"), 64, {"cannot be used in a cluster"});
  expect_failure(run_at(world.url() + "/1", "a"), 78, {"a cluster has only 0"});
  const std::string one_node = "redis://127.0.0.1:" + std::to_string(world.node(0).port());
  expect_failure(run_at(one_node, "a"), 78, {"use redis+cluster://"});
  for (const Words& verb : {Words{"status"}, Words{"status", "--key", "a"},
                            Words{"check", "--key", "a"}, Words{"release", "--key", "a"}}) {
    const Words words = joined({CLUSTER_LEADER_BINARY}, joined(verb, {"--server", one_node}));
    expect_failure(Command(words).run(), 78, {"use redis+cluster://"});
  }
  const Ended node_examined =
      Command({CLUSTER_LEADER_BINARY, "doctor", "--server", one_node}).run();
  EXPECT_EQ(node_examined.status(), 78) << node_examined;
  EXPECT_THAT(node_examined.out, HasSubstr("use redis+cluster://"));
  expect_failure(run_at("redis+cluster://127.0.0.1:1,127.0.0.1:2", "a"), 69,
                 {"127.0.0.1:1: connection refused"});
  expect_failure(
      run_under_lease({"--server", world.url(), "--key", "a", "--min-replicas", "1"}, job).run(),
      69, {"only 0 of 1 replicas"});
  // A slot without a node.
  world.node(0).command({"CLUSTER", "DELSLOTS", std::to_string(world.slot_of(world.key_on(0)))});
  expect_failure(run_at(world.url(), world.key_on(0)), 69, {"the cluster is down"});
  const Ended examined = Command({CLUSTER_LEADER_BINARY, "doctor", "--server", world.url()}).run();
  EXPECT_THAT(examined.out, HasSubstr("16383 of 16384 are on some node"));
  EXPECT_EQ(examined.status(), 69) << examined;
}

// The rights that the manual names are enough, through a failover and while a slot is moved.
TEST_F(ClusterTest, TheRightsInTheManualAreEnough) {
  ClusterWorld world;
  const auto grants = grants_in_manual();
  ASSERT_EQ(grants.size(), 4U);
  for (std::size_t i = 0; i < world.size(); ++i) {
    for (const std::size_t number : {0, 1, 3}) {
      for (const std::string& word : grants[number]) {
        if (word == grants[number][0]) continue;
        EXPECT_EQ(world.node(i).text({"ACL", "SETUSER", "job", word}), "OK") << word;
      }
    }
  }
  const auto command = [&](const Words& words) {
    return Command(joined({CLUSTER_LEADER_BINARY}, words))
        .with("REDIS_USERNAME", "job")
        .with("REDIS_PASSWORD", "PASSWORD");
  };
  const std::string key = world.key_on(0, "job-a");
  const Words at = {"--server", world.url(), "--key", key};
  Process holder = command(joined({"run"}, joined(at, {"--ttl", "10", "--heartbeat", "200ms", "--",
                                                       "sh", "-c", "echo runs; exec sleep 3"})))
                       .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  const std::uint16_t slot = world.slot_of(key);
  world.begin_move(slot, 0, 1);
  world.move_key(key, 0, 1);
  world.move_key("cluster-leader:record:{" + key + "}", 0, 1);
  std::this_thread::sleep_for(500ms);
  world.end_move(slot, 0, 1);
  EXPECT_EQ(holder.wait(20s).status(), 0);
  world.fail_over(0);
  const std::string other = world.key_on(0, "job-b");
  const Ended promoted =
      command({"run", "--server", world.url(), "--key", other, "-n", "--", "true"}).run();
  EXPECT_EQ(promoted.status(), 69) << promoted;
  EXPECT_THAT(promoted.err, HasSubstr("promoted from a replica"));
  EXPECT_EQ(command(joined({"check"}, at)).run().status(), 75);
  EXPECT_EQ(command({"status", "--server", world.url(), "--prefix", "job-"}).run().status(), 0);
  for (std::size_t i = 0; i < world.size(); ++i) {
    EXPECT_EQ(world.node(i).command({"ACL", "LOG"})->elements, 0U) << i;
  }
}

TEST_F(ClusterTest, TheOtherVerbsFindTheKeysOfAllNodes) {
  ClusterWorld world;
  const auto call = [&](const Words& words) {
    return Command(joined({CLUSTER_LEADER_BINARY}, joined(words, {"--server", world.url({2})})))
        .run();
  };
  std::vector<Process> holders;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < 3; ++i) {
    keys.push_back(world.key_on(i, "verb"));
    holders.push_back(run_under_lease({"--server", world.url(), "--key", keys[i], "--node", "a"},
                                      {"sh", "-c", "echo runs; exec sleep 60"})
                          .start());
    ASSERT_TRUE(holders[i].says("runs")) << holders[i].err();
    EXPECT_EQ(call({"check", "--key", keys[i], "--node", "a"}).status(), 0);
    EXPECT_EQ(call({"check", "--key", keys[i], "--node", "b"}).status(), 75);
  }
  const Ended listed = call({"status"});
  EXPECT_EQ(listed.status(), 0) << listed;
  for (const std::string& key : keys) EXPECT_THAT(listed.out, HasSubstr(key + " "));
  const Ended shown = call({"status", "--key", keys[0], "--key", keys[2], "--key", "free"});
  EXPECT_EQ(shown.status(), 0) << shown;
  EXPECT_THAT(shown.out, HasSubstr("free  "));
  const Ended examined = call({"doctor"});
  EXPECT_EQ(examined.status(), 0) << examined;
  EXPECT_THAT(examined.out, HasSubstr("state ok, 3 primaries"));
  EXPECT_THAT(examined.out, HasSubstr("a job survives a failover with a ttl of 6 s"));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(call({"release", "--key", keys[i], "--node", "a"}).status(), 0);
    EXPECT_EQ(holders[i].wait(10s).status(), 79);
  }
  EXPECT_THAT(call({"status"}).out, testing::Not(HasSubstr("held")));
  // With its replica, which would take over.
  for (const std::size_t node : {0, 3}) world.node(node).pause();
  for (const char* verb : {"check", "release"}) {
    const Ended frozen = call({verb, "--key", keys[0], "--connect-timeout", "500ms"});
    EXPECT_EQ(frozen.status(), 69) << frozen;
    // After a second, the others take it for dead.
    EXPECT_THAT(frozen.err, testing::AnyOf(HasSubstr("no answer in time"),
                                           HasSubstr("some of its slots are not served")));
  }
  for (const std::size_t node : {0, 3}) world.node(node).resume();
  // Of a primary that is gone, the others still say what they have.
  Process again =
      run_under_lease({"--server", world.url(), "--key", keys[0], "--node", "a", "-w", "60"},
                      {"sh", "-c", "echo runs; exec sleep 60"})
          .start();
  ASSERT_TRUE(again.says("runs")) << again.err();
  world.node(1).kill();
  world.node(4).kill();
  const Ended partial = call({"status"});
  EXPECT_EQ(partial.status(), 69) << partial;
  EXPECT_THAT(partial.err, HasSubstr("not all keys were read: 127.0.0.1:"));
}

}  // namespace
}  // namespace cluster_leader
