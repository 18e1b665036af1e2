#include "support/examples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "support/command.h"
#include "support/manual.h"

namespace cluster_leader {

namespace {

/// The parts of `text` between each line that begins with `begin` and the next line `end`.
std::vector<std::string> blocks(const std::string& text, const std::string& begin,
                                const std::string& end) {
  std::vector<std::string> found;
  bool inside = false;
  for (const std::string& line : lines_of(text)) {
    if (!inside && line.starts_with(begin)) {
      inside = true;
      found.emplace_back();
    } else if (inside && line == end) {
      inside = false;
    } else if (inside) {
      found.back() += line + '\n';
    }
  }
  return found;
}

/// The block that contains `phrase`.
std::string only_one(const std::vector<std::string>& blocks, const std::string& phrase) {
  std::string found;
  int count = 0;
  for (const std::string& block : blocks) {
    if (block.find(phrase) == std::string::npos) continue;
    found = block;
    ++count;
  }
  EXPECT_EQ(count, 1) << phrase;
  return found;
}

}  // namespace

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string readme_block(const std::string& phrase) {
  return only_one(blocks(content_of(PROJECT_SOURCE_DIR "/README.md"), "```", "```"), phrase);
}

std::vector<std::string> manual_blocks() {
  std::string text = content_of(manual_page("cluster-leader-recipes"));
  // A backslash in mdoc.
  for (std::size_t at; (at = text.find("\\e")) != std::string::npos;) text.replace(at, 2, "\\");
  return blocks(text, ".Bd -literal", ".Ed");
}

std::string manual_block(const std::string& phrase) { return only_one(manual_blocks(), phrase); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
    ++count;
  }
  EXPECT_GT(count, 0) << from << " is not in:\n" << text;
  return text;
}

std::vector<std::string> plain_words(const std::string& line) {
  EXPECT_EQ(line.find_first_of("\"'\\$%;|&<>()`"), std::string::npos) << line;
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string value_of(const std::string& option, const std::vector<std::string>& words) {
  const auto at = std::find(words.begin(), words.end(), option);
  if (at == words.end() || at + 1 == words.end()) {
    ADD_FAILURE() << "missing " << option;
    return {};
  }
  return *(at + 1);
}

}  // namespace cluster_leader
