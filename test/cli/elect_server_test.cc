// What may happen to the server and to the key, on the built binary: nobody says that it leads when
// it does not surely lead, nobody exits because of a server, and everybody recovers.
#include <signal.h>

#include "base/wall_time.h"
#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ElectServerTest : public ElectTest {
 protected:
  /// Waits until exactly one of the two leads and the other one follows it.
  void expect_recovery() {
    const auto settled = [&] {
      return leader_->count("leader") + follower_->count("leader") == 1 &&
             leader_->count("follower") + follower_->count("follower") == 1 &&
             leader_->last().holder == follower_->last().holder;
    };
    EXPECT_TRUE(eventually(settled)) << transcript();
    EXPECT_TRUE(leader_->process().running());
    EXPECT_TRUE(follower_->process().running());
  }
};

TEST_F(ElectServerTest, FrozenServerHasNoLeaderWhenItsLeaseEndsAndIsServedAgainLater) {
  ASSERT_TRUE(start_two("2")) << transcript();
  server_.pause();
  // The last renewal came before, so that the lease ends before this.
  const std::int64_t lease_ends = wall_clock_ms() + 2000;
  ASSERT_TRUE(eventually([&] { return leader_->states().size() >= 2; })) << transcript();
  EXPECT_LT(leader_->lines()[1].at_ms(), lease_ends);
  EXPECT_TRUE(leader_->is("down")) << leader_->transcript();
  EXPECT_TRUE(follower_->is("down")) << follower_->transcript();
  EXPECT_TRUE(eventually([&] { return wall_clock_ms() >= lease_ends; }));
  server_.resume();
  expect_recovery();
  EXPECT_EQ(fault_in({&*leader_, &*follower_}), "") << transcript();
}

TEST_F(ElectServerTest, ServerThatFreezesForLessThanTheTtlIsSurvived) {
  ASSERT_TRUE(start_two("4")) << transcript();
  server_.pause();
  // Longer than a heartbeat and an attempt, so that a renewal is lost on the way.
  std::this_thread::sleep_for(1200ms);
  server_.resume();
  wait_for_renewals(1);
  EXPECT_THAT(leader_->states(), ElementsAre("leader"));
  EXPECT_TRUE(follower_->is("follower"));
  expect_recovery();
}

TEST_F(ElectServerTest, KilledServerIsDownAndServedAgainWhenItIsBack) {
  ASSERT_TRUE(start_two("1")) << transcript();
  server_.kill();
  EXPECT_TRUE(leader_->is("down")) << leader_->transcript();
  EXPECT_TRUE(follower_->is("down")) << follower_->transcript();
  EXPECT_TRUE(leader_->process().running() && follower_->process().running());
  server_.start();
  expect_recovery();
  EXPECT_EQ(fault_in({&*leader_, &*follower_}), "") << transcript();
  // One line for the outage, and one more of whoever has lost its lease by it.
  expect_one_line(follower_->process().err(), {"warning", "job-a", "still trying"});
}

TEST_F(ElectServerTest, FollowerThatFindsAYoungServerFollowsAsSoonAsTheLeaderIsBackThere) {
  const Words often = {"--heartbeat", "200ms"};
  ASSERT_TRUE(start_two(Elector::command(options_for("web-1", kLong, often)),
                        Elector::command(options_for("web-2", kLong, often))))
      << transcript();
  const std::string holder = leader_->last().holder;
  // The follower is the first to ask, and is told to wait for 601 s.
  const pid_t keeper = leader_->keeper();
  ::kill(keeper, SIGSTOP);
  server_.kill();
  server_.start();
  // The script asks for the server's age only where it would grant the key otherwise.
  EXPECT_TRUE(eventually([&] { return server_.calls("info") > 0; }));
  EXPECT_TRUE(follower_->is("starting")) << transcript();
  ::kill(keeper, SIGCONT);
  EXPECT_TRUE(follower_->follows(holder)) << transcript();
  EXPECT_THAT(leader_->states(), ElementsAre("leader"));
}

TEST_F(ElectServerTest, OutageOfManyKeysIsOneLineOnStderr) {
  Elector elector(joined(on(server_, {"--ttl", kLong}), many_keys(100)));
  ASSERT_TRUE(eventually([&] { return elector.count("leader") == 100; }));
  Elector follower(joined(on(server_, {"--ttl", kLong}), many_keys(100)));
  ASSERT_TRUE(eventually([&] { return follower.count("follower") == 100; }));
  server_.kill();
  ASSERT_TRUE(eventually([&] { return follower.count("down") == 100; })) << follower.count("down");
  expect_one_line(follower.process().err(), {"warning", "key-", "still trying"});
}

