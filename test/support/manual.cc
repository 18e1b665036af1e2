#include "support/manual.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "support/regex.h"

namespace cluster_leader {

namespace {

using Sections = std::map<std::string, std::string>;

Sections sections_of(const std::string& page) {
  // On a terminal, a bold or underlined letter is a letter, a backspace and a letter.
  const std::string text =
      std::regex_replace(output_of("mandoc -T ascii -O width=1000 '" + manual_page(page) + "'"),
                         std::regex("[^\n]\b"), "");
  Sections sections;
  std::istringstream lines(text);
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != ' ') {
      section = line;
      sections[section] = '\n';
    } else {
      sections[section] += line + '\n';
    }
  }
  return sections;
}

}  // namespace

Names manual_pages() {
  Names pages;
  for (const auto& entry : std::filesystem::directory_iterator(PROJECT_SOURCE_DIR "/man")) {
    const std::string extension = entry.path().extension();
    if (extension == ".1" || extension == ".7") pages.insert(entry.path().stem());
  }
  return pages;
}

std::string manual_page(const std::string& name) {
  std::vector<std::string> paths;
  for (const char* number : {"1", "7"}) {
    const std::string path = PROJECT_SOURCE_DIR "/man/" + name + '.' + number;
    if (std::filesystem::exists(path)) paths.push_back(path);
  }
  EXPECT_EQ(paths.size(), 1U) << name;
  return paths.empty() ? "" : paths.front();
}

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot run " << command;
    return {};
  }
  std::string text;
  char part[4096];
  while (const std::size_t got = ::fread(part, 1, sizeof part, pipe)) text.append(part, got);
  const int status = ::pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << ": " << text;
  return text;
}

std::string section(const std::string& page, const std::string& name) {
  static std::map<std::string, Sections> pages;
  if (!pages.contains(page)) pages[page] = sections_of(page);
  const auto found = pages[page].find(name);
  if (found == pages[page].end()) {
    ADD_FAILURE() << page << " has no section " << name;
    return {};
  }
  return found->second;
}

std::vector<Subsection> subsections(const std::string& page, const std::string& section_name) {
  std::vector<Subsection> parts;
  std::istringstream lines(section(page, section_name));
  for (std::string line; std::getline(lines, line);) {
    // Titles are indented by three blanks, and text by five.
    if (line.size() > 3 && line.find_first_not_of(' ') == 3) {
      parts.push_back({line.substr(3), "\n"});
    } else if (!parts.empty()) {
      parts.back().text += line + '\n';
    }
  }
  return parts;
}

Names all(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  Names names;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    names.insert((*at)[1]);
  }
  return names;
}

std::vector<std::vector<std::string>> grants_in_manual() {
  std::ifstream manual(manual_page("cluster-leader-protocol"));
  const std::string kBegin = "ACL SETUSER ";
  std::vector<std::vector<std::string>> grants;
  bool goes_on = false;
  for (std::string line; std::getline(manual, line);) {
    const bool begins = line.starts_with(kBegin);
    if (begins) grants.emplace_back();
    goes_on = begins || (goes_on && line != ".Ed");
    if (!goes_on) continue;
    std::istringstream words(begins ? line.substr(kBegin.size()) : line);
    for (std::string word; words >> word;) grants.back().push_back(word);
  }
  return grants;
}

Names options_in(const std::string& text) {
  Names options;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || line[begin] != '-') continue;
    // Two blanks or more separate an option's names from its text.
    const std::string names = line.substr(begin, line.find("  ", begin) - begin);
    options.merge(all(names, "(?:^|[ ,])(--?[a-zA-Z][a-z-]*)"));
  }
  return options;
}

}  // namespace cluster_leader
