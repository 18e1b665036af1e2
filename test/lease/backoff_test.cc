#include "lease/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BackoffTest, DoublesFromMinToMaxWithJitterInTheUpperHalf) {
  Backoff backoff(1);
  Duration bound = milliseconds(10);
  for (int i = 0; i < 30; ++i) {
    const Duration pause = backoff.next(milliseconds(10), milliseconds(500));
    EXPECT_LE(pause, bound);
    EXPECT_GE(pause, bound / 2);
    bound = std::min<Duration>(bound * 2, milliseconds(500));
  }
  backoff.reset();
  EXPECT_LE(backoff.next(milliseconds(10), milliseconds(500)), milliseconds(10));
}

TEST(BackoffTest, ReplicasThatFailTogetherDoNotComeBackTogether) {
  Backoff one(1);
  Backoff other(2);
  EXPECT_NE(one.next(seconds(1), seconds(1)), other.next(seconds(1), seconds(1)));
}

}  // namespace
}  // namespace cluster_leader
