// Compares the manual with the program and its parser: none may say what the others do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/exit_code.h"
#include "support/command.h"
#include "support/manual.h"
#include "support/parser.h"
#include "support/regex.h"

namespace cluster_leader {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

const std::string kBinary = "'" CLUSTER_LEADER_BINARY "'";

/// The output of `--help` after `verb`, or without one if that is empty.
std::string help_of(const std::string& verb) { return output_of(kBinary + ' ' + verb + " --help"); }

/// The same with the lines of each text joined to one.
std::string unwrapped_help_of(const std::string& verb) {
  return std::regex_replace(help_of(verb), std::regex("\n {6,}"), " ");
}

/// The verbs that the help lists.
Names verbs_in_help() {
  const std::string help = help_of("");
  const std::size_t begin = help.find("\nVerbs:\n");
  return all(help.substr(begin, help.find("\n\n", begin + 1) - begin), "\n  ([a-z]+) ");
}

/// The page about all verbs.
const std::string kOverview = "cluster-leader";

/// The verbs that a subsection of the overview's OPTIONS is about, which follow the colon of its
/// title; none if it has no colon.
Names verbs_of(const Subsection& part) {
  const std::size_t colon = part.title.find(": ");
  if (colon == std::string::npos) return {};
  if (part.title.substr(colon) == ": all verbs") return verbs();
  Names words = all(part.title.substr(colon), "([a-z]+)");
  words.erase("and");
  return words;
}

/// The options that the manual says `verb` has.
Names options_in_manual(const std::string& verb) {
  Names options = options_in(section(page_of(verb), "OPTIONS"));
  for (const Subsection& part : subsections(kOverview, "OPTIONS")) {
    if (verbs_of(part).contains(verb)) options.merge(options_in(part.text));
  }
  return options;
}

/// The text of all sources in a folder.
std::string sources(const std::string& folder) {
  std::string text;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(PROJECT_SOURCE_DIR "/" + folder)) {
    const std::string extension = entry.path().extension();
    if (extension == ".cc" || extension == ".h") text += content_of(entry.path());
  }
  EXPECT_FALSE(text.empty());
  return text;
}

/// The environment variables that `text` names: those with our prefix or that of Redis, constants
/// that look like one, and those that it reads.
Names variables_in(const std::string& text) {
  Names variables = all(text, "\"((?:CLUSTER_LEADER|REDIS|REDISCLI)_[A-Z_]+)\"");
  variables.merge(all(text, "const char\\* k[A-Za-z]+ = \"([A-Z]+_[A-Z]+)\";"));
  const std::regex calls("(?:from_environment|first_set|getenv)\\(([^;]*?)\\)");
  for (std::sregex_iterator at(text.begin(), text.end(), calls), end; at != end; ++at) {
    variables.merge(all((*at)[1], "\"([A-Z][A-Z0-9_]*)\""));
  }
  return variables;
}

/// Every word that `function`, which names states, may return.
Names words_of(const std::string& file, const std::string& function) {
  const std::string text = content_of(PROJECT_SOURCE_DIR "/src/" + file);
  const std::size_t begin = text.find("const char* " + function + "(");
  EXPECT_NE(begin, std::string::npos);
  return all(text.substr(begin, text.find("\n}\n", begin) - begin), "return \"([a-z]+)\"");
}

/// Every `.Xr NAME SECTION` of our own pages in a text of mdoc, as "NAME.SECTION".
Names own_references(const std::string& text) {
  const std::regex regex("\n\\.Xr (cluster-leader[a-z-]*) ([17])");
  Names names;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    names.insert((*at)[1].str() + '.' + (*at)[2].str());
  }
  return names;
}

TEST(ManualTest, HasNoErrorsOfMarkup) {
  for (const std::string& page : manual_pages()) {
    const std::string path = "'" + manual_page(page) + "'";
    EXPECT_EQ(output_of("mandoc -T lint -W warning " + path), "");
    EXPECT_EQ(output_of("groff -mandoc -ww -z " + path), "");
  }
}

