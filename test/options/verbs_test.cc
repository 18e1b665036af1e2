// What each verb takes: the tables of the manual, written once more by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_code.h"
#include "options/options.h"
#include "options/options_fixture.h"
#include "support/parser.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

/// Every option under each of its names, with a value that is right.
const std::map<std::string, Words> kSamples = {
    {"--server", {"redis://a"}},
    {"--host", {"a"}},
    {"--port", {"7"}},
    {"--db", {"1"}},
    {"--user", {"a"}},
    {"--password-file", {"/a"}},
    {"--tls-ca", {"/a", "--server", "rediss://a"}},
    {"--tls-cert", {"/a", "--server", "rediss://a"}},
    {"--tls-key", {"/a", "--tls-cert", "/b", "--server", "rediss://a"}},
    {"--tls-server-name", {"a", "--server", "rediss://a"}},
    {"--tls-insecure", {"--server", "rediss://a"}},
    {"--min-replicas", {"1"}},
    {"--sentinel-user", {"u", "--server", "redis+sentinel://a/m"}},
    {"--sentinel-password-file", {"/f", "--server", "redis+sentinel://a/m"}},
    {"--connect-timeout", {"1"}},
    {"--prefix", {"p:"}},
    {"--node", {"a"}},
    {"--quiet", {}},
    {"-q", {}},
    {"--verbose", {}},
    {"-v", {}},
    {"--log-format", {"json"}},
    {"--key", {"a"}},
    {"--ttl", {"20"}},
    {"--heartbeat", {"1"}},
    {"--kill-after", {"1"}},
    {"-k", {"1"}},
    {"--signal", {"INT"}},
    {"-s", {"INT"}},
    {"--nonblock", {}},
    {"-n", {}},
    {"--wait", {"1"}},
    {"-w", {"1"}},
    {"--timeout", {"1"}},
    {"--conflict-exit-code", {"1"}},
    {"--follower-code", {"1"}},
    {"-E", {"1"}},
    {"--min-hold", {"1"}},
    {"--sticky", {}},
    {"--once", {"1"}},
    {"--join", {}},
    {"--if-unavailable", {"skip"}},
    {"--result-file", {"/a"}},
    {"--metrics-file", {"/a"}},
    {"--die-with-parent", {}},
    {"--label", {"a b"}},
    {"--on-exit", {"exit"}},
    {"--output", {"text"}},
    {"--keepalive-timeout", {"5"}},
    {"--on-leader", {"a b"}},
    {"--on-follower", {"a"}},
    {"--json", {}},
    {"--watch", {}},
    {"--force", {}},
    {"--result", {}},
    {"--ask", {}},
    {"--supersede", {}},
    {"--slots", {"3"}},
    {"--slot", {"2"}},
};

const std::set<std::string> kOfAll = {
    "--server",
    "--host",
    "--port",
    "--db",
    "--user",
    "--password-file",
    "--connect-timeout",
    "--tls-ca",
    "--tls-cert",
    "--tls-key",
    "--tls-server-name",
    "--tls-insecure",
    "--min-replicas",
    "--sentinel-user",
    "--sentinel-password-file",
    "--prefix",
    "--quiet",
    "--verbose",
    "-v",
    "--node",
    "--log-format",
    "-q",
};

/// Besides those of all.
const std::map<std::string, std::set<std::string>> kOfVerb = {
    {"run",
     {"--key",
      "--ttl",
      "--heartbeat",
      "--kill-after",
      "-k",
      "--signal",
      "-s",
      "--nonblock",
      "-n",
      "--wait",
      "-w",
      "--timeout",
      "--conflict-exit-code",
      "--follower-code",
      "-E",
      "--min-hold",
      "--sticky",
      "--once",
      "--join",
      "--supersede",
      "--slots",
      "--if-unavailable",
      "--result-file",
      "--metrics-file",
      "--die-with-parent",
      "--label"}},
    {"elect",
     {"--key", "--ttl", "--heartbeat", "--kill-after", "-k", "--signal", "-s", "--on-exit",
      "--output", "--keepalive-timeout", "--die-with-parent", "--label", "--on-leader",
      "--on-follower", "--metrics-file", "--slots"}},
    {"check", {"--key", "--output", "--json", "--conflict-exit-code", "--follower-code", "-E"}},
    {"status", {"--key", "--json", "--watch"}},
    {"release", {"--key", "--ask", "--force", "--result", "--json", "--slot"}},
    {"doctor", {"--ttl", "--heartbeat", "--json"}},
};

