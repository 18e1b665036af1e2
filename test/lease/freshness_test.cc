#include "lease/freshness.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

constexpr Time kStart = Time(1000s);

class FreshnessTest : public testing::Test {
 protected:
  FreshnessTest() { freshness_.confirm(kStart); }

  Freshness freshness_{10s};
};

TEST_F(FreshnessTest, IsNotCheckedWhileNothingIsRenewed) {
  EXPECT_EQ(freshness_.check_at(), kNever);
}

TEST_F(FreshnessTest, AHolderChecksEveryThreeTenthsOfItsTtl) {
  freshness_.expect_check();
  EXPECT_EQ(freshness_.check_at(), kStart + 3s);
  freshness_.forget_check();
  EXPECT_EQ(freshness_.check_at(), kNever) << "the check has begun";
  freshness_.confirm(kStart + 3s);
  EXPECT_EQ(freshness_.check_at(), kNever) << "nothing was renewed since";
  freshness_.expect_check();
  EXPECT_EQ(freshness_.check_at(), kStart + 6s);
}

TEST_F(FreshnessTest, ARenewalDuringACheckDoesNotMakeTheNextOneEarlier) {
  freshness_.expect_check();
  freshness_.forget_check();
  freshness_.expect_check();
  freshness_.confirm(kStart + 3s);
  EXPECT_EQ(freshness_.check_at(), kStart + 6s);
}

TEST_F(FreshnessTest, ACheckThatFailedIsRepeatedATenthOfTheTtlLater) {
  freshness_.expect_check();
  freshness_.forget_check();
  freshness_.fail(kStart + 4s);
  freshness_.expect_check();
  EXPECT_EQ(freshness_.check_at(), kStart + 5s);
}

TEST_F(FreshnessTest, AGrantCountsForAQuarterOfASecond) {
  EXPECT_TRUE(freshness_.counts(kStart + 249ms));
  EXPECT_FALSE(freshness_.counts(kStart + 250ms));
}

TEST_F(FreshnessTest, AGrantCountsAfterACheckThatBeganAfterIt) {
  freshness_.confirm(kStart + 5s);
  EXPECT_TRUE(freshness_.counts(kStart + 4s));
  EXPECT_FALSE(freshness_.counts(kStart + 6s));
}

TEST_F(FreshnessTest, AnOlderCheckSaysNothingNew) {
  freshness_.confirm(kStart + 5s);
  freshness_.confirm(kStart + 1s);
  EXPECT_TRUE(freshness_.counts(kStart + 5s));
}

TEST_F(FreshnessTest, TheAddressIsEnoughForAHolderButNotForAGrant) {
  freshness_.confirm_address(kStart + 3s);
  freshness_.expect_check();
  EXPECT_EQ(freshness_.check_at(), kStart + 6s);
  EXPECT_FALSE(freshness_.counts(kStart + 3s));
}

}  // namespace
}  // namespace cluster_leader
