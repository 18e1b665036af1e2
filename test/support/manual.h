#pragma once

#include <set>
#include <string>
#include <vector>

namespace cluster_leader {

using Names = std::set<std::string>;

/// The names of all pages of the manual, without their section: "cluster-leader-run".
Names manual_pages();

/// The file of a page. No such page, or several, fail the test.
std::string manual_page(const std::string& name);

/// The name of the page about a verb.
inline std::string page_of(const std::string& verb) { return "cluster-leader-" + verb; }

/// Everything that a shell command writes, stderr included. A command that fails fails the test, so
/// that a missing program does not look like a silent one.
std::string output_of(const std::string& command);

/// A section of a page as a reader sees it: plain text, one line per paragraph. A missing section
/// fails the test.
std::string section(const std::string& page, const std::string& name);

/// A titled part of a section.
struct Subsection {
  std::string title;
  std::string text;
};
std::vector<Subsection> subsections(const std::string& page, const std::string& section_name);

/// Whatever the first group of `pattern` matches in `text`.
Names all(const std::string& text, const std::string& pattern);

/// The words behind each `ACL SETUSER` in the manual: the user, and what it is given.
std::vector<std::vector<std::string>> grants_in_manual();

/// The options that lines of `text` begin with, as in a list of options.
Names options_in(const std::string& text);

}  // namespace cluster_leader