class VerbsTest : public OptionsTest {
 protected:
  /// `text` as one line, with one blank between words.
  static std::string unwrapped(const std::string& text) {
    std::istringstream words(text);
    std::string line;
    for (std::string word; words >> word;) line += word + ' ';
    return line;
  }

  /// `verb OPTIONS`, with a command where the verb may have one.
  static Words line(const std::string& verb, Words options) {
    options.insert(options.begin(), verb);
    if (verb == "run" || verb == "elect") options.insert(options.end(), {"--", "true"});
    return options;
  }
};

TEST_F(VerbsTest, HaveTheOptionsOfTheManualAndNoOthers) {
  for (const auto& [verb, own] : kOfVerb) {
    for (const auto& [name, value] : kSamples) {
      SCOPED_TRACE(verb + " " + name);
      Words options = {name};
      options.insert(options.end(), value.begin(), value.end());
      if (own.contains(name) || kOfAll.contains(name)) {
        const Options read = accepted(line(verb, options));
        EXPECT_EQ(verbs_of_parser()[static_cast<std::size_t>(read.verb)]->get_name(), verb);
      } else {
        EXPECT_THAT(usage_error(line(verb, options)),
                    testing::StartsWith(verb + " has no option '" + name + "'; it belongs to "));
      }
    }
  }
}

TEST_F(VerbsTest, HaveNoOptionThatTheseTestsDoNotKnow) {
  std::set<std::string> known = {"-h", "--help"};
  for (const auto& [name, value] : kSamples) known.insert(name);
  Names defined;
  for (const CLI::App* verb : verbs_of_parser()) defined.merge(options_of(*verb));
  EXPECT_EQ(defined, known);
}

TEST_F(VerbsTest, SayWhichVerbsHaveAnOption) {
  EXPECT_EQ(usage_error({"check", "--ttl", "5"}),
            "check has no option '--ttl'; it belongs to run, elect and doctor");
  EXPECT_EQ(usage_error({"elect", "--ttl", "9", "--force=x"}),
            "elect has no option '--force'; it belongs to release");
  EXPECT_EQ(usage_error({"status", "-k5"}),
            "status has no option '-k'; it belongs to run and elect");
  EXPECT_EQ(usage_error({"doctor", "--keys"}),
            "doctor has no option '--keys'; see cluster-leader doctor --help");
  EXPECT_EQ(usage_error({"status", "--wacth=1"}),
            "status has no option '--wacth'; did you mean '--watch'?");
}

TEST_F(VerbsTest, ShowTheirHelp) {
  for (const CLI::App* verb : verbs_of_parser()) {
    const std::string name = verb->get_name();
    SCOPED_TRACE(name);
    EXPECT_THAT(shown({"--help"}), HasSubstr("\n  " + name + ' '));
    const std::string help = shown({name, "--help"});
    EXPECT_EQ(shown({"help", name}), help);
    EXPECT_EQ(shown({name, "-h", "--help"}), help);
    EXPECT_THAT(help, HasSubstr("Usage: cluster-leader " + name + ' '));
    EXPECT_THAT(help, HasSubstr("\nExit status: "));
    EXPECT_EQ(options_in(help), options_of(*verb));
    const std::string words = unwrapped(help);
    for (const CLI::Option* option : verb->get_options()) {
      EXPECT_THAT(words, HasSubstr(' ' + option->get_name(false, true)));
      EXPECT_THAT(words, HasSubstr(' ' + option->get_description() + ' '));
    }
  }
}

TEST_F(VerbsTest, ShowTheOptionsOfEveryDayFirstAndAloneIfThatIsEnough) {
  for (const CLI::App* verb : verbs_of_parser()) {
    const std::string name = verb->get_name();
    SCOPED_TRACE(name);
    const std::string help = shown({name, "--help"});
    const std::string brief = shown({name, "-h"});
    EXPECT_EQ(shown({name, "--server", "a", "-qh"}), brief);
    const std::string end = "\ncluster-leader " + name + " --help shows all options";
    ASSERT_THAT(brief, HasSubstr(end));
    // The complete one begins with the same.
    EXPECT_THAT(help, testing::StartsWith(brief.substr(0, brief.find(end))));
    EXPECT_THAT(brief, HasSubstr("\n  --server URL"));
    EXPECT_LT(2 * options_in(brief).size(), options_in(help).size());
    EXPECT_LT(std::count(brief.begin(), brief.end(), '\n'), 50);
  }
}

