// The README shows the same files as the recipes, or parts of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

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

TEST(ReadmesExamplesTest, AreThoseOfTheRecipesOrPartsOfThem) {
  for (const char* phrase : {"PATH=/usr/local", "case $? in\n0)  echo", "/data/job.sh"}) {
    EXPECT_EQ(readme_block(phrase), manual_block(phrase));
  }
  const std::vector<std::pair<const char*, const char*>> parts = {
      {"- run: ", "# .github/workflows/"},
      {"Type=notify", "Type=notify"},
      {"HEALTHCHECK", "HEALTHCHECK"},
      {"readinessProbe:", "readinessProbe:"}};
  for (const auto& [phrase, whole] : parts) {
    EXPECT_PRED2(is_part, readme_block(phrase), manual_block(whole));
  }
}

TEST(ReadmesExamplesTest, APartHasTheSameIndentation) {
  EXPECT_TRUE(is_part("a:\n  b\n", "x\n  a:\n    b\n"));
  EXPECT_FALSE(is_part("a:\n  b\n", "x\n  a:\n   b\n"));
  EXPECT_FALSE(is_part("a:\nc\n", "a:\nb\nc\n"));
}

}  // namespace
}  // namespace cluster_leader
