// The completions for shells, asked by the shells themselves.
#include <filesystem>
#include <sstream>

#include "support/cli_world.h"
#include "support/manual.h"

namespace cluster_leader {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

/// A shell: its name, how it runs a script, and the completion that is made for it.
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

Names verbs() {
  const std::string help = output_of("'" CLUSTER_LEADER_BINARY "' --help");
  const std::size_t begin = help.find("\nVerbs:\n");
  return all(help.substr(begin, help.find("\n\n", begin + 1) - begin), "\n  ([a-z]+) ");
}

std::string help_of(const std::string& verb) {
  return output_of("'" CLUSTER_LEADER_BINARY "' " + verb + " --help");
}

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

TEST_P(CompletionsTest, OfferTheOptionsOfTheHelpOfEachVerbAndNoOthers) {
  Words lines;
  for (const std::string& verb : verbs()) lines.push_back("cluster-leader " + verb + " -");
  const std::vector<Names> offered = offers(lines);
  std::size_t at = 0;
  for (const std::string& verb : verbs()) {
    Names options = offered[at++];
    options.erase("--");
    EXPECT_THAT(options, IsSupersetOf({"-h", "--server"}));
    EXPECT_EQ(options, options_in(help_of(verb))) << verb;
  }
}

TEST_P(CompletionsTest, OfferTheEndOfTheOptionsWhereACommandFollows) {
  const auto offered =
      offers({"cluster-leader run ", "cluster-leader elect ", "cluster-leader check "});
  EXPECT_THAT(offered[0], Contains("--"));
  EXPECT_THAT(offered[1], Contains("--"));
  EXPECT_THAT(offered[2], Not(Contains("--")));
}

TEST_P(CompletionsTest, OfferWhatTheHelpSaysIsToBeChosenFrom) {
  Words lines;
  std::vector<Names> choices;
  for (const std::string& verb : verbs()) {
    // A name and its choices, as in "--output json|text|none".
    for (const std::string& row : all(help_of(verb), "(--[a-z-]+ [a-z]+(?:\\|[a-z]+)+)")) {
      const std::string name = row.substr(0, row.find(' '));
      choices.push_back(all(row.substr(name.size()), "([a-z]+)"));
      lines.push_back("cluster-leader " + verb + ' ' + name + ' ');
      lines.push_back("cluster-leader " + verb + ' ' + name + '=' + *choices.back().begin());
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

TEST_P(CompletionsTest, OfferWhatAnOptionsNameStandsFor) {
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
  // Only zsh keeps count of what is there.
  EXPECT_EQ(offered[6].contains("--key"), GetParam().name != "zsh");
  EXPECT_THAT(offered[7], Contains("--key"));
}

TEST_P(CompletionsTest, CompleteTheCommandAsWithoutClusterLeader) {
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

TEST_P(CompletionsTest, HaveNoPlaceThatIsNotFilled) {
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
  // Each shell by itself, which knows nothing but the folder.
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