TEST_F(VerbsTest, ShowThreeExamplesThatAreTaken) {
  std::vector<std::string> helps = {shown({"--help"})};
  for (const CLI::App* verb : verbs_of_parser()) helps.push_back(shown({verb->get_name(), "-h"}));
  for (const std::string& help : helps) {
    std::string text = help.substr(help.find("\nExamples:\n"));
    for (std::size_t at; (at = text.find("\\\n")) != text.npos;) text.erase(at, 2);
    int examples = 0;
    for (std::size_t at = 0; (at = text.find("\n    cluster-leader ", at)) != text.npos; ++at) {
      const std::string line = text.substr(at, text.find('\n', at + 1) - at);
      // Without what a shell would do to the last word of one of them.
      std::istringstream parts(line.substr(0, line.find('\'')));
      Words words(std::istream_iterator<std::string>(parts), {});
      words.erase(words.begin());
      const auto parsed = parse(words);
      EXPECT_TRUE(std::holds_alternative<Options>(parsed)) << line;
      ++examples;
    }
    EXPECT_EQ(examples, 3) << text;
  }
}

TEST_F(VerbsTest, ShowHelpThatFitsATerminal) {
  std::vector<std::string> helps = {shown({"--help"})};
  for (const CLI::App* verb : verbs_of_parser()) {
    helps.push_back(shown({verb->get_name(), "--help"}));
  }
  for (const std::string& help : helps) {
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80U) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
}

TEST_F(VerbsTest, WithoutACommandRefuseOne) {
  for (const std::string verb : {"check", "status", "release", "doctor"}) {
    for (const Words& command : {Words{"--", "true"}, {"--"}}) {
      Words words = {verb};
      words.insert(words.end(), command.begin(), command.end());
      EXPECT_EQ(usage_error(words), verb + " runs no command: remove '--' and what follows it");
    }
    EXPECT_EQ(usage_error({verb, "job-a"}),
              "unexpected argument 'job-a'; see cluster-leader " + verb + " --help");
  }
}

TEST_F(VerbsTest, WithoutATtlLetConnectingTakeAnyTime) {
  for (const std::string verb : {"check", "status", "release"}) {
    EXPECT_EQ(accepted({verb}).timeline.connect, seconds(2));
    EXPECT_EQ(accepted({verb, "--connect-timeout", "1m"}).timeline.connect, seconds(60));
    EXPECT_THAT(usage_error({verb, "--connect-timeout", "0"}), HasSubstr("more than 0"));
  }
  for (const std::string verb : {"elect", "doctor"}) {
    EXPECT_EQ(accepted({verb, "--ttl", "9", "--connect-timeout", "1m"}).timeline.connect,
              seconds(3));
  }
}

TEST_F(VerbsTest, ForOneKeyTakeOne) {
  for (const std::string verb : {"run", "check", "release"}) {
    EXPECT_THAT(usage_error(line(verb, {})), HasSubstr("--key is required"));
    EXPECT_THAT(accepted(line(verb, {"--key", "a"})).keys, ElementsAre("a"));
    EXPECT_EQ(usage_error(line(verb, {"--key", "a", "--key", "b"})), "--key is given twice");
  }
}

TEST_F(VerbsTest, ForManyKeysTakeEachOnce) {
  EXPECT_THAT(usage_error({"elect"}), HasSubstr("--key is required"));
  EXPECT_THAT(accepted({"status"}).keys, IsEmpty());
  EXPECT_THAT(accepted({"doctor"}).keys, IsEmpty());
  for (const std::string verb : {"elect", "status"}) {
    EXPECT_THAT(accepted({verb, "--key", "b", "--node=", "--key=a", "--key", "--key"}).keys,
                ElementsAre("b", "a", "--key"));
    EXPECT_EQ(usage_error({verb, "--key", "a", "--key", "b", "--key", "a"}),
              "--key: 'a' is given twice");
    EXPECT_THAT(usage_error({verb, "--key", "a", "--key", std::string(513, 'k')}),
                HasSubstr("at most 512 are allowed"));
  }
}

