#include "lease/majority.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace cluster_leader {
namespace {

std::string name(std::size_t member) { return "s" + std::to_string(member); }

TEST(MajorityTest, IsMoreThanHalfOfAllMembers) {
  for (const auto& [members, needed] :
       std::vector<std::pair<std::size_t, std::size_t>>{{1, 1}, {2, 2}, {3, 2}, {4, 3}, {5, 3}}) {
    Majority majority(members);
    for (std::size_t i = 0; i < needed; ++i) {
      EXPECT_FALSE(majority.agreed(1)) << i << " of " << members;
      majority.record(name(i), "a", members, 1);
    }
    EXPECT_EQ(majority.agreed(1), "a") << members;
  }
}

TEST(MajorityTest, AMemberThatAnswersTwiceCountsOnce) {
  Majority majority(3);
  majority.record("s", "a", 3, 1);
  majority.record("s", "a", 3, 2);
  EXPECT_FALSE(majority.agreed(1));
  EXPECT_EQ(majority.answered(1), 1U);
}

TEST(MajorityTest, OneOfAGroupThatKnowsOfMoreIsNoMajority) {
  Majority majority(1);
  majority.record("s", "a", 3, 1);
  EXPECT_FALSE(majority.agreed(1));
  majority.record("t", "a", 3, 1);
  EXPECT_EQ(majority.agreed(1), "a");
}

TEST(MajorityTest, AGroupMayBecomeSmallerAgain) {
  Majority majority(3);
  for (const char* member : {"s", "t"}) majority.record(member, "a", 5, 1);
  EXPECT_FALSE(majority.agreed(1));
  for (const char* member : {"s", "t"}) majority.record(member, "a", 3, 2);
  EXPECT_EQ(majority.agreed(2), "a");
}

/// For three and for five members: every combination of what each has last said, and in which
/// round. What is agreed is what more than half of all have said in that round or later.
TEST(MajorityTest, CountsOnlyLastAnswersOfTheRound) {
  constexpr std::uint64_t kRounds = 2;
  const std::vector<std::string> kAnswers = {"a", "b"};
  for (const std::size_t members : {3U, 5U}) {
    const std::size_t choices = 1 + kRounds * kAnswers.size();
    std::size_t combinations = 1;
    for (std::size_t i = 0; i < members; ++i) combinations *= choices;
    for (std::size_t combination = 0; combination < combinations; ++combination) {
      Majority majority(members);
      // By answer and round: how many have said it in that round or later.
      std::array<std::array<std::size_t, kRounds + 1>, 2> count{};
      std::size_t rest = combination;
      for (std::size_t member = 0; member < members; ++member, rest /= choices) {
        const std::size_t choice = rest % choices;
        if (choice == 0) continue;  // silent
        const std::size_t answer = (choice - 1) % 2;
        const std::uint64_t round = 1 + (choice - 1) / 2;
        // Whatever it said before does not count.
        if (round == 2) majority.record(name(member), kAnswers[1 - answer], members, 1);
        majority.record(name(member), kAnswers[answer], members, round);
        for (std::uint64_t r = 1; r <= round; ++r) ++count[answer][r];
      }
      for (std::uint64_t round = 1; round <= kRounds; ++round) {
        std::optional<std::string> expected;
        for (const std::size_t answer : {0U, 1U}) {
          if (2 * count[answer][round] > members) expected = kAnswers[answer];
        }
        ASSERT_EQ(majority.agreed(round), expected)
            << members << ' ' << combination << ' ' << round;
      }
    }
  }
}

}  // namespace
}  // namespace cluster_leader
