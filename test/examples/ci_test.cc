// The files for continuous integration that the recipes show: each is read as its CI reads it, and
// its step is run as that runs it.
#include <signal.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "options/duration.h"
#include "support/example_world.h"
#include "support/manual.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::IsSubsetOf;
using testing::MatchesRegex;

/// A step of a CI that deploys.
struct Step {
  std::string script;
  std::vector<std::string> shell;  ///< what runs it; its path, or its text, comes last
  bool is_file = true;             ///< whether the shell is given a file
  int cancel = SIGTERM;            ///< how the CI cancels it
  bool cancels_all = false;        ///< whether that goes to the whole process group
  std::string secret;              ///< what REDIS_PASSWORD is in the file; empty: not there
  std::string url;
  Duration timeout{};
};

std::vector<std::string> keys_of(const YAML::Node& map) {
  EXPECT_TRUE(map.IsMap());
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first.as<std::string>());
  // The first of two equal keys would hide the other one.
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
  return keys;
}

Step github() {
  const YAML::Node file = YAML::Load(manual_block("# .github/workflows/"));
  EXPECT_THAT(keys_of(file), testing::UnorderedElementsAre("on", "jobs"));
  EXPECT_EQ(keys_of(file["jobs"]), std::vector<std::string>{"deploy"});
  const YAML::Node job = file["jobs"]["deploy"];
  EXPECT_THAT(keys_of(job), testing::UnorderedElementsAre("runs-on", "timeout-minutes", "steps"));
  EXPECT_EQ(job["steps"].size(), 2U);
  EXPECT_THAT(keys_of(job["steps"][0]), testing::ElementsAre("uses"));
  const YAML::Node step = job["steps"][1];
  EXPECT_THAT(keys_of(step), testing::UnorderedElementsAre("run", "env"));
  return {.script = step["run"].as<std::string>(),
          .shell = {"bash", "-e"},
          .cancel = SIGINT,
          .secret = step["env"]["REDIS_PASSWORD"].as<std::string>(""),
          .url = step["env"]["REDIS_URL"].as<std::string>(""),
          .timeout = std::chrono::minutes(job["timeout-minutes"].as<int>())};
}

Step gitlab() {
  const YAML::Node file = YAML::Load(manual_block("# .gitlab-ci.yml"));
  EXPECT_EQ(keys_of(file), std::vector<std::string>{"deploy"});
  const YAML::Node job = file["deploy"];
  EXPECT_THAT(keys_of(job), testing::UnorderedElementsAre("timeout", "variables", "script"));
  int minutes = 0;
  EXPECT_EQ(std::sscanf(job["timeout"].as<std::string>().c_str(), "%d minutes", &minutes), 1);
  Step step = {.script = "",
               .shell = {"bash", "-c"},
               .is_file = false,
               .cancels_all = true,
               .secret = job["variables"]["REDIS_PASSWORD"].as<std::string>(""),
               .url = job["variables"]["REDIS_URL"].as<std::string>(""),
               .timeout = std::chrono::minutes(minutes)};
  EXPECT_TRUE(job["script"].IsSequence());
  for (const auto& line : job["script"]) step.script += line.as<std::string>() + '\n';
  // The runner's shell stays above one that has the lines.
  EXPECT_EQ(step.script.find('\''), std::string::npos);
  step.script = "set -eo pipefail\n: | eval '" + step.script + "'\nexit 0\n";
  return step;
}

/// The only match of the first group of `pattern`.
std::string only(const std::string& text, const std::string& pattern) {
  const Names found = all(text, pattern);
  EXPECT_THAT(found, testing::SizeIs(1)) << pattern;
  return found.empty() ? "" : *found.begin();
}

/// Whether each bracket outside of strings is closed by its like.
bool is_balanced(const std::string& text) {
  std::string open;
  bool quoted = false;
  for (const char c : text) {
    if (c == '\'') quoted = !quoted;
    if (quoted) continue;
    if (c == '{' || c == '(') open += c;
    if (c != '}' && c != ')') continue;
    if (open.empty() || open.back() != (c == '}' ? '{' : '(')) return false;
    open.pop_back();
  }
  return !quoted && open.empty();
}

