// The completions for shells, asked by the shells themselves.
#include <filesystem>
#include <sstream>

#include "support/cli_world.h"
#include "support/parser.h"

namespace cluster_leader {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

/// A shell: its name, how it runs a script, and its completion.
struct Shell {
  std::string name;
  std::vector<std::string> program;
  std::string completion;
};

const Shell kShells[] = {
    {"bash", {"bash"}, "cluster-leader.bash"},
    {"zsh", {"zsh", "-f"}, "_cluster-leader"},
    {"fish", {"fish", "--no-config"}, "cluster-leader.fish"},
};

class CompletionsTest : public CliTest, public testing::WithParamInterface<Shell> {
 protected:
  static std::string completion() {
    return PROJECT_BINARY_DIR "/completions/" + GetParam().completion;
  }

  /// What is offered for each of these lines.
  std::vector<Names> offers(const Words& lines) const {
    const std::string folder = PROJECT_SOURCE_DIR "/test/support/shells/complete.";
    const Words script = {folder + GetParam().name, completion()};
    const Ended ended = Command(joined(joined(GetParam().program, script), lines))
                            .with("PATH", folder_.path() + ":/usr/bin:/bin")
                            .with("HOME", folder_.path())
                            .with("TERM", "xterm")
                            .run();
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.err, "");
    std::vector<Names> offers(1);
    std::istringstream said(ended.out);
    for (std::string line; std::getline(said, line);) {
      line.erase(line.find_last_not_of(' ') + 1);
      if (line == "end") {
        offers.emplace_back();
      } else {
        offers.back().insert(line);
      }
    }
    offers.pop_back();
    EXPECT_EQ(offers.size(), lines.size()) << ended;
    offers.resize(lines.size());
    return offers;
  }
  Names offer(const std::string& line) const { return offers({line}).front(); }
};

TEST_P(CompletionsTest, OfferTheVerbs) {
  Names offered = offer("cluster-leader ");
  offered.erase("--help");
  offered.erase("--version");
  EXPECT_THAT(offered, Contains("run"));
  EXPECT_EQ(offered, verbs());
}

TEST_P(CompletionsTest, OfferTheOptionsOfEachVerbAndNoOthers) {
  Words lines;
  for (const CLI::App* verb : verbs_of_parser()) {
    lines.push_back("cluster-leader " + verb->get_name() + " -");
  }
  const std::vector<Names> offered = offers(lines);
  std::size_t at = 0;
  for (const CLI::App* verb : verbs_of_parser()) {
    Names options = offered[at++];
    options.erase("--");
    EXPECT_THAT(options, IsSupersetOf({"-h", "--server"}));
    EXPECT_EQ(options, options_of(*verb)) << verb->get_name();
  }
}

TEST_P(CompletionsTest, OfferTwoDashesBeforeACommand) {
  const auto offered =
      offers({"cluster-leader run ", "cluster-leader elect ", "cluster-leader check "});
  EXPECT_THAT(offered[0], Contains("--"));
  EXPECT_THAT(offered[1], Contains("--"));
  EXPECT_THAT(offered[2], Not(Contains("--")));
}

TEST_P(CompletionsTest, OfferTheWordsThatAnOptionAccepts) {
  Words lines;
  std::vector<Names> choices;
  for (const CLI::App* verb : verbs_of_parser()) {
    for (const CLI::Option* option : verb->get_options()) {
      // As in "--output json|text|none".
      if (option->get_type_name().find('|') == std::string::npos) continue;
      const std::string line = "cluster-leader " + verb->get_name() + ' ' + option->get_name();
      choices.push_back(all(option->get_type_name(), "([a-z]+)"));
      lines.push_back(line + ' ');
      lines.push_back(line + '=' + *choices.back().begin());
    }
  }
  EXPECT_GT(choices.size(), 4U);
  const std::vector<Names> offered = offers(lines);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    EXPECT_EQ(offered[2 * i], choices[i]) << lines[2 * i];
    EXPECT_THAT(offered[2 * i + 1], ElementsAre(EndsWith(*choices[i].begin()))) << lines[2 * i + 1];
  }
}

