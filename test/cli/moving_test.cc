// A name, or a load balancer, that comes to lead to another server while the old one goes on as
// before: on the built binary, judged by the jobs themselves.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"
#include "support/relay.h"
#include "support/replication.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class MovingTest : public CliTest {
 protected:
  MovingTest() { replicate(primary_, replica_); }

  /// A command line at the moving server.
  virtual Words at(const Words& command) const = 0;
  /// From now on, new connections lead to the replica, which is a primary.
  virtual void move() = 0;

  /// A command line of ours at the moving server, and what follows its options.
  Command command(const std::string& verb, const std::string& node, const Words& more) const {
    const Words own = {CLUSTER_LEADER_BINARY,
                       verb,
                       "--server",
                       url(),
                       "--key",
                       "job-a",
                       "--ttl",
                       "3",
                       "--node",
                       node};
    return Command(at(joined(own, more))).with("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
  }
  Process run(const std::string& node, const std::string& milliseconds) const {
    return command("run", node, joined({"-w", "60", "--"}, exclusive_job(milliseconds))).start();
  }
  Elector elect(const std::string& node) const { return Elector(command("elect", node, {})); }

  virtual std::string url() const = 0;

  std::string old_value() const { return primary_.text({"GET", "job-a"}); }
  std::string new_value() const { return replica_.text({"GET", "job-a"}); }

  long long listeners_on_the_old() const {
    return primary_.command({"PUBSUB", "NUMSUB", "cluster-leader:events:{job-a}"})
        ->element[1]
        ->integer;
  }

  /// A holder, a waiter, and after the move a newcomer.
  void expect_no_overlap_of_runs();
  void expect_one_leader_throughout();

  GrownServer primary_;
  GrownServer replica_;
};

void MovingTest::expect_no_overlap_of_runs() {
  Process holder = run("a", "9000");
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; }));
  Process waiter = run("b", "10");
  const std::string held = old_value();
  ASSERT_TRUE(eventually([&] { return listeners_on_the_old() == 1; }));
  move();
  Process newcomer = run("c", "10");
  // The old server is left alone, and the lock there ends with its ttl.
  ASSERT_TRUE(eventually([&] { return old_value() == "(nil)"; }));
  EXPECT_EQ(new_value(), held);
  for (Process* process : {&holder, &waiter, &newcomer}) {
    const Ended ended = process->wait(60s);
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.err, "");
  }
  EXPECT_EQ(log().fault(), "");
  EXPECT_EQ(log().count("end"), 3);
}

void MovingTest::expect_one_leader_throughout() {
  Elector leader = elect("a");
  ASSERT_TRUE(leader.is("leader")) << leader.transcript();
  Elector follower = elect("b");
  ASSERT_TRUE(follower.follows(leader.last().holder)) << follower.transcript();
  follower.forget();
  move();
  Elector newcomer = elect("c");
  EXPECT_TRUE(newcomer.follows(leader.last().holder)) << newcomer.transcript();
  newcomer.forget();
  ASSERT_TRUE(eventually([&] { return old_value() == "(nil)"; }));
  // The follower waits on the old server, until it finds the key free there.
  ASSERT_TRUE(eventually([&] { return listeners_on_the_old() == 0; })) << follower.transcript();
  EXPECT_THAT(leader.states(), ElementsAre("leader")) << leader.transcript();
  EXPECT_TRUE(follower.is("follower")) << follower.transcript();
  for (const Elector* other : {&follower, &newcomer}) {
    EXPECT_THAT(other->states(), testing::Not(testing::Contains("leader"))) << other->transcript();
  }
  EXPECT_EQ(fault_in({&leader, &follower, &newcomer}), "");
  // They all meet on the new server.
  leader.stop();
  EXPECT_TRUE(eventually([&] { return follower.count("leader") + newcomer.count("leader") == 1; }))
      << follower.transcript() << newcomer.transcript();
}

class BalancedTest : public MovingTest {
 protected:
  Words at(const Words& command) const override { return command; }
  void move() override {
    promote(primary_, replica_);
    balancer_.lead_to(replica_.port());
  }
  std::string url() const override {
    return "redis://127.0.0.1:" + std::to_string(balancer_.port());
  }

  Relay balancer_{primary_.port()};
};

TEST_F(BalancedTest, RunsNeverOverlap) { expect_no_overlap_of_runs(); }
TEST_F(BalancedTest, OneLeads) { expect_one_leader_throughout(); }

/// The replica was promoted before the last lease had reached it.
class LossyTest : public BalancedTest {
 protected:
  void move() override {
    promote(primary_, replica_);
    replica_.command({"DEL", "job-a", "cluster-leader:record:{job-a}"});
    balancer_.lead_to(replica_.port());
  }
};

TEST_F(LossyTest, RunsNeverOverlap) { expect_no_overlap_of_runs(); }
TEST_F(LossyTest, OneLeads) { expect_one_leader_throughout(); }

/// The name is in an /etc/hosts that only these processes see.
class RenamedTest : public MovingTest {
 protected:
  Words at(const Words& command) const override {
    const Words in_namespace = {"unshare",
                                "--user",
                                "--map-root-user",
                                "--mount",
                                "sh",
                                "-c",
                                "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"",
                                "sh",
                                hosts_};
    return joined(in_namespace, command);
  }
  void move() override {
    promote(primary_, replica_);
    // The same file, in one write: a mount shows the file that it was given.
    UniqueFd file(::open(hosts_.c_str(), O_WRONLY | O_CLOEXEC));
    const std::string text = "127.0.0.3 redis.test\n";
    ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::string url() const override { return "redis://redis.test:" + std::to_string(old_.port()); }

  const std::string hosts_ = folder_.write("hosts", "127.0.0.2 redis.test\n");
  Relay old_{primary_.port(), "127.0.0.2"};
  Relay new_{replica_.port(), "127.0.0.3", old_.port()};
};

TEST_F(RenamedTest, RunsNeverOverlap) { expect_no_overlap_of_runs(); }
TEST_F(RenamedTest, OneLeads) { expect_one_leader_throughout(); }

}  // namespace
}  // namespace cluster_leader