Step jenkins() {
  const std::string file = manual_block("pipeline {");
  EXPECT_TRUE(is_balanced(file)) << file;
  for (const char* part :
       {"\n  agent any\n", "\n  stages {\n    stage('Deploy') {\n      steps {\n"}) {
    EXPECT_THAT(file, testing::HasSubstr(part));
  }
  return {.script = only(file, "\n        sh '([^'\n]+)'\n"),
          .shell = {"sh", "-xe"},
          .cancels_all = true,
          .secret = only(file, "\n    REDIS_PASSWORD = ([^\n]+)\n"),
          .url = only(file, "\n    REDIS_URL = '([^'\n]+)'\n"),
          .timeout = std::chrono::minutes(std::stoi(
              only(file, "\n  options \\{ timeout\\(time: ([0-9]+), unit: 'MINUTES'\\) \\}\n")))};
}

Step buildkite() {
  const YAML::Node file = YAML::Load(manual_block(".buildkite/pipeline.yml"));
  EXPECT_EQ(keys_of(file), std::vector<std::string>{"steps"});
  EXPECT_EQ(file["steps"].size(), 1U);
  const YAML::Node step = file["steps"][0];
  EXPECT_THAT(keys_of(step),
              testing::UnorderedElementsAre("label", "command", "timeout_in_minutes", "env"));
  return {.script = step["command"].as<std::string>(),
          .shell = {"bash", "-e", "-c"},
          .is_file = false,
          .cancels_all = true,
          .secret = step["env"]["REDIS_PASSWORD"].as<std::string>(""),
          .url = step["env"]["REDIS_URL"].as<std::string>(""),
          .timeout = std::chrono::minutes(step["timeout_in_minutes"].as<int>())};
}

class CiTest : public ExampleTest, public testing::WithParamInterface<const char*> {
 protected:
  CiTest() : ExampleTest({"--requirepass", kPassword}) {
    // Notes what it does, and whether another one is at it; its status is what stands in `go`.
    folder_.write("deploy.sh",
                  "#!/bin/sh\n"
                  "trap 'rmdir busy; echo cancelled >>log; exit 4' TERM INT\n"
                  "mkdir busy || exit 5\n"
                  "echo begun >>log\n"
                  // Not longer than the test, should that die.
                  "while [ ! -e go ]; do sleep 0.02; [ -d busy ] || exit 6; done\n"
                  "rmdir busy\n"
                  "echo ended >>log\n"
                  "exit \"$(cat go)\"\n",
                  0755);
  }

  static Step step() {
    const std::string name = GetParam();
    if (name == "GitHub") return github();
    if (name == "GitLab") return gitlab();
    return name == "Jenkins" ? jenkins() : buildkite();
  }

  /// The step on the runner `node`, in a checkout with deploy.sh.
  Command on_runner(const std::string& node) const {
    const Step shown = step();
    EXPECT_EQ(shown.url, "redis://redis:6379");
    Words words = shown.shell;
    words.push_back(shown.is_file ? folder_.write("script-" + node, shown.script + '\n')
                                  : shown.script);
    return on_machine(node, words)
        .with("REDIS_URL", url_of(server_))
        .with("REDIS_PASSWORD", kPassword)
        // Whoever started the tests may have told them to ignore it.
        .prepare([] { ::signal(SIGINT, SIG_DFL); });
  }

  void let_end_with(int status) const {
    // At once with its content.
    const std::string draft = folder_.write("draft", std::to_string(status));
    EXPECT_EQ(::rename(draft.c_str(), path("go").c_str()), 0);
  }

  Words log() const { return lines_of(content_of(path("log"))); }
  bool logs(const Words& lines) const {
    return eventually([&] { return log() == lines; });
  }