TEST_F(ElectServerTest, PasswordThatIsChangedMeanwhileIsAnOutage) {
  server_.text({"ACL", "SETUSER", "app", "on", ">first", "~*", "&*", "+@all"});
  const auto command = [&](const std::string& node) {
    return Elector::command(options_for(node, "1", {"--user", "app"}))
        .with("REDIS_PASSWORD", "first");
  };
  ASSERT_TRUE(start_two(command("web-1"), command("web-2"))) << transcript();
  server_.text({"ACL", "SETUSER", "app", "resetpass", ">second"});
  server_.integer({"CLIENT", "KILL", "USER", "app"});
  EXPECT_TRUE(leader_->is("down")) << leader_->transcript();
  EXPECT_TRUE(follower_->is("down")) << follower_->transcript();
  EXPECT_TRUE(leader_->process().running() && follower_->process().running());
  server_.text({"ACL", "SETUSER", "app", "resetpass", ">first"});
  expect_recovery();
  EXPECT_EQ(fault_in({&*leader_, &*follower_}), "") << transcript();
  EXPECT_EQ(leader_->stop().status(), 0);
  EXPECT_TRUE(follower_->is("leader"));
}

TEST_F(ElectServerTest, RightThatIsTakenAwayMeanwhileIsAnOutage) {
  Elector elector(options_for("web-1", "1"));
  ASSERT_TRUE(elector.says({"leader"}));
  server_.text({"ACL", "SETUSER", "default", "-evalsha", "-eval"});
  EXPECT_TRUE(elector.is("down")) << elector.transcript();
  EXPECT_THAT(elector.process().err(), HasSubstr("eval"));
  server_.text({"ACL", "SETUSER", "default", "+@all"});
  EXPECT_TRUE(elector.is("leader")) << elector.transcript();
}

TEST_F(ElectServerTest, ServerThatBecomesAReplicaIsDownUntilItIsAPrimaryAgain) {
  ASSERT_TRUE(start_two("1")) << transcript();
  server_.text({"REPLICAOF", "127.0.0.1", std::to_string(free_port())});
  EXPECT_TRUE(leader_->is("down")) << leader_->transcript();
  EXPECT_TRUE(follower_->is("down")) << follower_->transcript();
  server_.text({"REPLICAOF", "NO", "ONE"});
  expect_recovery();
  EXPECT_EQ(fault_in({&*leader_, &*follower_}), "") << transcript();
}

TEST_F(ElectServerTest, ReplicaAtTheStartIsDown) {
  server_.text({"REPLICAOF", "127.0.0.1", std::to_string(free_port())});
  Elector elector(options_for("web-1", "1"));
  EXPECT_TRUE(elector.says({"down"})) << elector.transcript();
  server_.text({"REPLICAOF", "NO", "ONE"});
  // It may lack a lease whose job still runs.
  EXPECT_TRUE(elector.says({"down", "starting", "leader"})) << elector.transcript();
}

TEST_F(ElectServerTest, LoadingServerIsDownUntilItHasLoaded) {
  // It answers between two kilobytes, and takes 10 ms for each of 150 keys of that size.
  Server slow(REDIS_SERVER,
              {"--dbfilename", "slow.rdb", "--rdbcompression", "no", "--key-load-delay", "10000",
               "--loading-process-events-interval-bytes", "1024"});
  const std::string much(1024, 'x');
  for (int i = 0; i < 150; ++i) slow.text({"SET", "filler-" + std::to_string(i), much});
  slow.text({"SAVE"});
  slow.kill();
  slow.start();
  ASSERT_THAT(slow.text({"GET", "filler-0"}), HasSubstr("LOADING"));
  Elector elector(on(slow, {"--key", "job-a", "--ttl", "1"}));
  ASSERT_TRUE(elector.is("leader")) << elector.transcript();
  EXPECT_EQ(elector.states().front(), "down") << elector.transcript();
  EXPECT_THAT(elector.process().err(), HasSubstr("loading"));
}

TEST_F(ElectServerTest, DeletedKeyIsSetAgainAndNobodyHearsOfIt) {
  ASSERT_TRUE(start_two("3")) << transcript();
  const std::string holder = value();
  for (int i = 0; i < 3; ++i) {
    server_.integer({"DEL", "job-a"});
    EXPECT_TRUE(eventually([&] { return value() == holder; }));
  }
  wait_for_renewals(1);
  EXPECT_THAT(leader_->states(), ElementsAre("leader"));
  EXPECT_THAT(follower_->states(), ElementsAre("follower"));
}