TEST(ManualTest, HasAPageForEachVerbAndTheOverviewNamesEachPage) {
  Names expected = {kOverview, "cluster-leader-recipes", "cluster-leader-protocol"};
  for (const std::string& verb : verbs()) expected.insert(page_of(verb));
  EXPECT_EQ(manual_pages(), expected);
  Names named = own_references(content_of(manual_page(kOverview)));
  for (const std::string& page : expected) {
    EXPECT_EQ(named.contains(std::filesystem::path(manual_page(page)).filename()),
              page != kOverview)
        << page;
  }
}

TEST(ManualTest, RefersOnlyToWhatExists) {
  for (const std::string& page : manual_pages()) {
    const std::string text = content_of(manual_page(page));
    const Names titles = all(text, "\n\\.S[hs] ([^\n]+)");
    for (const std::string& title : all(text, "\n\\.Sx ([^\n]*?)(?: [,.;:)])?(?=\n)")) {
      EXPECT_THAT(titles, Contains(title)) << page;
    }
    for (const std::string& file : own_references(text)) {
      EXPECT_TRUE(std::filesystem::exists(PROJECT_SOURCE_DIR "/man/" + file))
          << file << " in " << page;
    }
    // "TITLE" and "in" before a reference: the section of another page.
    const std::regex elsewhere("\n([^.\n][^\n]*)\nin\n\\.Xr (cluster-leader[a-z-]*) [17]");
    for (std::sregex_iterator at(text.begin(), text.end(), elsewhere), end; at != end; ++at) {
      const Names there = all(content_of(manual_page((*at)[2])), "\n\\.S[hs] ([^\n]+)");
      EXPECT_THAT(there, Contains((*at)[1].str())) << page;
    }
  }
}

TEST(ManualTest, IsAboutEveryVerbAndNoOthers) {
  EXPECT_THAT(verbs(),
              UnorderedElementsAre("run", "elect", "check", "status", "release", "doctor"));
  EXPECT_EQ(verbs_in_help(), verbs());
  EXPECT_EQ(all(section(kOverview, "SYNOPSIS"), "cluster-leader ([a-z]+) "), verbs());
  for (const Subsection& part : subsections(kOverview, "OPTIONS")) {
    for (const std::string& verb : verbs_of(part)) EXPECT_THAT(verbs(), Contains(verb));
  }
}

TEST(ManualTest, HasTheOptionsOfEachVerbAndNoOthers) {
  for (const CLI::App* verb : verbs_of_parser()) {
    const Names options = options_of(*verb);
    EXPECT_THAT(options, Contains("--server"));
    EXPECT_EQ(options_in_manual(verb->get_name()), options) << verb->get_name();
    EXPECT_EQ(options_in(help_of(verb->get_name())), options) << verb->get_name();
  }
}

TEST(ManualTest, HasTheOptionsThatReplaceAVerb) {
  Names options = {"-h", "--help"};
  for (const Subsection& part : subsections(kOverview, "OPTIONS")) {
    if (part.title == "Instead of a verb") options.merge(options_in(part.text));
  }
  EXPECT_EQ(options, options_of(whole_parser()));
  EXPECT_EQ(options_in(help_of("")), options);
}

TEST(ManualTest, GivesTheDefaultOfEveryOptionWithAValue) {
  std::string text = section(kOverview, "OPTIONS");
  for (const std::string& verb : verbs()) text += section(page_of(verb), "OPTIONS");
  // An option is at the beginning of its block, five blanks from the margin.
  const std::regex begins("\n {5}(--?[a-zA-Z-]+)( [^ ,]|\\[=)?");
  int with_value = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), begins), end; at != end; ++at) {
    if (!(*at)[2].matched) continue;
    ++with_value;
    const auto next = std::next(at);
    const auto begin = static_cast<std::size_t>(at->position());
    const std::size_t size = next == end ? text.npos : next->position() - begin;
    EXPECT_THAT(text.substr(begin, size), HasSubstr("Default: ")) << (*at)[1];
  }
  EXPECT_GT(with_value, 25);
}

