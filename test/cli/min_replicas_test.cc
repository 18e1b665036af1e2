// --min-replicas on the built binary.
#include <gmock/gmock.h>

#include <string>

#include "support/cli_world.h"
#include "support/grown_server.h"
#include "support/replication.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class MinReplicasCliTest : public CliTest {
 protected:
  Words with_replicas(const char* number) const {
    return on(primary_, {"--key", "job-a", "--ttl", "2", "--min-replicas", number});
  }

  GrownServer primary_;
};

TEST_F(MinReplicasCliTest, WithTooFewReplicasTheJobDoesNotStart) {
  const Ended ended = run_under_lease(with_replicas("1"), {"echo", "runs"}).run();
  expect_failure(ended, 69, {"only 0 of 1 replicas have the lease", "--min-replicas"});
  // What was asked for last may not have been answered yet, and then ends with its ttl.
  EXPECT_TRUE(eventually([&] { return primary_.text({"GET", "job-a"}) == "(nil)"; }));
}

TEST_F(MinReplicasCliTest, AJobWhoseRenewalsNoReplicaHasIsStoppedInTime) {
  Server replica(REDIS_SERVER);
  replicate(primary_, replica);
  Process holder = run_under_lease(joined(with_replicas("1"), {"-w", "10"}),
                                   {"sh", "-c", "echo runs; exec sleep 60"})
                       .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  const Time begin = BootClock::now();
  replica.pause();
  const Ended ended = holder.wait(10s);
  EXPECT_LT(BootClock::now() - begin, 2s + kBusy);
  replica.resume();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_THAT(ended.err, testing::HasSubstr("only 0 of 1 replicas have the lease"));
}

}  // namespace
}  // namespace cluster_leader
