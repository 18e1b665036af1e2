#include "base/wall_time.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

TEST(WallTimeTest, IsIso8601InUtcWithMilliseconds) {
  EXPECT_EQ(iso_8601_utc(1'795'417'200'123), "2026-11-23T07:00:00.123Z");
  EXPECT_EQ(iso_8601_utc(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_8601_utc(1), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(iso_8601_utc(1'709'251'199'999), "2024-02-29T23:59:59.999Z");
  EXPECT_EQ(iso_8601_utc(1'709'251'200'000), "2024-03-01T00:00:00.000Z");
  EXPECT_EQ(iso_8601_utc(4'107'542'400'000), "2100-03-01T00:00:00.000Z");
}

TEST(WallTimeTest, TimeOutOfRangeBecomesTheNearestTime) {
  EXPECT_EQ(iso_8601_utc(-1), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_8601_utc(INT64_MIN), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_8601_utc(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(iso_8601_utc(253'402'300'800'000), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(iso_8601_utc(INT64_MAX), "9999-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace cluster_leader