TEST(ManualTest, HasEveryVariableThatTheProgramReadsOrSetsAndNoOthers) {
  Names in_sources = variables_in(sources("src"));
  EXPECT_THAT(in_sources, Contains("HOSTNAME"));
  EXPECT_THAT(in_sources, Contains("CLUSTER_LEADER_TOKEN"));
  EXPECT_THAT(in_sources, Contains("NOTIFY_SOCKET"));
  // Read by execvp(3).
  in_sources.insert("PATH");
  EXPECT_EQ(all(section(kOverview, "ENVIRONMENT"), "\n {5}([A-Z][A-Z0-9_]+)(?= *\n|  )"),
            in_sources);
}

TEST(ManualTest, SaysWhereUsersLookThatWorkOfADaemonIsNoPartOfAJob) {
  const std::string readme = content_of(PROJECT_SOURCE_DIR "/README.md");
  for (const char* daemon : {"docker", "kubectl", "ssh", "systemd-run", "at", "tmux"}) {
    const std::string name = std::string(" ") + daemon + "(1)";
    EXPECT_THAT(section(page_of("run"), "DESCRIPTION"), HasSubstr(name));
    EXPECT_THAT(section(page_of("protocol"), "LIMITS"), HasSubstr(name));
    EXPECT_THAT(readme, HasSubstr(std::string("`") + daemon + '`'));
    EXPECT_THAT(subsections(page_of("recipes"), "WORK THAT A DAEMON DOES"),
                Contains(testing::Field(&Subsection::title, daemon)));
  }
}

TEST(ManualTest, SaysWhatOutlivesAKillAndWhichServersAreNotSupported) {
  const std::string limits = section(page_of("protocol"), "LIMITS");
  for (const char* kind : {"uninterruptible sleep", "a frozen cgroup", "a set-user-ID program"}) {
    EXPECT_THAT(limits, HasSubstr(kind));
  }
  const std::string proxies = section(page_of("protocol"), "PROXIES AND HOSTED SERVICES");
  EXPECT_THAT(proxies, HasSubstr("Not supported are proxies that spread keys over several servers, "
                                 "such as twemproxy, and databases that several regions write to "
                                 "at once: "));
}

TEST(ManualTest, HasEveryExitStatusWithItsSentenceAndNoOthers) {
  const std::string text = section(kOverview, "EXIT STATUS");
  Names statuses = {"0"};
  for (const ExitStatus& row : kExitStatuses) {
    const std::string code = std::to_string(row.code);
    statuses.insert(code);
    EXPECT_THAT(text,
                HasSubstr("\n     " + code + std::string(6 - code.size(), ' ') + row.meaning));
  }
  EXPECT_EQ(all(text, "\n {5}([0-9]+) "), statuses);
}

TEST(ManualTest, SaysHowEachVerbEndsAsItsHelpDoes) {
  for (const std::string& verb : verbs()) {
    const Names in_manual = all(section(kOverview, "EXIT STATUS"), "\n {5}" + verb + " +(.*)\n");
    EXPECT_EQ(in_manual, all(unwrapped_help_of(verb), "\nExit status: (.*), or\n")) << verb;
  }
}

TEST(ManualTest, HasEveryStateAndNoOthers) {
  const std::string kDefined = "\n {5}([a-z]+) {2,}";
  EXPECT_EQ(all(section(page_of("elect"), "STATES"), kDefined),
            words_of("report/state_lines.cc", "state_name"));
  const Names in_program = words_of("commands/lease_text.cc", "state_name");
  EXPECT_THAT(in_program, Contains("vanished"));
  EXPECT_EQ(all(section(page_of("status"), "WHAT IT SHOWS"), kDefined), in_program);
}

/// Both files of one run.
class ManualOnFilesTest : public testing::Test {
 protected:
  ManualOnFilesTest() {
    const std::string path = folder_.path();
    output_of(kBinary + " run --key job-a --server file://" + path + " --result-file " + path +
              "/result --metrics-file " + path + "/metrics -- true");
  }

  TempFolder folder_;
};

