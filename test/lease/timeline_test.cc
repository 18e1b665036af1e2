#include "lease/timeline.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TimelineTest, DefaultsFitEveryTtl) {
  for (Duration ttl = seconds(1); ttl <= std::chrono::days(1); ttl += ttl / 7) {
    const Timeline t = Timeline::of(ttl);
    EXPECT_EQ(t.fault(), std::nullopt) << ceil_ms(ttl);
    EXPECT_LE(t.connect, t.start_by(Time{}) - Time{})
        << "a job can still start after a slow connect";
  }
  EXPECT_EQ(Timeline::of(std::chrono::days(1)).fault(), std::nullopt);
}

TEST(TimelineTest, MarginIsATenthOfTheTtlButAtLeast300msAndAtMost2s) {
  EXPECT_EQ(Timeline::of(seconds(1)).margin, milliseconds(300));
  EXPECT_EQ(Timeline::of(seconds(10)).margin, seconds(1));
  EXPECT_EQ(Timeline::of(seconds(60)).margin, seconds(2));
}

TEST(TimelineTest, BeatIsTheFirstMomentOfItsGridAfterTheRequest) {
  const Timeline t = Timeline::of(seconds(10));
  const auto at = [](int ms) { return Time(milliseconds(ms)); };
  EXPECT_EQ(t.renew_at(at(1000), milliseconds(300)), at(2300));
  EXPECT_EQ(t.renew_at(at(2299), milliseconds(300)), at(2300));
  EXPECT_EQ(t.renew_at(at(2300), milliseconds(300)), at(4300));
  EXPECT_EQ(t.renew_at(at(100), milliseconds(300)), at(300)) << "the machine has just booted";
  EXPECT_EQ(t.renew_at(at(1000), milliseconds(4300)), at(2300))
      << "a beat counts modulo the heartbeat";
}

TEST(TimelineTest, RefusesWhatDoesNotFit) {
  const auto fault_with = [](auto change) {
    Timeline t = Timeline::of(seconds(10));
    change(t);
    return t.fault().value_or("");
  };
  EXPECT_NE(fault_with([](Timeline& t) { t.ttl = milliseconds(999); }), "");
  EXPECT_NE(fault_with([](Timeline& t) { t.ttl = std::chrono::days(1) + seconds(1); }), "");
  EXPECT_NE(fault_with([](Timeline& t) { t.heartbeat = milliseconds(3334); }), "");
  EXPECT_EQ(fault_with([](Timeline& t) { t.heartbeat = milliseconds(3333); }), "");
  EXPECT_NE(fault_with([](Timeline& t) { t.heartbeat = Duration::zero(); }), "");
  EXPECT_EQ(fault_with([](Timeline& t) { t.kill_after = Duration::zero(); }), "");
  EXPECT_EQ(
      fault_with([](Timeline& t) { t.kill_after = seconds(6); }),
      "heartbeat (2 s), one retry (1 s), kill-after (6 s) and the safety margin (1 s) do not fit "
      "into a ttl of 10 s");
}

}  // namespace
}  // namespace cluster_leader
