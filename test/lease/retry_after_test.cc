#include "lease/retry_after.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

TEST(RetryAfterTest, IsJustAfterTheRenewalThatIsDueAtTheExpiry) {
  EXPECT_EQ(retry_after(1s, 1s), 1s + 2ms + 2ms);
  EXPECT_EQ(retry_after(4s, 10s), 4s + 2ms + 20ms);
}

TEST(RetryAfterTest, IsAtMost52MillisecondsAfterTheExpiry) {
  EXPECT_EQ(retry_after(1h, 25s), 1h + 52ms);
  EXPECT_EQ(retry_after(1h, 1h), 1h + 52ms);
  EXPECT_EQ(retry_after(24h, 24h), 24h + 52ms);
}

TEST(RetryAfterTest, IsAfterTheExpiryForAnyTtlOfTheHolder) {
  EXPECT_EQ(retry_after(0s, 0s), 2ms);
  EXPECT_EQ(retry_after(3s, -1ms), 3s + 2ms);
}

}  // namespace
}  // namespace cluster_leader
