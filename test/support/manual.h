#pragma once

#include <set>
#include <string>
#include <vector>

namespace cluster_leader {

/// The page that cluster-leader comes with.
inline const std::string kManual = PROJECT_SOURCE_DIR "/man/cluster-leader.1";

using Names = std::set<std::string>;

/// All that a shell command writes, stderr included. A command that fails fails the test: a program
/// that is missing must not look like one that has nothing to say.
std::string output_of(const std::string& command);

/// A section of the manual as a reader sees it: plain text, each paragraph one line. One that does
/// not exist fails the test.
std::string section(const std::string& name);

/// A part of a section that has a title of its own.
struct Subsection {
  std::string title;
  std::string text;
};
std::vector<Subsection> subsections(const std::string& section_name);

/// Every part of `text` that the first group of `pattern` matches.
Names all(const std::string& text, const std::string& pattern);

/// The options in the lines of `text` that begin with one, as a list of options does.
Names options_in(const std::string& text);

}  // namespace cluster_leader
