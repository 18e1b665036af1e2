#include "base/wrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

using testing::ElementsAre;

TEST(WrapTest, BreaksAtBlanksWhereALineIsFull) {
  EXPECT_THAT(wrapped("one two three", 80), ElementsAre("one two three"));
  EXPECT_THAT(wrapped("one two three", 13), ElementsAre("one two three"));
  EXPECT_THAT(wrapped("one two three", 12), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("one two three", 3), ElementsAre("one", "two", "three"));
  EXPECT_THAT(wrapped("", 80), ElementsAre(""));
}

TEST(WrapTest, AWordThatIsTooLongHasALineOfItsOwn) {
  EXPECT_THAT(wrapped("a redis://somewhere b", 5), ElementsAre("a", "redis://somewhere", "b"));
  EXPECT_THAT(wrapped("redis://somewhere", 5), ElementsAre("redis://somewhere"));
}

TEST(WrapTest, CountsColumnsAsItIsTold) {
  const auto twice = [](std::string_view text) { return 2 * text.size(); };
  EXPECT_THAT(wrapped("ab cd", 5, twice), ElementsAre("ab", "cd"));
}

}  // namespace
}  // namespace cluster_leader