TEST_F(VerbsTest, RefuseAPrefixThatLeavesNoRoomForAKey) {
  for (const std::string verb : {"check", "doctor", "elect", "release", "status"}) {
    EXPECT_EQ(usage_error({verb, "--prefix", std::string(512, 'p')}),
              "the prefix has 512 bytes; at most 511 are allowed");
  }
  EXPECT_EQ(accepted({"doctor", "--prefix", std::string(511, 'p')}).prefix.size(), 511U);
}

TEST_F(VerbsTest, TakeAValueByteForByteHoweverOftenItIsGiven) {
  const Words keys = {"[a,b]", "[a]", "[]", "a,b", "a b", "-x", "{}", "%s", "++", "\"a\"", "\xff"};
  Words apart = {"elect"};
  Words joined = {"elect"};
  for (const std::string& key : keys) {
    apart.insert(apart.end(), {"--key", key});
    joined.push_back("--key=" + key);
  }
  EXPECT_EQ(accepted(apart).keys, keys);
  EXPECT_EQ(accepted(joined).keys, keys);
}

TEST_F(VerbsTest, RefuseAnEmptyKey) {
  for (const std::string verb : {"run", "elect", "check", "status", "release"}) {
    for (const Words& key : {Words{"--key", ""}, {"--key="}}) {
      EXPECT_EQ(usage_error(line(verb, key)), "--key: the key must not be empty");
    }
  }
  EXPECT_EQ(usage_error({"elect", "--key", "a", "--key", ""}), "--key: the key must not be empty");
}

TEST_F(VerbsTest, GiveAFlagNoValue) {
  EXPECT_EQ(refusal({"--sticky=false"}), "--sticky: this option takes no value");
  EXPECT_EQ(refusal({"--sticky="}), "--sticky: this option takes no value");
  EXPECT_EQ(usage_error({"release", "--force=yes"}), "--force: this option takes no value");
  EXPECT_EQ(usage_error({"status", "--json={}"}), "--json: this option takes no value");
}

// run and elect.

TEST_F(VerbsTest, DieWithTheirParentByOptionOrVariable) {
  const std::string variable = "CLUSTER_LEADER_DIE_WITH_PARENT";
  for (const std::string verb : {"run", "elect"}) {
    const auto dies = [&](const Words& options, const Variables& variables) {
      return accepted(line(verb, options), variables).die_with_parent;
    };
    EXPECT_FALSE(dies({}, {}));
    EXPECT_TRUE(dies({"--die-with-parent"}, {}));
    EXPECT_TRUE(dies({}, {{variable, "1"}}));
    EXPECT_FALSE(dies({}, {{variable, "0"}}));
    EXPECT_FALSE(dies({}, {{variable, ""}}));
    EXPECT_TRUE(dies({"--die-with-parent"}, {{variable, "0"}}));
    EXPECT_EQ(usage_error(line(verb, {}), {{variable, "yes"}}), variable + ": 'yes' is not 0 or 1");
  }
  // It is nothing to the others.
  EXPECT_FALSE(accepted({"check"}, {{variable, "yes"}}).die_with_parent);
}

TEST_F(VerbsTest, OfRunSayWhatBecomesOfTheKey) {
  const Options options = run({"--sticky", "--min-hold", "90", "--once", "20h", "--result-file",
                               "/r", "--metrics-file", "/m"});
  EXPECT_TRUE(options.aftermath.park);
  EXPECT_EQ(options.aftermath.hold, seconds(90));
  EXPECT_EQ(options.aftermath.once, std::chrono::hours(20));
  EXPECT_EQ(options.result_file, "/r");
  EXPECT_EQ(options.metrics_file, "/m");
  EXPECT_THAT(refusal({"--min-hold", "31d"}), HasSubstr("at most 30d"));
  EXPECT_THAT(refusal({"--sticky", "--join"}), HasSubstr("--sticky and --join cannot be combined"));
  EXPECT_THAT(refusal({"--supersede", "--join"}),
              HasSubstr("--join and --supersede cannot be combined"));
  for (const std::vector<std::string>& never : {std::vector<std::string>{"-n"}, {"--wait", "0"}}) {
    std::vector<std::string> words = {"--supersede"};
    words.insert(words.end(), never.begin(), never.end());
    EXPECT_THAT(refusal(words), HasSubstr("cannot be combined with --nonblock"));
  }
  EXPECT_EQ(run({"--supersede"}).policy.busy_patience, kForever);
  EXPECT_EQ(run({"--supersede", "--wait", "5"}).policy.busy_patience, std::chrono::seconds(5));
  for (const std::string other : {"/r", "/./r", "//r", "/a/../r"}) {
    EXPECT_THAT(refusal({"--result-file", "/r", "--metrics-file", other}), HasSubstr("same file"));
  }
}

