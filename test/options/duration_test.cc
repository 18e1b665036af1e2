#include "options/duration.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(DurationTest, IsANumberAndAUnit) {
  const std::map<std::string, Duration> durations = {{"10", seconds(10)},
                                                     {"10s", seconds(10)},
                                                     {"1500ms", milliseconds(1500)},
                                                     {"2m", seconds(120)},
                                                     {"1h", seconds(3600)},
                                                     {"1d", seconds(86400)},
                                                     {"1.5", milliseconds(1500)},
                                                     {".5", milliseconds(500)},
                                                     {"5.", seconds(5)},
                                                     {"0", seconds(0)},
                                                     {"0.001", milliseconds(1)},
                                                     {"1.5m", seconds(90)},
                                                     {"0.5h", seconds(1800)},
                                                     {"007", seconds(7)},
                                                     {"1000d", seconds(86400000)},
                                                     {"2min", seconds(120)},
                                                     {"1w", seconds(604800)},
                                                     {"1h30m", seconds(5400)},
                                                     {"1h30min5s250ms", milliseconds(5405250)},
                                                     {"1.5h30m", seconds(7200)},
                                                     {"1w1d", seconds(691200)},
                                                     {"0.1ms", std::chrono::microseconds(100)}};
  for (const auto& [text, duration] : durations) {
    EXPECT_EQ(parse_duration(text), duration) << text;
  }
}

TEST(DurationTest, IsNothingElse) {
  for (const std::string text :
       {"",         " ",     "s",     "ms",     ".",      "-1",    "-0",     "+1",
        " 1",       "1 ",    "1 s",   "1S",     "1sec",   "1M",    "1us",    "1y",
        "1mn",      "1,5",   "1e3",   "1E3",    "1e-3",   "0x10",  "inf",    "INF",
        "infinity", "nan",   "-inf",  "nan(1)", "1.5.5",  "1_000", "ten",    "1001d",
        "86400001", "1e400", "--1",   "1\n",    "1m1h",   "1h1h",  "1m1min", "1h30",
        "1h 30m",   "1h-5m", "1h+5m", "1hm",    "10mins", "5000w"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(DurationTest, IsNeverSoLongThatItOverflows) {
  EXPECT_EQ(parse_duration(std::string(400, '9')), std::nullopt);
  EXPECT_EQ(parse_duration(std::string(400, '9') + "d"), std::nullopt);
  EXPECT_EQ(parse_duration("9223372036854775807"), std::nullopt);
  EXPECT_EQ(parse_duration("0.0000000000001"), Duration::zero());
}

TEST(DurationTest, EndsAtNoZeroByte) {
  EXPECT_EQ(parse_duration(std::string("1\0", 2)), std::nullopt);
  EXPECT_EQ(parse_duration(std::string("1\0s", 3)), std::nullopt);
}

}  // namespace
}  // namespace cluster_leader
