// Holds the manual against the program: what the one says, the other must say as well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "exit_code.h"

// With sanitizers GCC 12 takes members of the library's own temporaries for uninitialized (GCC bug
// 105616).
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <regex>
#pragma GCC diagnostic pop

namespace cluster_leader {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

using Names = std::set<std::string>;

const std::string kManual = PROJECT_SOURCE_DIR "/man/cluster-leader.1";
const std::string kBinary = "'" CLUSTER_LEADER_BINARY "'";

/// All that a shell command writes, stderr included. A command that fails fails the test: a program
/// that is missing must not look like one that has nothing to say.
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

/// The sections of the manual as a reader sees them: plain text, each paragraph one line.
std::map<std::string, std::string> sections_of_manual() {
  // A terminal's bold and underlined letters are a letter, a backspace and a letter.
  const std::string text = std::regex_replace(
      output_of("mandoc -T ascii -O width=1000 '" + kManual + "'"), std::regex("[^\n]\b"), "");
  std::map<std::string, std::string> sections;
  std::istringstream lines(text);
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != ' ') {
      section = line;
    } else {
      sections[section] += line + '\n';
    }
  }
  return sections;
}

std::string section(const std::string& name) {
  const auto sections = sections_of_manual();
  const auto found = sections.find(name);
  if (found == sections.end()) {
    ADD_FAILURE() << "the manual has no section " << name;
    return {};
  }
  return found->second;
}

/// Every part of `text` that the first group of `pattern` matches.
Names all(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  Names names;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    names.insert((*at)[1]);
  }
  return names;
}

/// The options in the lines of `text` that begin with one, as a list of options does.
Names options_in(const std::string& text) {
  Names options;
  // Some versions of CLI11 put the short and the long names into columns of their own.
  std::istringstream lines(std::regex_replace(text, std::regex(", +-"), ",-"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || line[begin] != '-') continue;
    // The text about an option is two blanks or more behind its names.
    const std::string names = line.substr(begin, line.find("  ", begin) - begin);
    options.merge(all(names, "(?:^|[ ,])(--?[a-zA-Z][a-z-]*)"));
  }
  return options;
}

std::string sources() {
  std::string text;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(PROJECT_SOURCE_DIR "/src")) {
    const std::string extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h") continue;
    std::ifstream file(entry.path());
    text += std::string(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_FALSE(text.empty());
  return text;
}

/// The environment variables that the sources name: those with our or Redis' prefix, and whatever
/// is looked up.
Names variables_in_sources() {
  const std::string text = sources();
  Names variables = all(text, "\"((?:CLUSTER_LEADER|REDIS|REDISCLI)_[A-Z_]+)\"");
  const std::regex calls("(?:from_environment|first_set|getenv)\\(([^;]*?)\\)");
  for (std::sregex_iterator at(text.begin(), text.end(), calls), end; at != end; ++at) {
    variables.merge(all((*at)[1], "\"([A-Z][A-Z0-9_]*)\""));
  }
  return variables;
}

TEST(ManualTest, HasNoErrorsOfMarkup) {
  EXPECT_EQ(output_of("mandoc -T lint -W warning '" + kManual + "'"), "");
  EXPECT_EQ(output_of("groff -mandoc -ww -z '" + kManual + "'"), "");
}

TEST(ManualTest, HasTheOptionsOfTheHelpAndNoOthers) {
  Names in_help = options_in(output_of(kBinary + " --help"));
  in_help.merge(options_in(output_of(kBinary + " run --help")));
  EXPECT_THAT(in_help, Contains("--key"));
  EXPECT_THAT(in_help, Contains("-k"));
  EXPECT_EQ(options_in(section("OPTIONS")), in_help);
}

TEST(ManualTest, SaysWhatEveryOptionWithAValueDefaultsTo) {
  // An option stands at the beginning of its block, five blanks from the margin.
  const std::string text = section("OPTIONS");
  const std::regex begins("\n {5}(--?[a-zA-Z-]+)( [^ ,])?");
  int with_value = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), begins), end; at != end; ++at) {
    if (!(*at)[2].matched) continue;
    ++with_value;
    const auto next = std::next(at);
    const auto begin = static_cast<std::size_t>(at->position());
    const std::size_t size = next == end ? text.npos : next->position() - begin;
    EXPECT_THAT(text.substr(begin, size), HasSubstr("Default: ")) << (*at)[1];
  }
  EXPECT_GT(with_value, 15);
}