TEST_F(VerbsTest, OfRunAndElectSayHowManyJobsAKeyHasAtOnce) {
  EXPECT_EQ(run({}).policy.slots, 1U);
  EXPECT_EQ(run({"--slots", "3"}).policy.slots, 3U);
  EXPECT_EQ(accepted({"elect", "--key", "a", "--key", "b", "--slots=64"}).policy.slots, 64U);
  for (const char* wrong : {"0", "65", "-1", "3x", "inf"}) {
    EXPECT_THAT(refusal({"--slots", wrong}), HasSubstr("is not a number from 1 to 64")) << wrong;
  }
}

TEST_F(VerbsTest, OfRunThatConcernTheOneJobOfAKeyAreRefusedWithSlots) {
  for (const std::vector<std::string>& one :
       {std::vector<std::string>{"--once", "1h"}, {"--join"}, {"--sticky"}, {"--supersede"}}) {
    std::vector<std::string> words = {"--slots", "3"};
    words.insert(words.end(), one.begin(), one.end());
    EXPECT_EQ(refusal(words), "--slots and " + one[0] + " cannot be combined: " + one[0] +
                                  " requires that one job of a key runs at a time");
    words[1] = "1";
    EXPECT_EQ(run(words).policy.slots, 1U);
  }
  const Options options =
      run({"--slots", "3", "--min-hold", "5", "--wait", "1", "--if-unavailable", "run"});
  EXPECT_EQ(options.policy.slots, 3U);
}

TEST_F(VerbsTest, OfReleaseNameASlot) {
  EXPECT_EQ(accepted({"release"}).slot, std::nullopt);
  EXPECT_EQ(accepted({"release", "--slot", "0"}).slot, 0U);
  EXPECT_EQ(accepted({"release", "--slot", "63", "--ask"}).slot, 63U);
  EXPECT_THAT(usage_error({"release", "--slot", "64"}), HasSubstr("number from 0 to 63"));
  EXPECT_EQ(usage_error({"release", "--slot", "1", "--result"}),
            "--result and --slot cannot be combined");
}

TEST_F(VerbsTest, OfRunThatJoinWaitForEverUnlessToldOtherwise) {
  EXPECT_TRUE(run({"--join"}).policy.join);
  EXPECT_EQ(run({"--join"}).policy.patience, kForever);
  EXPECT_EQ(run({"--join", "-w", "5"}).policy.patience, seconds(5));
  EXPECT_THAT(refusal({"--join", "-n"}), HasSubstr("cannot be combined with --nonblock"));
  EXPECT_THAT(refusal({"--join", "-w0"}), HasSubstr("cannot be combined with --nonblock"));
}

class ElectOptionsTest : public VerbsTest {
 protected:
  static Options elect(Words options, const Words& command = {}) {
    options.insert(options.begin(), "elect");
    options.insert(options.end(), command.begin(), command.end());
    return accepted(options);
  }
  static Options elect_with_command(const Words& options) { return elect(options, {"--", "true"}); }
};

TEST_F(ElectOptionsTest, StandsForEver) {
  const Policy policy = elect({}).policy;
  EXPECT_EQ(policy.patience, kForever);
  EXPECT_TRUE(policy.waits_while_busy());
  EXPECT_FALSE(policy.join);
  EXPECT_FALSE(policy.restarts);
}

TEST_F(ElectOptionsTest, HasTheTimelineOfRun) {
  const Timeline timeline = elect({"--ttl", "60", "--heartbeat", "10", "-k", "5"}).timeline;
  EXPECT_EQ(timeline.ttl, seconds(60));
  EXPECT_EQ(timeline.heartbeat, seconds(10));
  EXPECT_EQ(timeline.kill_after, seconds(5));
  EXPECT_THAT(usage_error({"elect", "--ttl", "9", "--heartbeat", "4"}),
              HasSubstr("at most a third"));
}

