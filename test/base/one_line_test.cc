// What remains of a message that is too long for its line.
#include "base/one_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <climits>

namespace cluster_leader {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

static_assert(kLongestMessage + 500 < PIPE_BUF, "what is around a message needs room as well");

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// True if `text` is `letter` repeated, with one gap.
bool is_whole(std::string text, const std::string& letter) {
  const std::size_t gap = text.find(" [...] ");
  if (gap == std::string::npos) return false;
  text.erase(gap, 7);
  return text == repeated(letter, text.size() / letter.size());
}

TEST(OneLineTest, KeepsWhatFits) {
  const std::string text(kLongestMessage, 'x');
  EXPECT_EQ(one_line(text), text);
  EXPECT_EQ(shortened_json(text), text);
}

TEST(OneLineTest, LosesItsMiddleWhenTooLong) {
  const std::string line = one_line("begin" + std::string(10'000, 'x') + "end");
  EXPECT_LE(line.size(), kLongestMessage);
  EXPECT_GT(line.size(), kLongestMessage - 20);
  EXPECT_THAT(line, StartsWith("beginx"));
  EXPECT_THAT(line, HasSubstr("x [...] x"));
  EXPECT_THAT(line, EndsWith("xend"));
}

TEST(OneLineTest, CutsNoCharacterInTwo) {
  // For every position of the cut in a character.
  for (const std::string letter : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (std::size_t more = 0; more < 12; ++more) {
      std::string text = repeated(letter, 3'000);
      const std::string line = one_line(std::string(more, '.') + text + std::string(more, '.'));
      EXPECT_LE(line.size(), kLongestMessage);
      EXPECT_TRUE(is_whole(line.substr(more, line.size() - 2 * more), letter)) << line;
    }
  }
}

TEST(OneLineTest, CountsBytesThatAreNotUtf8) {
  for (const std::string byte : {"\xff", "\x80", "\xf0"}) {
    const std::string line = one_line(repeated(byte, 10'000));
    EXPECT_LE(line.size(), kLongestMessage);
    EXPECT_GT(line.size(), kLongestMessage - 20);
  }
}

TEST(OneLineTest, HasNoControlCharacters) {
  EXPECT_EQ(one_line("a\nb\x1b[31m\x7f\xc2\x9b c\xc2\xa0"), "a b [31m    c\xc2\xa0");
}

TEST(ShortenedJsonTest, CutsNoEscapeOrPairOfEscapes) {
  for (const std::string letter :
       {R"(\n)", R"(\\)", R"(\")", R"(\u00e9)", R"(\ud83d\ude00)", R"(\udbff\udfff)"}) {
    for (std::size_t more = 0; more < 12; ++more) {
      const std::string content =
          std::string(more, '.') + repeated(letter, 5'000) + std::string(more, '.');
      const std::string shorter = shortened_json(content);
      EXPECT_LE(shorter.size(), kLongestMessage);
      EXPECT_GT(shorter.size(), kLongestMessage - 40);
      EXPECT_TRUE(is_whole(shorter.substr(more, shorter.size() - 2 * more), letter)) << shorter;
    }
  }
}

TEST(ShortenedJsonTest, CountsTheLengthOfEscapes) {
  EXPECT_THAT(shortened_json(repeated(R"(\u0001)", 501)), HasSubstr(" [...] "));
  EXPECT_EQ(shortened_json(repeated(R"(\u0001)", 500)), repeated(R"(\u0001)", 500));
}

}  // namespace
}  // namespace cluster_leader
