#include "base/random.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>
#include <vector>

namespace cluster_leader {
namespace {

TEST(RandomTest, HexIsThirtyTwoLowerCaseDigits) {
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_hex_128();
    EXPECT_EQ(text.size(), 32U);
    EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos) << text;
  }
}

TEST(RandomTest, NoTwoAcquisitionsHaveTheSameId) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(random_hex_128()).second);
}

TEST(RandomTest, EveryDigitOccursInEveryPosition) {
  std::vector<std::set<char>> digits(32);
  for (int i = 0; i < 1000; ++i) {
    const std::string text = random_hex_128();
    for (std::size_t at = 0; at < text.size(); ++at) digits[at].insert(text[at]);
  }
  // The chance that one of 512 is missing is 512 * (15/16)^1000, or one in 10^25.
  for (const auto& place : digits) EXPECT_EQ(place.size(), 16U);
}

TEST(RandomTest, HalfOfTheBitsAreSet) {
  int set = 0;
  for (int i = 0; i < 1000; ++i) set += std::popcount(random_u64());
  // Ten standard deviations for 64,000 throws of a fair coin.
  EXPECT_NEAR(set, 32'000, 1265);
}

}  // namespace
}  // namespace cluster_leader