TEST_P(CompletionsTest, OfferSignals) {
  const auto offered = offers({"cluster-leader run --signal US", "cluster-leader elect -s US"});
  EXPECT_THAT(offered[0], UnorderedElementsAre("USR1", "USR2"));
  EXPECT_EQ(offered[1], offered[0]);
}

TEST_P(CompletionsTest, OfferFilesProgramsAndSchemes) {
  folder_.write("result.json", "{}");
  folder_.write("marvellous-hook", "#!/bin/sh\n", 0755);
  const auto offered =
      offers({"cluster-leader run --result-file " + path("resu"),
              "cluster-leader elect --on-leader marvel", "cluster-leader status --server f",
              "cluster-leader run --key ", "cluster-leader run --key a --wait 1h --",
              "cluster-leader status --watch=", "cluster-leader run --key a --",
              "cluster-leader elect --key a --"});
  EXPECT_THAT(offered[0], ElementsAre(EndsWith("result.json")));
  EXPECT_THAT(offered[1], ElementsAre("marvellous-hook"));
  EXPECT_THAT(offered[2], ElementsAre("file:///"));
  EXPECT_THAT(offered[3], IsEmpty());
  EXPECT_THAT(offered[4], Contains("--sticky"));
  EXPECT_THAT(offered[5], IsEmpty());
  // Only zsh remembers which options were given.
  EXPECT_EQ(offered[6].contains("--key"), GetParam().name != "zsh");
  EXPECT_THAT(offered[7], Contains("--key"));
}

TEST_P(CompletionsTest, CompleteTheCommandAsIfItWereAlone) {
  folder_.write("marvellous-job", "#!/bin/sh\n", 0755);
  const auto offered = offers({"cluster-leader run --key a -- marvel",
                               "cluster-leader run --key a -- cat " + path("marvel"),
                               "cluster-leader run --key a -- cluster-leader elect --on-e",
                               "cluster-leader run --key a -- --zqxj"});
  EXPECT_THAT(offered[0], ElementsAre("marvellous-job"));
  EXPECT_THAT(offered[1], ElementsAre(EndsWith("marvellous-job")));
  EXPECT_THAT(offered[2], ElementsAre("--on-exit"));
  EXPECT_THAT(offered[3], IsEmpty());
}

TEST_P(CompletionsTest, FillEveryPlaceOfTheTemplate) {
  const std::string text = content_of(completion());
  EXPECT_NE(text, "");
  EXPECT_THAT(all(text, "(@[a-z]+@)"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, CompletionsTest, testing::ValuesIn(kShells),
                         [](const auto& one) { return one.param.name; });

TEST_F(CliTest, CompletionsAreInstalledWhereTheShellsLookForThem) {
  output_of("cmake --install '" PROJECT_BINARY_DIR "' --prefix '" + path("usr") + "'");
  const std::string share = path("usr/share/");
  EXPECT_EQ(content_of(share + "zsh/site-functions/_cluster-leader"),
            content_of(PROJECT_BINARY_DIR "/completions/_cluster-leader"));
  // Each shell finds it by itself, knowing only the folder.
  const auto finds = [&](const std::string& shell, const std::string& script) {
    const Ended ended = Command({shell, "-c", script})
                            .with("PATH", path("usr/bin") + ":/usr/bin:/bin")
                            .with("HOME", folder_.path())
                            .with("XDG_DATA_DIRS", share + ":/usr/share")
                            .run();
    EXPECT_THAT(ended.out, testing::HasSubstr("--on-exit")) << ended;
  };
  finds("bash",
        ". /usr/share/bash-completion/bash_completion; _completion_loader cluster-leader;"
        "declare -f _cluster_leader_option");
  finds("fish", "complete -C 'cluster-leader elect --on-e'");
}

TEST_F(CliTest, CompletionForBashHasNothingThatShellcheckFinds) {
  EXPECT_EQ(output_of("shellcheck '" PROJECT_BINARY_DIR "/completions/cluster-leader.bash'"), "");
}

}  // namespace
}  // namespace cluster_leader
