#include "base/clock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <type_traits>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

TEST(BootClockTest, IsTheClockThatKeepsCountingWhileTheMachineIsSuspended) {
  timespec before{};
  timespec after{};
  ASSERT_EQ(::clock_gettime(CLOCK_BOOTTIME, &before), 0);
  const auto now = BootClock::now().time_since_epoch();
  ASSERT_EQ(::clock_gettime(CLOCK_BOOTTIME, &after), 0);
  EXPECT_LE(std::chrono::seconds(before.tv_sec) + std::chrono::nanoseconds(before.tv_nsec), now);
  EXPECT_GE(std::chrono::seconds(after.tv_sec) + std::chrono::nanoseconds(after.tv_nsec), now);
}

TEST(BootClockTest, NeverGoesBack) {
  Time last = BootClock::now();
  for (int i = 0; i < 10'000; ++i) {
    const Time now = BootClock::now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(BootClockTest, NoOtherClocksTimeTypeChecks) {
  EXPECT_FALSE((std::is_convertible_v<std::chrono::steady_clock::time_point, Time>));
  EXPECT_FALSE((std::is_convertible_v<std::chrono::system_clock::time_point, Time>));
  EXPECT_TRUE(BootClock::is_steady);
}

TEST(BootClockTest, NeverIsLaterThanEveryTime) {
  EXPECT_GT(kNever, BootClock::now() + std::chrono::years(200));
}

TEST(BootClockTest, TimeBeyondItsRangeIsNever) {
  EXPECT_EQ(after(Time(5s), 2s), Time(7s));
  EXPECT_EQ(after(Time(5s), Duration::max()), kNever);
  EXPECT_EQ(after(kNever, 0s), kNever);
  EXPECT_EQ(after(kNever - 1s, 1s - 1ns), kNever - 1ns);
}

TEST(WallClockTest, CountsMillisecondsSince1970) {
  const std::int64_t before = std::int64_t{std::time(nullptr)} * 1000;
  const std::int64_t now = wall_clock_ms();
  EXPECT_GE(now, before - 1000);
  EXPECT_LE(now, before + 60'000);
}

TEST(CeilMsTest, RoundsUpSoThatNoWaitEndsEarly) {
  EXPECT_EQ(ceil_ms(0ns), 0);
  EXPECT_EQ(ceil_ms(1ns), 1);
  EXPECT_EQ(ceil_ms(999'999ns), 1);
  EXPECT_EQ(ceil_ms(1ms), 1);
  EXPECT_EQ(ceil_ms(1ms + 1ns), 2);
  EXPECT_EQ(ceil_ms(-1ns), 0);
  EXPECT_EQ(ceil_ms(-1ms), -1);
}

}  // namespace
}  // namespace cluster_leader
