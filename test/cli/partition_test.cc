// A network that is cut between a holder with its primary and the majority of the Sentinels: the
// built binary and real servers, each of which reaches the other side over relays only.
#include <gmock/gmock.h>

#include <optional>
#include <string>

#include "support/cli_world.h"
#include "support/sentinel_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class PartitionTest : public CliTest {
 protected:
  /// The machine of the first primary is here, the other two are over there.
  enum Side { kHere, kThere };

  /// A side is a file of names, by which it reaches its own machines directly and others by relays.
  /// The program is started with what follows its name.
  std::string program_on(Side side, const std::string& name, const std::string& program) const {
    const std::string hosts = path(side == kHere ? "here" : "there");
    return folder_.write(name,
                         "#!/bin/sh\n"
                         "exec unshare --user --map-root-user --mount sh -c '\n"
                         "  mount --bind \"$1\" /etc/hosts && shift &&\n"
                         "    exec setpriv --pdeathsig KILL \"$@\"' sh " +
                             hosts + " " + program + " \"$@\"\n",
                         0755);
  }

  PartitionTest() {
    folder_.write("here", "127.0.0.1 m0.test\n127.0.0.2 m1.test m2.test\n");
    folder_.write("there", "127.0.0.2 m0.test\n127.0.0.1 m1.test m2.test\n");
    const std::string here = program_on(kHere, "server-here", REDIS_SERVER);
    const std::string there = program_on(kThere, "server-there", REDIS_SERVER);
    world_.emplace(SentinelSettings{.programs = {here, there, there},
                                    .names = {"m0.test", "m1.test", "m2.test"},
                                    .relay_address = "127.0.0.2"});
  }

  Command run_on(Side side, const Words& options, const Words& job) const {
    Words words = {
        program_on(side, side == kHere ? "client-here" : "client-there", CLUSTER_LEADER_BINARY),
        "run",
        "--server",
        world_->url(),
        "--key",
        "job-a",
        "--ttl",
        "3"};
    return Command(joined(joined(words, options), joined({"--"}, job)));
  }
  /// How many wait for the key.
  long long subscribers() {
    return world_->server(0)
        .command({"PUBSUB", "NUMSUB", "cluster-leader:events:{job-a}"})
        ->element[1]
        ->integer;
  }

  std::optional<SentinelWorld> world_;
};

TEST_F(PartitionTest, AHolderThatIsCutOffWithThePrimaryAndOneSentinelEndsBeforeTheNextOneBegins) {
  Process holder = run_on(kHere, {}, exclusive_job("60000")).start();
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; })) << holder.err();
  Process waiter = run_on(kThere, {"-w", "60"}, exclusive_job("10")).start();
  ASSERT_TRUE(eventually([&] { return subscribers() == 1; })) << waiter.err();

  world_->cut();
  const Time cut_at = BootClock::now();
  Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_LT(ended.at - cut_at, 3s + kBusy) << ended;
  // Nobody gets the lease from the old primary, which goes on answering.
  EXPECT_EQ(world_->server(0).text({"SET", "probe", "1"}), "OK");
  expect_failure(run_on(kHere, {}, {"true"}).run(), 69, {"only 1 of 3 Sentinels answer"});
  ended = waiter.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_NE(world_->primary(), 0U);

  world_->mend();
  ended = run_on(kHere, {"-w", "60"}, exclusive_job("10")).run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(log().fault(), "");
  EXPECT_EQ(log().count("start"), 3);
}

}  // namespace
}  // namespace cluster_leader
