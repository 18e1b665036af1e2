// The manual shows the same files as the README, or a part of one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/examples.h"

namespace cluster_leader {
namespace {

/// The lines of a block, as if it began at the margin.
std::vector<std::string> at_the_margin(const std::string& block) {
  std::vector<std::string> lines = lines_of(block);
  std::size_t indent = std::string::npos;
  for (const std::string& line : lines) {
    if (!line.empty()) indent = std::min(indent, line.find_first_not_of(' '));
  }
  for (std::string& line : lines) line.erase(0, indent);
  return lines;
}

/// Whether `part` is some lines on end of `whole`, which may stand further to the right there.
bool is_part(const std::string& part, const std::string& whole) {
  const auto wanted = at_the_margin(part);
  const auto lines = lines_of(whole);
  for (std::size_t at = 0; at + wanted.size() <= lines.size(); ++at) {
    std::string section;
    for (std::size_t i = at; i < at + wanted.size(); ++i) section += lines[i] + '\n';
    if (at_the_margin(section) == wanted) return true;
  }
  return false;
}

/// The block of the manual with a line that contains `phrase`, of which there is one.
std::string manual_block(const std::string& phrase) {
  std::string found;
  int count = 0;
  for (const std::string& block : manual_blocks()) {
    if (block.find(phrase) == std::string::npos) continue;
    found = block;
    ++count;
  }
  EXPECT_EQ(count, 1) << phrase;
  return found;
}

TEST(ManualsExamplesTest, TheCrontabAndTheUnitsAreThoseOfTheReadme) {
  for (const char* phrase : {"*/5 * * * *", "OnCalendar=", "Type=oneshot"}) {
    EXPECT_EQ(manual_block(phrase), readme_block(phrase));
  }
}

TEST(ManualsExamplesTest, TheStepsOfCiArePartsOfTheReadmes) {
  EXPECT_PRED2(is_part, manual_block("- run: "), readme_block("# .github/workflows/"));
  EXPECT_PRED2(is_part, manual_block(".gitlab-ci.yml"), readme_block(".gitlab-ci.yml"));
  EXPECT_PRED2(is_part, manual_block("sh 'exec "), readme_block("pipeline {"));
}

TEST(ManualsExamplesTest, TheSettingsOfSentinelsArePartOfTheReadmes) {
  EXPECT_PRED2(is_part, manual_block("resolve-hostnames"), readme_block("# compose.yaml"));
}

TEST(ManualsExamplesTest, APartHasTheSameIndentation) {
  EXPECT_TRUE(is_part("a:\n  b\n", "x\n  a:\n    b\n"));
  EXPECT_FALSE(is_part("a:\n  b\n", "x\n  a:\n   b\n"));
  EXPECT_FALSE(is_part("a:\nc\n", "a:\nb\nc\n"));
}

}  // namespace
}  // namespace cluster_leader
