#include "report/table.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

namespace cluster_leader {
namespace {

using std::string_literals::operator""s;

TEST(VisibleTest, PlainTextStaysAsItIs) {
  for (const std::string text : {"", "job-a", "a b\\c\"'", "caf\xc3\xa9",
                                 "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x90\xb3", "e\xcc\x81"}) {
    EXPECT_EQ(visible(text), text);
  }
}

TEST(VisibleTest, NobodysNamePlaysWithTheTerminal) {
  EXPECT_EQ(visible("\x1b[2Jx\x07"), "\\x1b[2Jx\\x07");
  EXPECT_EQ(visible("a\nb\tc\rd\x7f"), "a\\nb\\tc\\x0dd\\x7f");
  EXPECT_EQ(visible("a\0b"s), "a\\x00b");
  EXPECT_EQ(visible("\xc2\x9b"
                    "31m"),
            "\\u{9b}31m");  // CSI in one character
  EXPECT_EQ(visible("\xe2\x80\xae"
                    "abc"),
            "\\u{202e}abc");  // right to left
  EXPECT_EQ(visible("a\xe2\x80\x8b"
                    "b"),
            "a\\u{200b}b");  // no width
  EXPECT_EQ(visible("\xef\xbb\xbf"
                    "a"),
            "\\u{feff}a");
  EXPECT_EQ(visible("\xe2\x80\xa8"), "\\u{2028}");  // a line break to some
}

TEST(VisibleTest, WhatIsNoUtf8IsShownByteByByte) {
  EXPECT_EQ(visible("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(visible("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(visible("\xc3"), "\\xc3");
  EXPECT_EQ(visible("\xe2\x82"), "\\xe2\\x82");
  EXPECT_EQ(visible("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(visible("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");  // overlong
  EXPECT_EQ(visible("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(visible("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(visible("\xc3("), "\\xc3(");
}

TEST(WidthTest, IsThatOfATerminal) {
  EXPECT_EQ(width_of(""), 0U);
  EXPECT_EQ(width_of("abc"), 3U);
  EXPECT_EQ(width_of("caf\xc3\xa9"), 4U);
  EXPECT_EQ(width_of("e\xcc\x81"), 1U);
  EXPECT_EQ(width_of("\xe6\x97\xa5\xe6\x9c\xac"), 4U);
  EXPECT_EQ(width_of("\xf0\x9f\x90\xb3"), 2U);
  EXPECT_EQ(width_of("\xff"), 1U);
}

TEST(ShortenedTest, NeverIsWiderThanAllowed) {
  EXPECT_EQ(shortened("12345", 5), "12345");
  EXPECT_EQ(shortened("123456", 5), "12...");
  EXPECT_EQ(shortened("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 6),
            "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
  EXPECT_EQ(shortened("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5), "\xe6\x97\xa5...");
  EXPECT_EQ(shortened("\x1b\x1b\x1b", 8), "\\x1b\\...");
  EXPECT_EQ(shortened(std::string(100'000, 'x'), 10), "xxxxxxx...");
}

TEST(TableTest, ColumnsStandBelowEachOther) {
  EXPECT_EQ(draw_table({{{"KEY"}, {"NODE"}, {"PID"}},
                        {{"\xe6\x97\xa5"}, {"web-1"}, {"1"}},
                        {{"job-a"}, {""}, {"4711"}}},
                       false),
            "KEY    NODE   PID\n"
            "\xe6\x97\xa5     web-1  1\n"
            "job-a  -      4711\n");
  EXPECT_EQ(draw_table({}, false), "");
  EXPECT_EQ(draw_table({{{"a"}}, {{"b"}, {"c"}}}, false), "a\nb  c\n");
}

TEST(TableTest, ARowIsALineWhateverIsInIt) {
  EXPECT_EQ(draw_table({{{"a\nb"}, {"x\x1b[31m"}}, {{"c"}, {"d"}}}, false),
            "a\\nb  x\\x1b[31m\nc     d\n");
}

TEST(TableTest, ColoursDoNotCountAsWidth) {
  EXPECT_EQ(draw_table({{{"ab", Paint::kGreen}, {"c"}}, {{"d", Paint::kRed}, {"e"}}}, true),
            "\x1b[32mab\x1b[0m  c\n\x1b[31md\x1b[0m   e\n");
  EXPECT_EQ(draw_table({{{"ab", Paint::kGreen}, {"c", Paint::kBold}}}, false), "ab  c\n");
}

}  // namespace
}  // namespace cluster_leader