TEST(ManualTest, HasEveryVariableThatTheProgramReadsOrSetsAndNoOthers) {
  Names in_sources = variables_in_sources();
  EXPECT_THAT(in_sources, Contains("HOSTNAME"));
  EXPECT_THAT(in_sources, Contains("CLUSTER_LEADER_TOKEN"));
  // Read by execvp(3).
  in_sources.insert("PATH");
  EXPECT_EQ(all(section("ENVIRONMENT"), "\n {5}([A-Z][A-Z0-9_]+)(?= *\n|  )"), in_sources);
}

TEST(ManualTest, HasEveryExitStatusWithItsSentenceAndNoOthers) {
  const std::string text = section("EXIT STATUS");
  Names statuses = {"0"};
  for (const ExitStatus& row : kExitStatuses) {
    const std::string code = std::to_string(row.code);
    statuses.insert(code);
    EXPECT_THAT(text,
                HasSubstr("\n     " + code + std::string(6 - code.size(), ' ') + row.meaning));
  }
  EXPECT_EQ(all(text, "\n {5}([0-9]+) "), statuses);
}

/// Both files of one run.
class ManualOnFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/cluster-leader-manual-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder_ = pattern;
    output_of(kBinary + " run --server file://" + folder_ + " --result-file " + folder_ +
              "/result --metrics-file " + folder_ + "/metrics -- true");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string content_of(const std::string& name) const {
    std::ifstream file(folder_ + '/' + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_;
};

TEST_F(ManualOnFilesTest, HasEveryFieldOfTheResultFileAndNoOthers) {
  Names fields = all(content_of("result"), "[{,]\"([a-z]+)\":");
  EXPECT_THAT(fields, Contains("outcome"));
  EXPECT_EQ(all(section("RESULT FILE"), "\n {5}([a-z]+)(?= *\n|  )"), fields);
}

TEST_F(ManualOnFilesTest, HasEveryMetricAndNoOthers) {
  const Names metrics = all(content_of("metrics"), "# TYPE ([a-z_]+) ");
  EXPECT_THAT(metrics, Contains("cluster_leader_runs_total"));
  EXPECT_EQ(all(section("METRICS FILE"), "\n {5}(cluster_leader_[a-z_]+)"), metrics);
}

TEST(ReadmeTest, HasEveryExitStatusWithItsSentence) {
  std::ifstream file(PROJECT_SOURCE_DIR "/README.md");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  for (const ExitStatus& row : kExitStatuses) {
    EXPECT_THAT(text, HasSubstr("| " + std::to_string(row.code) + " | " + row.meaning));
  }
}

TEST(HelpTest, HasEveryExitStatusWithItsSentence) {
  const std::string help = output_of(kBinary + " run --help");
  for (const ExitStatus& row : kExitStatuses) EXPECT_THAT(help, HasSubstr(row.meaning));
}

TEST(HelpTest, NamesEveryVariableThatIsRead) {
  const std::string help = output_of(kBinary + " run --help");
  Names read = variables_in_sources();
  for (const char* name : {"KEY", "HOLDER", "TOKEN", "TTL_MS"}) {
    // They are set for the job.
    EXPECT_EQ(read.erase(std::string("CLUSTER_LEADER_") + name), 1U);
  }
  for (const std::string& name : read) EXPECT_THAT(help, HasSubstr(name));
}

TEST(HelpTest, IsShownOnStdoutAndIsReadable) {
  for (const std::string arguments : {" --help", " run --help", " --version"}) {
    const std::string shown = output_of(kBinary + arguments + " 2>/dev/null");
    EXPECT_THAT(shown, testing::Not(IsEmpty()));
    EXPECT_EQ(shown.back(), '\n');
  }
  EXPECT_THAT(output_of(kBinary + " --version"), testing::StartsWith("cluster-leader "));
}

}  // namespace
}  // namespace cluster_leader
