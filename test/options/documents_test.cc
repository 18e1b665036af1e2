// Every command line of cluster-leader that the README or the manual shows is one that it takes.
#include <wordexp.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "options/options_fixture.h"
#include "support/parser.h"

namespace cluster_leader {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(PROJECT_SOURCE_DIR "/" + path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_NE(text, "") << path;
  return text;
}

/// Where a simple command of the shell ends that begins `text`: before whatever would have to stand
/// in quotes to be a part of it.
std::size_t end_of_command(std::string_view text) {
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '\\') {
      ++i;
    } else if (std::string_view("\n;|&<>()`").find(c) != std::string_view::npos) {
      return i;
    }
  }
  return text.size();
}

/// What a shell makes of it, where each variable is "x".
std::vector<std::string> words_in(const std::string& command) {
  for (const char* name : {"COMMIT", "VERSION"}) ::setenv(name, "x", 1);
  wordexp_t found{};
  std::vector<std::string> words;
  if (::wordexp(command.c_str(), &found, WRDE_NOCMD | WRDE_UNDEF) != 0) {
    ADD_FAILURE() << "no command line: " << command;
    return words;
  }
  words.assign(found.we_wordv, found.we_wordv + found.we_wordc);
  ::wordfree(&found);
  return words;
}

/// The words of each command line `cluster-leader VERB ...` in `text`, without the first. A line
/// may go on behind a backslash.
std::vector<std::vector<std::string>> command_lines(std::string text) {
  for (std::size_t at; (at = text.find("\\\n")) != text.npos;) text.replace(at, 2, " ");
  const std::string kName = "cluster-leader ";
  std::vector<std::vector<std::string>> lines;
  for (std::size_t at = 0; (at = text.find(kName, at)) != text.npos;) {
    at += kName.size();
    std::string rest = text.substr(at);
    // A Jenkinsfile, and whoever hands it to another shell, has the whole command in quotes.
    const std::size_t line = text.rfind('\n', at) + 1;
    if (std::count(&text[line], &text[at], '\'') % 2 == 1) {
      rest.erase(std::min(rest.find('\''), rest.size()));
    }
    if (!verbs().contains(rest.substr(0, rest.find_first_of(" \n`")))) continue;
    lines.push_back(words_in(rest.substr(0, end_of_command(rest))));
  }
  return lines;
}

class DocumentsTest : public OptionsTest {
 protected:
  /// With the picture that it shows.
  static std::string readme() { return text_of("README.md") + text_of("man/session.svg"); }

  static std::string examples_of_manual() {
    std::string text = text_of("man/cluster-leader-recipes.7");
    // How mdoc writes a backslash.
    for (std::size_t at; (at = text.find("\\e\n")) != text.npos;) text.replace(at, 3, " ");
    return text;
  }

  static void expect_all_taken(const std::string& text) {
    for (const auto& words : command_lines(text)) {
      const auto parsed = parse(words);
      const auto* nothing = std::get_if<NothingToRun>(&parsed);
      if (nothing == nullptr) continue;
      EXPECT_EQ(nothing->status, kExitOk) << testing::PrintToString(words) << nothing->text;
    }
  }
};

TEST_F(DocumentsTest, TheReadmeShowsOnlyWhatIsTaken) {
  EXPECT_GT(command_lines(readme()).size(), 15U);
  expect_all_taken(readme());
}

TEST_F(DocumentsTest, TheManualsExamplesAreTaken) {
  EXPECT_GT(command_lines(examples_of_manual()).size(), 30U);
  expect_all_taken(examples_of_manual());
}

TEST_F(DocumentsTest, EachVerbIsShownAtWork) {
  for (const std::string& verb : verbs()) {
    for (const std::string& text : {readme(), examples_of_manual()}) {
      const auto lines = command_lines(text);
      EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [&](const auto& words) {
        return words.front() == verb;
      })) << verb;
    }
  }
}

TEST_F(DocumentsTest, ACommandLineEndsWhereTheShellEndsIt) {
  const auto lines = command_lines(
      "see `cluster-leader check --key a`, or\n"
      "cd /srv; exec cluster-leader run --key \"b;c\" -- ./it | tee log\n"
      "cluster-leader elect --key d \\\n  --key e; true\n"
      "  sh 'exec cluster-leader run --key f -- ./it'\n"
      "cluster-leader is no verb\n");
  using Lines = std::vector<std::vector<std::string>>;
  EXPECT_EQ(lines, (Lines{{"check", "--key", "a"},
                          {"run", "--key", "b;c", "--", "./it"},
                          {"elect", "--key", "d", "--key", "e"},
                          {"run", "--key", "f", "--", "./it"}}));
}

}  // namespace
}  // namespace cluster_leader