TEST_F(ElectServerTest, FlushedServerIsToldAgainOfTheLease) {
  Elector elector(options_for("web-1", "3"));
  ASSERT_TRUE(elector.says({"leader"}));
  const std::string holder = value();
  server_.text({"FLUSHALL"});
  server_.text({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(eventually([&] { return value() == holder; }));
  wait_for_renewals(1);
  EXPECT_THAT(elector.states(), ElementsAre("leader"));
}

TEST_F(ElectServerTest, KeyThatIsOverwrittenIsFollowed) {
  ASSERT_TRUE(start_two("1")) << transcript();
  server_.text({"SET", "job-a", "web-9/other"});
  EXPECT_TRUE(leader_->follows("web-9/other")) << leader_->transcript();
  EXPECT_EQ(leader_->last().leader, "web-9");
  EXPECT_TRUE(follower_->follows("web-9/other")) << follower_->transcript();
  expect_one_line(leader_->process().err(), {"job-a", "taken away", "web-9"});
  EXPECT_EQ(value(), "web-9/other");
  server_.integer({"DEL", "job-a"});
  expect_recovery();
}

TEST_F(ElectServerTest, LockOfTheNodeRedNodeIsFollowedUntilItEnds) {
  server_.text({"SET", "job-a", "plain host", "PX", "60000"});
  // With a short ttl, since it asks once in each.
  Elector elector(options_for("web-1", "1"));
  ASSERT_TRUE(elector.says({"follower"})) << elector.transcript();
  EXPECT_EQ(elector.last().holder, "plain host");
  EXPECT_EQ(elector.last().leader, "plain host");
  EXPECT_EQ(elector.last().token, 0);
  server_.integer({"PEXPIRE", "job-a", "300"});
  EXPECT_TRUE(elector.says({"follower", "leader"})) << elector.transcript();
}

TEST_F(ElectServerTest, ReleaseByHandIsHeardAtOnceByTheLoserToo) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  const std::int64_t token = leader_->last().token;
  const Ended released = Command({CLUSTER_LEADER_BINARY, "release", "--force", "--server",
                                  url_of(server_), "--key", "job-a"})
                             .run();
  EXPECT_EQ(released.status(), 0) << released;
  EXPECT_THAT(released.out, HasSubstr("web-1"));
  // Long before the heartbeat, which is two minutes here.
  EXPECT_TRUE(follower_->is("leader")) << follower_->transcript();
  EXPECT_TRUE(leader_->follows(follower_->last().holder)) << leader_->transcript();
  EXPECT_THAT(leader_->process().err(), HasSubstr("taken away"));
  EXPECT_GT(follower_->last().token, token);
}

TEST_F(ElectServerTest, LoneLeaderThatIsReleasedByHandStandsAgain) {
  Elector elector(options_for("web-1"));
  ASSERT_TRUE(elector.says({"leader"}));
  const Ended released = Command({CLUSTER_LEADER_BINARY, "release", "--force", "--server",
                                  url_of(server_), "--key", "job-a"})
                             .run();
  EXPECT_EQ(released.status(), 0) << released;
  EXPECT_TRUE(elector.says({"leader", "none", "leader"})) << elector.transcript();
  EXPECT_GT(elector.last().token, elector.lines().front().token);
}

/// The same where there is no server at all.
TEST_F(CliTest, ElectWorksOnADirectory) {
  const Words options = on_file({"--key", "job-a", "--ttl", "600"});
  Elector leader(joined(options, {"--node", "web-1"}));
  ASSERT_TRUE(leader.says({"leader"})) << leader.transcript();
  Elector follower(joined(options, {"--node", "web-2"}));
  ASSERT_TRUE(follower.says({"follower"})) << follower.transcript();
  EXPECT_EQ(follower.last().holder, leader.last().holder);
  Elector third(joined(options, {"--node", "web-3"}));
  ASSERT_TRUE(third.says({"follower"})) << third.transcript();
  EXPECT_EQ(leader.stop().status(), 0);
  ASSERT_TRUE(eventually([&] { return follower.count("leader") + third.count("leader") == 1; }));
  const Elector& next = follower.count("leader") == 1 ? follower : third;
  const Elector& other = &next == &third ? follower : third;
  EXPECT_TRUE(other.follows(next.last().holder)) << other.transcript();
}

}  // namespace
}  // namespace cluster_leader