TEST_F(ElectOptionsTest, NeedsNoCommand) {
  EXPECT_THAT(elect({}).command, IsEmpty());
  EXPECT_THAT(elect({"--key", "a"}, {"--", "echo", "--key"}).command, ElementsAre("echo", "--key"));
  EXPECT_EQ(usage_error({"elect", "--key", "a", "--"}),
            "a command is missing after '--': write one, or remove the '--'");
}

TEST_F(ElectOptionsTest, RunsACommandUnderOneKey) {
  EXPECT_EQ(usage_error({"elect", "--key", "a", "--key", "b", "--", "true"}),
            "a command runs under one key: start one elect per key");
}

TEST_F(ElectOptionsTest, SaysWhatFollowsAJobThatEnds) {
  using enum Options::OnExit;
  EXPECT_EQ(elect({}).on_exit, kResign);
  EXPECT_EQ(elect_with_command({}).on_exit, kResign);
  EXPECT_EQ(elect_with_command({"--on-exit", ""}).on_exit, kResign);
  EXPECT_EQ(elect_with_command({"--on-exit", "resign"}).on_exit, kResign);
  EXPECT_EQ(elect_with_command({"--on-exit=exit"}).on_exit, kExit);
  EXPECT_FALSE(elect_with_command({"--on-exit=exit"}).policy.restarts);
  const Options restarts = elect_with_command({"--on-exit", "restart"});
  EXPECT_EQ(restarts.on_exit, kRestart);
  EXPECT_TRUE(restarts.policy.restarts);
  EXPECT_EQ(usage_error({"elect", "--on-exit", "stop", "--", "true"}),
            "--on-exit: 'stop' is not restart, resign or exit");
}

TEST_F(ElectOptionsTest, WithoutACommandTakesNoOptionAboutOne) {
  EXPECT_EQ(usage_error({"elect", "--on-exit", "exit"}), "--on-exit requires a command after '--'");
  EXPECT_EQ(usage_error({"elect", "-s", "INT"}), "--signal requires a command after '--'");
  // A blank property of a flow.
  EXPECT_EQ(elect({"--on-exit", "", "--signal="}).on_exit, Options::OnExit::kResign);
}

TEST_F(ElectOptionsTest, SpeaksJsonUnlessToldOtherwise) {
  using enum Options::Output;
  EXPECT_EQ(elect({}).output, kJson);
  EXPECT_EQ(elect({"--output", ""}).output, kJson);
  EXPECT_EQ(elect({"--output", "text"}).output, kText);
  EXPECT_EQ(elect({"--output", "none"}).output, kNothing);
  EXPECT_EQ(usage_error({"elect", "--output", "xml"}), "--output: 'xml' is not json, text or none");
}

TEST_F(ElectOptionsTest, ResignsWithoutASignOfLifeOnlyIfToldTo) {
  EXPECT_EQ(elect({}).keepalive_timeout, Duration::zero());
  EXPECT_EQ(elect({"--keepalive-timeout", "0"}).keepalive_timeout, Duration::zero());
  EXPECT_EQ(elect({"--keepalive-timeout", "5s"}).keepalive_timeout, seconds(5));
  EXPECT_THAT(usage_error({"elect", "--keepalive-timeout", "soon"}),
              HasSubstr("--keepalive-timeout: 'soon' is not a valid duration"));
}

TEST_F(ElectOptionsTest, SplitsAHookAtBlanksAndNowhereElse) {
  const Options options = elect(
      {"--on-leader", " /bin/mail  -s\t'now a leader' $HOME ", "--on-follower=run --key a -- x"});
  EXPECT_THAT(options.on_leader, ElementsAre("/bin/mail", "-s", "'now", "a", "leader'", "$HOME"));
  EXPECT_THAT(options.on_follower, ElementsAre("run", "--key", "a", "--", "x"));
  EXPECT_THAT(elect({"--on-leader", ""}).on_leader, IsEmpty());
  EXPECT_EQ(usage_error({"elect", "--on-leader", " \t"}),
            "--on-leader: '  ' is not a program and its arguments");
  EXPECT_THAT(usage_error({"elect", "--on-follower", "\n"}), HasSubstr("--on-follower"));
}

