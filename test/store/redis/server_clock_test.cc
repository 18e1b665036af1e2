#include "store/redis/server_clock.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class ServerClockTest : public testing::Test {
 protected:
  /// A reply after `time`, with the server's clock at `server_ms`.
  void reply(Duration time, std::int64_t server_ms, Duration round_trip = 0ms) {
    clock_.record(server_ms, Time(time) - round_trip, Time(time));
  }

  ServerClock clock_;
};

TEST_F(ServerClockTest, ExpectsNothingBeforeTheFirstReply) {
  EXPECT_FALSE(clock_.at(Time(1h)));
  reply(1s, 1'000'000);
  EXPECT_FALSE(clock_.step());
}

TEST_F(ServerClockTest, ToleratesHalfASecondAndAHundredthOfTheTimeThatHasPassed) {
  reply(1s, 1'000'000);
  EXPECT_EQ(clock_.at(Time(11s))->earliest_ms, 1'010'000 - 600);
  EXPECT_EQ(clock_.at(Time(11s))->latest_ms, 1'010'000 + 600);
  reply(11s, 1'010'600);
  EXPECT_FALSE(clock_.step());
  reply(21s, 1'020'600 + 601);
  EXPECT_TRUE(clock_.step());
}

TEST_F(ServerClockTest, TheRoundTripMayHaveBeenTheWayBack) {
  reply(1s, 1'000'000, 800ms);
  EXPECT_EQ(clock_.at(Time(1s))->latest_ms, 1'000'000 + 500 + 800);
  EXPECT_EQ(clock_.at(Time(1s))->earliest_ms, 1'000'000 - 500);
}

TEST_F(ServerClockTest, NoticesAStepForwardAndGoesOnFromThere) {
  reply(1s, 1'000'000);
  reply(2s, 1'012'000);
  ASSERT_TRUE(clock_.step());
  EXPECT_EQ(clock_.step()->by, 11s);
  EXPECT_EQ(clock_.step()->noticed_at, Time(2s));
  reply(3s, 1'013'000);
  EXPECT_EQ(clock_.step()->noticed_at, Time(2s));
}

TEST_F(ServerClockTest, AStepBackEndsNoLeaseAndIsOnlyFollowed) {
  reply(1s, 10'000'000);
  reply(2s, 6'401'000);
  EXPECT_FALSE(clock_.step());
  EXPECT_EQ(clock_.at(Time(2s))->latest_ms, 6'401'000 + 500);
}

}  // namespace
}  // namespace cluster_leader