  /// Waits until somebody waits for the key.
  bool is_waited_for() const {
    const Words words = {CLUSTER_LEADER_BINARY, "status", "--server", url_of(server_), "--key",
                         "deploy-production",   "--json"};
    return eventually([&] {
      const Ended ended = Command(words).with("REDIS_PASSWORD", kPassword).run();
      return ended.status() == 0 && nlohmann::json::parse(ended.out)[0]["waiters"] == 1;
    });
  }

  static inline const std::string kPassword = "secret";
};

TEST_P(CiTest, DeploysOneAtATime) {
  Process one = on_runner("runner-1").start();
  ASSERT_TRUE(logs({"begun"})) << one.err();
  Process other = on_runner("runner-2").start();
  ASSERT_TRUE(is_waited_for()) << other.err();
  EXPECT_EQ(log(), Words{"begun"});
  let_end_with(0);
  EXPECT_EQ(one.wait().status(), 0);
  const Ended end_of_other = other.wait();
  EXPECT_EQ(end_of_other.status(), 0) << end_of_other;
  EXPECT_EQ(log(), (Words{"begun", "ended", "begun", "ended"}));
}

TEST_P(CiTest, ADeploymentThatFailsFailsTheStep) {
  let_end_with(3);
  const Ended ended = on_runner("runner-1").run();
  EXPECT_EQ(ended.status(), 3) << ended;
  EXPECT_EQ(log(), (Words{"begun", "ended"}));
}

TEST_P(CiTest, ACancelReachesTheDeployment) {
  Process deployment = on_runner("runner-1").start();
  ASSERT_TRUE(logs({"begun"})) << deployment.err();
  const Step shown = step();
  const pid_t pid = deployment.pid();
  ASSERT_EQ(::kill(shown.cancels_all ? -pid : pid, shown.cancel), 0);
  EXPECT_TRUE(logs({"begun", "cancelled"}));
  EXPECT_NE(deployment.wait().status(), 0);
}

TEST_P(CiTest, ThePasswordIsASecretOfTheCi) {
  const std::map<std::string, const char*> expected = {
      {"GitHub", "\\$\\{\\{ secrets\\.[A-Z_]+ \\}\\}"},
      // A variable of the project, which is not in the file.
      {"GitLab", ""},
      // Exported by a hook of the agent.
      {"Buildkite", ""},
      {"Jenkins", "credentials\\('[-a-z]+'\\)"}};
  EXPECT_THAT(step().secret, MatchesRegex(expected.at(GetParam())));
  const Ended ended = on_runner("runner-1").with("REDIS_PASSWORD", "").run();
  EXPECT_EQ(ended.status(), 77) << ended;
  EXPECT_EQ(log(), Words{});
}

TEST_P(CiTest, TheTimeoutIsLongerThanTheWait) {
  const std::string script = step().script;
  const std::string wait = only(script, "--wait ([0-9a-z]+) ");
  EXPECT_GE(step().timeout, parse_duration(wait).value() + 30min);
}

TEST_P(CiTest, TheDeploymentIsKilledBeforeTheCiWouldKillUs) {
  // GitHub does 7.5 s + 2.5 s after a cancel.
  EXPECT_LT(parse_duration(only(step().script, "--kill-after ([0-9a-z]+) ")), 10s);
}

INSTANTIATE_TEST_SUITE_P(, CiTest, testing::Values("GitHub", "GitLab", "Jenkins", "Buildkite"),
                         [](const auto& ci) { return std::string(ci.param); });

TEST(JenkinsfileTest, ABracketThatIsNotClosedIsNoticed) {
  EXPECT_TRUE(is_balanced("a { b(c: 'x)') }"));
  for (const char* text : {"a {", "a }", "a { b(c } )", "a { 'x }"}) {
    EXPECT_FALSE(is_balanced(text)) << text;
  }
}

}  // namespace
}  // namespace cluster_leader