TEST_F(ManualOnFilesTest, HasEveryFieldOfTheResultFileAndNoOthers) {
  Names fields = all(content_of(folder_.file("result")), "[{,]\"([a-z_]+)\":");
  EXPECT_THAT(fields, Contains("outcome"));
  EXPECT_EQ(all(section(page_of("run"), "RESULT FILE"), "\n {5}([a-z_]+)(?= *\n|  )"), fields);
}

TEST_F(ManualOnFilesTest, HasEveryMetricAndNoOthers) {
  const Names metrics = all(content_of(folder_.file("metrics")), "# TYPE ([a-z_]+) ");
  EXPECT_THAT(metrics, Contains("cluster_leader_runs_total"));
  EXPECT_EQ(all(section(page_of("run"), "METRICS FILE"), "\n {5}(cluster_leader_[a-z_]+)"),
            metrics);
}

TEST_F(ManualOnFilesTest, HasEveryMetricOfElectAndNoOthers) {
  const std::string path = folder_.path();
  output_of(kBinary + " elect --key job-a --on-exit exit --output none --server file://" + path +
            " --metrics-file " + path + "/elect -- true");
  const Names metrics = all(content_of(folder_.file("elect")), "# TYPE ([a-z_]+) ");
  EXPECT_THAT(metrics, Contains("cluster_leader_elect_state"));
  EXPECT_EQ(all(section(page_of("elect"), "METRICS FILE"), "\n {5}(cluster_leader_[a-z_]+)"),
            metrics);
}

TEST(ReadmeTest, HasEveryExitStatusWithItsSentence) {
  const std::string text = content_of(PROJECT_SOURCE_DIR "/README.md");
  for (const ExitStatus& row : kExitStatuses) {
    EXPECT_THAT(text, HasSubstr("| " + std::to_string(row.code) + " | " + row.meaning));
  }
}

TEST(ReadmeTest, LinksToFilesThatExist) {
  const Names links = all(content_of(PROJECT_SOURCE_DIR "/README.md"), "\\]\\(([^)#:]+)\\)");
  EXPECT_THAT(links, Contains("man/session.svg"));
  for (const std::string& link : links) {
    EXPECT_TRUE(std::filesystem::exists(PROJECT_SOURCE_DIR "/" + link)) << link;
  }
}

TEST(HelpTest, HasEveryExitStatusWithItsSentence) {
  std::string helps;
  for (const std::string& verb : verbs()) helps += unwrapped_help_of(verb);
  Names rows;
  for (const ExitStatus& row : kExitStatuses) {
    rows.insert(row.meaning);
    EXPECT_THAT(unwrapped_help_of("run"), HasSubstr(row.meaning));
  }
  EXPECT_EQ(all(helps, "\n  [0-9]+ +(.*)"), rows);
}

TEST(HelpTest, NamesEveryVariableThatReplacesAnOption) {
  const Names variables = variables_in(sources("src/options"));
  EXPECT_THAT(variables, Contains("REDIS_URL"));
  for (const std::string& verb : verbs()) {
    const std::string help = help_of(verb);
    for (const std::string& variable : variables) {
      const bool counts = variable != "CLUSTER_LEADER_DIE_WITH_PARENT" ||
                          options_in(help).contains("--die-with-parent");
      EXPECT_EQ(help.find(variable) != help.npos, counts) << variable << " in the help of " << verb;
    }
  }
}

TEST(HelpTest, IsShownOnStdoutAndIsReadable) {
  Names wanted = {"--help", "--version"};
  for (const std::string& verb : verbs()) wanted.insert(verb + " --help");
  for (const std::string& arguments : wanted) {
    const std::string shown = output_of(kBinary + ' ' + arguments + " 2>/dev/null");
    EXPECT_THAT(shown, Not(IsEmpty()));
    EXPECT_EQ(shown.back(), '\n');
  }
  EXPECT_THAT(output_of(kBinary + " --version"), testing::StartsWith("cluster-leader "));
}

}  // namespace
}  // namespace cluster_leader