TEST_F(ElectOptionsTest, TakesTenThousandKeys) {
  Words words;
  for (int i = 0; i < 10'000; ++i) words.insert(words.end(), {"--key", "job-" + std::to_string(i)});
  EXPECT_EQ(elect(words).keys.size(), 10'000U);
}

// check, status, release and doctor.

class OtherVerbsTest : public VerbsTest {};

TEST_F(OtherVerbsTest, CheckSpeaksToATerminalUnlessToldOtherwise) {
  using enum Options::Output;
  EXPECT_EQ(accepted({"check"}).output, kTerminal);
  EXPECT_EQ(accepted({"check", "--output", "json"}).output, kJson);
  EXPECT_EQ(accepted({"check", "--output", "text"}).output, kText);
  EXPECT_EQ(accepted({"check", "--output", "none"}).output, kNothing);
}

TEST_F(OtherVerbsTest, CheckHasAFollowersStatusToo) {
  EXPECT_EQ(accepted({"check"}).follower_status, 75);
  EXPECT_EQ(accepted({"check", "-E0"}).follower_status, 0);
  EXPECT_EQ(accepted({"check", "--follower-code", "3"}).follower_status, 3);
  EXPECT_THAT(usage_error({"check", "-E", "600"}), HasSubstr("not a number from 0 to 255"));
}

TEST_F(OtherVerbsTest, AllSpeakTextOrJson) {
  EXPECT_EQ(accepted({"check"}).output, Options::Output::kTerminal);
  EXPECT_EQ(accepted({"check", "--json"}).output, Options::Output::kJson);
  for (const std::string verb : {"status", "release", "doctor"}) {
    EXPECT_EQ(accepted({verb}).output, Options::Output::kText);
    EXPECT_EQ(accepted({verb, "--json"}).output, Options::Output::kJson);
  }
}

TEST_F(OtherVerbsTest, StatusWatchesEveryTwoSecondsOrAsOftenAsItIsTold) {
  EXPECT_EQ(accepted({"status"}).watch, std::nullopt);
  EXPECT_EQ(accepted({"status", "--watch"}).watch, seconds(2));
  EXPECT_EQ(accepted({"status", "--watch=5"}).watch, seconds(5));
  EXPECT_EQ(accepted({"status", "--watch=100ms"}).watch, milliseconds(100));
  EXPECT_EQ(accepted({"status", "--watch="}).watch, std::nullopt);
  EXPECT_EQ(usage_error({"status", "--watch=99ms"}), "--watch: the pause must be at least 100ms");
  EXPECT_THAT(usage_error({"status", "--watch=0"}), HasSubstr("at least 100ms"));
  EXPECT_THAT(usage_error({"status", "--watch=true"}), HasSubstr("'true' is not a valid duration"));
  EXPECT_EQ(usage_error({"status", "--watch", "--watch=5"}), "--watch is given twice");
}

TEST_F(OtherVerbsTest, StatusTakesNoPauseFromTheNextWord) {
  EXPECT_EQ(usage_error({"status", "--watch", "5"}),
            "unexpected argument '5'; see cluster-leader status --help");
  const Options options = accepted({"status", "--watch", "--key", "a"});
  EXPECT_EQ(options.watch, seconds(2));
  EXPECT_THAT(options.keys, ElementsAre("a"));
}

TEST_F(OtherVerbsTest, ReleaseSparesTheKeysOfOthersUnlessForced) {
  EXPECT_FALSE(accepted({"release"}).force);
  EXPECT_TRUE(accepted({"release", "--force"}).force);
}

TEST_F(OtherVerbsTest, DoctorIsToldWhichTtlAndHeartbeatToJudge) {
  EXPECT_EQ(accepted({"doctor"}).timeline.ttl, seconds(10));
  const Timeline timeline = accepted({"doctor", "--ttl", "30", "--heartbeat", "3"}).timeline;
  EXPECT_EQ(timeline.ttl, seconds(30));
  EXPECT_EQ(timeline.heartbeat, seconds(3));
  EXPECT_THAT(usage_error({"doctor", "--ttl", "0"}), HasSubstr("between 1 s and 1 d"));
}

}  // namespace
}  // namespace cluster_leader
