#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/exit_code.h"
#include "options/options.h"
#include "options/options_fixture.h"

namespace cluster_leader {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class CommandLineTest : public OptionsTest {};

// The command.

TEST_F(CommandLineTest, TheCommandIsEverythingBehindTheFirstTwoDashes) {
  EXPECT_THAT(run_words({"--", "echo", "hello"}).command, ElementsAre("echo", "hello"));
  EXPECT_THAT(run_words({"--key", "a", "--", "--", "b"}).command, ElementsAre("--", "b"));
}

TEST_F(CommandLineTest, TheCommandIsPassedByteForByte) {
  const std::vector<std::string> command = {"[1,2]",  "",    "a\nb", "--",       "{}",  "-n",
                                            "--help", "%s",  "Grün", "\xff\x01", "-k5", "--key=b",
                                            "$HOME",  "a b", "*",    "++"};
  std::vector<std::string> words = {"--key", "a", "--"};
  words.insert(words.end(), command.begin(), command.end());
  EXPECT_EQ(run_words(words).command, command);
}

TEST_F(CommandLineTest, NothingOfTheCommandIsTakenForAnOption) {
  const Options options = run_words({"--", "run", "--key", "b", "-q", "--ttl", "99"});
  EXPECT_THAT(options.keys, ElementsAre("job-a"));
  EXPECT_EQ(options.log_level, Options::LogLevel::kNormal);
  EXPECT_EQ(options.timeline.ttl, seconds(10));
}

TEST_F(CommandLineTest, AnEmptyWordMayBeTheCommand) {
  EXPECT_THAT(run_words({"--", ""}).command, ElementsAre(""));
}

TEST_F(CommandLineTest, AValueThatIsTwoDashesEndsTheOptions) {
  // The command is split off before anything is known about the options.
  EXPECT_EQ(usage_error({"run", "--key", "--", "true"}), "--key requires a value");
}

TEST_F(CommandLineTest, ACommandThatIsMissingIsSaidSo) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"run"}, {"run", "--"}, {"run", "--key", "a"}}) {
    EXPECT_THAT(usage_error(words), HasSubstr("a command is missing: put it after '--'"));
  }
}

TEST_F(CommandLineTest, ACommandWithoutTwoDashesIsSaidSo) {
  EXPECT_THAT(usage_error({"run", "--key", "a", "grep", "-r", "x"}),
              testing::StartsWith("unexpected argument 'grep'; put the command after '--'"));
  EXPECT_THAT(usage_error({"run", "run", "--", "true"}),
              HasSubstr("unexpected argument 'run'; put the command after '--'"));
  EXPECT_THAT(usage_error({"elect", "echo", "hello"}),
              HasSubstr("as in cluster-leader elect --key job-a -- echo hello"));
  for (const std::string word : {"++", "-", "", "%%", "/n"}) {
    EXPECT_THAT(refusal({word, "--ttl", "5"}), HasSubstr("unexpected argument '" + word + "'"));
  }
}

// Verbs, help and version.

TEST_F(CommandLineTest, AVerbThatIsMissingOrUnknownIsSaidSo) {
  EXPECT_THAT(usage_error({}), HasSubstr("a verb is missing"));
  EXPECT_THAT(usage_error({"--", "true"}), HasSubstr("a verb is missing"));
  EXPECT_EQ(usage_error({"runs", "--", "true"}), "there is no verb 'runs'; did you mean 'run'?");
  EXPECT_EQ(usage_error({"stats"}), "there is no verb 'stats'; did you mean 'status'?");
  EXPECT_THAT(usage_error({"true", "run", "--", "true"}), HasSubstr("there is no verb 'true'"));
  EXPECT_THAT(usage_error({"", "run", "--", "true"}), HasSubstr("there is no verb ''"));
  EXPECT_EQ(usage_error({"Run"}), "there is no verb 'Run'; did you mean 'run'?");
  EXPECT_EQ(usage_error({"lock"}),
            "there is no verb 'lock'; the verbs are run, elect, check, status, release and doctor");
}

TEST_F(CommandLineTest, OptionsStandBehindTheVerb) {
  EXPECT_THAT(usage_error({"--key", "a", "run", "--", "true"}),
              HasSubstr("'--key' must come after a verb"));
}

TEST_F(CommandLineTest, HelpAndVersionAreShown) {
  EXPECT_THAT(shown({"--version"}),
              testing::StartsWith("cluster-leader " CLUSTER_LEADER_VERSION "\nhiredis "));
  EXPECT_THAT(shown({"--help"}), HasSubstr("\n  run "));
  EXPECT_EQ(shown({"-h"}), shown({"--help"}));
  EXPECT_EQ(shown({"--help", "run"}), shown({"--help"}));
  EXPECT_THAT(shown({"run", "--help"}),
              HasSubstr("Usage: cluster-leader run [OPTION]... --key KEY -- COMMAND [ARG]...\n"));
}

TEST_F(CommandLineTest, HelpIsShownWhateverElseIsWrong) {
  EXPECT_THAT(shown({"run", "--ttl", "x", "-h"}), HasSubstr("--min-hold"));
  EXPECT_THAT(shown({"run", "--unknown", "--help", "--", "true"}), HasSubstr("--heartbeat"));
  EXPECT_THAT(shown({"run", "--help", "extra", "--key"}), HasSubstr("--heartbeat"));
  EXPECT_THAT(shown({"run", "-x", "-h"}), HasSubstr("--min-hold"));
}

TEST_F(CommandLineTest, OptionsOfACommandWithoutTwoDashesAreNotOurs) {
  // Whoever sees a status of 0 takes the backup for made.
  for (const std::string option : {"-h", "--help", "--version"}) {
    EXPECT_THAT(refusal({"--key", "a", "pg_dump", option, "db"}),
                testing::StartsWith("unexpected argument 'pg_dump'; put the command after '--'"));
    EXPECT_THAT(usage_error({"check", "--key", "a", "x", option}),
                testing::StartsWith("unexpected argument 'x'"));
    EXPECT_THAT(usage_error({"pg_dump", option, "db"}), HasSubstr("there is no verb 'pg_dump'"));
    EXPECT_THAT(usage_error({"--key", "run", "pg_dump", option}),
                HasSubstr("'--key' must come after a verb"));
  }
}

TEST_F(CommandLineTest, HelpIsNotShownForAWordThatIsAValue) {
  EXPECT_THAT(run({"--key", "--help"}).keys, ElementsAre("--help"));
  EXPECT_THAT(run({"--node", "-h"}).node, "-h");
  EXPECT_THAT(refusal({"-kh"}), HasSubstr("--kill-after: 'h'"));
}

TEST_F(CommandLineTest, HelpShowsTheExitStatuses) {
  const std::string help = shown({"run", "--help"});
  EXPECT_THAT(shown({"run", "-h"}), Not(HasSubstr("Exit status")));
  for (const ExitStatus& row : kExitStatuses) {
    EXPECT_THAT(help, testing::ContainsRegex("\n  " + std::to_string(row.code) + " +" +
                                             std::string(row.meaning).substr(0, 20)));
  }
}

// How a value is written.

TEST_F(CommandLineTest, AValueStandsBehindABlankOrAnEqualsSign) {
  EXPECT_THAT(run({"--key", "job-a"}).keys, ElementsAre("job-a"));
  EXPECT_THAT(run({"--key=job-a"}).keys, ElementsAre("job-a"));
  EXPECT_EQ(run({"-k5"}).timeline.kill_after, seconds(5));
  EXPECT_EQ(run({"-k", "5"}).timeline.kill_after, seconds(5));
  EXPECT_EQ(run({"-nqk1"}).timeline.kill_after, seconds(1));
}

TEST_F(CommandLineTest, AValueIsTakenByteForByte) {
  for (const std::string value : {"[a,b]",          "[a]",    "[]",   "a,b",  "a b", "-x", "--x",
                                  "--ttl",          "--ttl=", "{}",   "%s",   "a=b", "=",  "\"a\"",
                                  "'a b'",          "a\nb",   "Grün", "\xff", " ",   "++", "run",
                                  "nodered:leader", "true"}) {
    EXPECT_THAT(run({"--key", value}).keys, ElementsAre(value));
    EXPECT_THAT(run({"--key=" + value}).keys, ElementsAre(value));
    EXPECT_EQ(run({"--node", value}).node, value);
    EXPECT_EQ(run({"--prefix=" + value}).prefix, value);
    EXPECT_EQ(run({"--server", value}).server, value);
    EXPECT_EQ(run({"--password-file=" + value}).password_file, value);
  }
}

TEST_F(CommandLineTest, AnEmptyValueSwallowsNothing) {
  EXPECT_EQ(run({"--host=", "--port", "7"}).port, 7);
  EXPECT_EQ(run({"--host=", "--port", "7"}).host, std::nullopt);
  EXPECT_THAT(run({"--node=", "--key", "a", "--ttl="}).keys, ElementsAre("a"));
}

TEST_F(CommandLineTest, AnEmptyValueCountsAsUnset) {
  const std::vector<std::string> with_value = {"--server",
                                               "--host",
                                               "--port",
                                               "--db",
                                               "--user",
                                               "--prefix",
                                               "--password-file",
                                               "--node",
                                               "--ttl",
                                               "--connect-timeout",
                                               "--heartbeat",
                                               "--kill-after",
                                               "--signal",
                                               "--wait",
                                               "--timeout",
                                               "--log-format",
                                               "--if-unavailable",
                                               "--follower-code",
                                               "-k",
                                               "-s",
                                               "-w",
                                               "-E"};
  const Options defaults = run({});
  for (const std::string& name : with_value) {
    SCOPED_TRACE(name);
    std::vector<std::vector<std::string>> forms = {{name, ""}};
    if (name.starts_with("--")) forms.push_back({name + "="});
    for (const std::vector<std::string>& words : forms) {
      const Options options = run(words);
      EXPECT_EQ(options.server, "");
      EXPECT_EQ(options.host, std::nullopt);
      EXPECT_EQ(options.port, std::nullopt);
      EXPECT_EQ(options.db, std::nullopt);
      EXPECT_EQ(options.user, "");
      EXPECT_EQ(options.prefix, "");
      EXPECT_EQ(options.password_file, "");
      EXPECT_EQ(options.node, defaults.node);
      EXPECT_EQ(options.timeline.ttl, seconds(10));
      EXPECT_EQ(options.timeline.heartbeat, seconds(2));
      EXPECT_EQ(options.timeline.kill_after, seconds(2));
      EXPECT_EQ(options.timeline.connect, seconds(2));
      EXPECT_FALSE(options.policy.kill_after_forwarded);
      EXPECT_FALSE(options.policy.waits_while_busy());
      EXPECT_EQ(options.stop_signal, 15);
      EXPECT_EQ(options.follower_status, 75);
      EXPECT_EQ(options.if_unavailable, Options::IfUnavailable::kFail);
      EXPECT_EQ(options.log_format, Options::LogFormat::kText);
    }
  }
}

TEST_F(CommandLineTest, AnEmptyOptionLeavesTheVariableStanding) {
  EXPECT_EQ(run({"--host", ""}, {{"REDIS_HOST", "db"}}).host, "db");
  EXPECT_EQ(run({"--port="}, {{"REDIS_PORT", "7"}}).port, 7);
  EXPECT_EQ(run({"--server", "", "--host", ""}, {{"REDIS_URL", "redis://a"}}).server, "redis://a");
}

TEST_F(CommandLineTest, AValueThatIsMissingIsSaidSo) {
  EXPECT_EQ(refusal({"--key"}), "--key requires a value");
  EXPECT_EQ(refusal({"--ttl", "5", "-k"}), "-k requires a value");
  EXPECT_EQ(refusal({"-nqk"}), "-k requires a value");
}

TEST_F(CommandLineTest, OfTwoMistakesTheFirstIsNamed) {
  EXPECT_THAT(refusal({"--unknown", "extra", "--quiet=x"}), HasSubstr("'--unknown'"));
  EXPECT_THAT(refusal({"extra", "--unknown"}), HasSubstr("'extra'"));
  EXPECT_THAT(refusal({"-xy", "--key"}), HasSubstr("'-x'"));
}

TEST_F(CommandLineTest, AnOptionThatBecameAValueIsNamedIfThatMakesNoSense) {
  EXPECT_EQ(refusal({"--key", "--once", "5"}),
            "--key requires a value, and '--once' was taken as its value");
  EXPECT_EQ(usage_error({"check", "--node", "--key", "a"}),
            "--node requires a value, and '--key' was taken as its value");
  EXPECT_THAT(refusal({"extra", "--key", "--once", "5"}), HasSubstr("unexpected argument 'extra'"));
  EXPECT_THAT(run({"--key", "--once"}).keys, ElementsAre("--once"));
}

TEST_F(CommandLineTest, NoOptionIsGivenTwice) {
  EXPECT_EQ(refusal({"--key", "a", "--key", "b"}), "--key is given twice");
  EXPECT_EQ(refusal({"--key", "a", "--key", "a"}), "--key is given twice");
  EXPECT_EQ(refusal({"--host", "a", "--host", "b"}), "--host is given twice");
  EXPECT_EQ(refusal({"-w", "1", "--timeout", "2"}), "--wait is given twice");
}

TEST_F(CommandLineTest, AFlagMayBeGivenTwice) {
  EXPECT_EQ(run({"-q", "-q"}).log_level, Options::LogLevel::kQuiet);
  EXPECT_EQ(run({"-vv"}).log_level, Options::LogLevel::kVerbose);
}

TEST_F(CommandLineTest, AnUnknownOptionIsNamedWithoutItsValue) {
  EXPECT_EQ(refusal({"--colour", "a"}),
            "run has no option '--colour'; see cluster-leader run --help");
  EXPECT_EQ(refusal({"--ke", "a"}), "run has no option '--ke'; did you mean '--key'?");
  EXPECT_EQ(refusal({"--metrics=/a"}),
            "run has no option '--metrics'; did you mean '--metrics-file'?");
  EXPECT_THAT(refusal({"-x"}), HasSubstr("run has no option '-x';"));
  EXPECT_THAT(refusal({"-nx"}), HasSubstr("run has no option '-x';"));
  EXPECT_THAT(refusal({"---key", "a"}), HasSubstr("run has no option '---key';"));
  EXPECT_THAT(refusal({"--=a"}), HasSubstr("run has no option '--';"));
  EXPECT_THAT(refusal({"--version"}), HasSubstr("run has no option '--version';"));
  // It may be a password.
  EXPECT_EQ(refusal({"--password", "hush"}),
            "run has no option '--password'; no option takes a password: set REDIS_PASSWORD, or "
            "use --password-file");
  EXPECT_THAT(refusal({"--password=hush"}), Not(HasSubstr("hush")));
  EXPECT_THAT(refusal({"-phush"}), Not(HasSubstr("hush")));
  EXPECT_THAT(usage_error({"--password=hush", "run"}), Not(HasSubstr("hush")));
  EXPECT_THAT(usage_error({"-phush", "run"}), Not(HasSubstr("hush")));
}

TEST_F(CommandLineTest, APasswordInAUrlIsNotShownWhereverItStands) {
  const std::string url = "redis://:hu@s h@h:1";
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"run", url, "--", "true"},
                                             {"run", "--port", url, "--", "true"},
                                             {"run", "--db", url, "--", "true"},
                                             {"check", "--ttl", url},
                                             {url}}) {
    EXPECT_THAT(usage_error(words), testing::AllOf(Not(HasSubstr("hu")), Not(HasSubstr("s h"))));
  }
  EXPECT_THAT(refusal({}, {{"REDIS_PORT", url}}), HasSubstr("'redis://***@h:1'"));
}

TEST_F(CommandLineTest, AMessageThatQuotesMuchLosesItsMiddle) {
  const std::string text = refusal({"--ttl", std::string(100'000, 'z')});
  EXPECT_LT(text.size(), 4000U);
  EXPECT_THAT(text, testing::StartsWith("--ttl: 'zzz"));
  EXPECT_THAT(text, HasSubstr("z [...] z"));
  EXPECT_THAT(text, HasSubstr("z' is not a valid duration ("));
}

TEST_F(CommandLineTest, OptionsAreNotAbbreviatedAndKnowTheirCase) {
  for (const std::string word :
       {"--serve", "--serve=x", "--kill-afte", "--KEY", "--t", "--quie", "--hel", "-K5", "-Q"}) {
    EXPECT_THAT(refusal({word}), testing::StartsWith("run has no option '" + word.substr(0, 2)));
  }
}

TEST_F(CommandLineTest, HelpMayBeAskedForAsAVerb) {
  EXPECT_EQ(shown({"help"}), shown({"--help"}));
  EXPECT_EQ(shown({"help", "elect"}), shown({"elect", "--help"}));
  EXPECT_THAT(usage_error({"help", "runs"}), HasSubstr("there is no verb 'runs'"));
  EXPECT_EQ(shown({"-V"}), shown({"--version"}));
  EXPECT_THAT(usage_error({"--help=run"}), HasSubstr("'--help' must come after a verb"));
}

// Words that CLI11 would take for something else.

TEST_F(CommandLineTest, TwoPlusesAreAWordLikeAnyOther) {
  EXPECT_THAT(refusal({"++", "--ttl", "5"}), testing::StartsWith("unexpected argument '++'"));
  EXPECT_THAT(usage_error({"check", "++"}), testing::StartsWith("unexpected argument '++'"));
  EXPECT_THAT(run({"--key=++"}).keys, ElementsAre("++"));
  EXPECT_EQ(run({"--node", "++", "--prefix", "p"}).node, "++");
}

TEST_F(CommandLineTest, NothingButAFlagBecomesOfAFlag) {
  // CLI11 accepts "=true" and "={}" wherever it accepts the flag.
  for (const std::string value : {"true", "{}", "false", "1", "", "\n"}) {
    EXPECT_EQ(refusal({"--quiet=" + value}), "--quiet: this option takes no value");
    EXPECT_EQ(refusal({"--help=" + value}), "--help: this option takes no value");
  }
}

TEST_F(CommandLineTest, TheRestOfABundleIsNoLongOption) {
  for (const std::string word : {"-n-", "-n--", "-n-quiet", "-n--quiet", "-n-hush"}) {
    EXPECT_EQ(refusal({word}), "run has no option '--'; see cluster-leader run --help");
  }
  EXPECT_EQ(refusal({"-n5"}), "run has no option '-5'; see cluster-leader run --help");
  EXPECT_EQ(refusal({"-n=5"}), "run has no option '-='; see cluster-leader run --help");
}

TEST_F(CommandLineTest, AValueMayBeginWithADash) {
  EXPECT_THAT(refusal({"-w", "-5"}), HasSubstr("--wait: '-5' is not a valid duration"));
  EXPECT_THAT(refusal({"-w-5"}), HasSubstr("--wait: '-5' is not a valid duration"));
  EXPECT_THAT(refusal({"--wait=-5"}), HasSubstr("--wait: '-5' is not a valid duration"));
  EXPECT_EQ(refusal({"--port", "-5"}), "--port: '-5' is not a number from 1 to 65535");
  EXPECT_EQ(run({"--node", "-", "--user=-"}).node, "-");
}

TEST_F(CommandLineTest, ANumberIsDecimalWhateverItBeginsWith) {
  EXPECT_EQ(run({"--port", "010"}).port, 10);
  EXPECT_THAT(refusal({"--output", "0"}), HasSubstr("run has no option '--output'"));
  EXPECT_EQ(usage_error({"check", "--output", "0"}), "--output: '0' is not json, text or none");
}

TEST_F(CommandLineTest, AnEmptyValueExcludesNothing) {
  EXPECT_EQ(run({"--server", "redis://a", "--host", "", "--port="}).server, "redis://a");
  EXPECT_EQ(run({"--server=", "--host", "b"}).host, "b");
}

TEST_F(CommandLineTest, NoFileIsReadForOptions) {
  EXPECT_THAT(refusal({"@options"}), testing::StartsWith("unexpected argument '@options'"));
  EXPECT_THAT(refusal({"--config=x"}), testing::StartsWith("run has no option '--config'"));
}

TEST_F(CommandLineTest, TheFirstMistakeFromTheLeftIsReported) {
  EXPECT_THAT(refusal({"--ttl", "x", "--unknown"}), testing::StartsWith("--ttl: 'x'"));
  EXPECT_THAT(refusal({"--unknown", "--ttl", "x"}), HasSubstr("'--unknown'"));
  EXPECT_THAT(refusal({"--quiet=x", "extra"}), testing::StartsWith("--quiet: "));
  EXPECT_THAT(refusal({"-w", "1", "-w", "2", "--port", "x"}), HasSubstr("--wait is given twice"));
  EXPECT_THAT(refusal({"--port", "x", "-w"}), testing::StartsWith("--port: 'x'"));
  EXPECT_THAT(refusal({"-x", "-w"}), HasSubstr("'-x'"));
}

TEST_F(CommandLineTest, AMistakeIsWrittenInTheFormatThatWasAskedFor) {
  const auto format = [](const std::vector<std::string>& words, const Variables& variables) {
    return std::get<NothingToRun>(parse(words, variables)).log_format;
  };
  using enum Options::LogFormat;
  EXPECT_EQ(format({"run", "--unknown"}, {}), kText);
  EXPECT_EQ(format({"run", "--unknown"}, {{"CLUSTER_LEADER_LOG", "json"}}), kJson);
  EXPECT_EQ(format({"run", "--ttl", "x", "--log-format", "json"}, {}), kJson);
  EXPECT_EQ(format({"run", "--log-format=text", "extra"}, {{"CLUSTER_LEADER_LOG", "json"}}), kText);
}

TEST_F(CommandLineTest, AMessageIsOneLineWhateverItQuotes) {
  refusal({"a\nb\x1b[1m\x7f"});
  refusal({"--a\nb=c"});
  refusal({"--ttl", "1\r\n2"});
  refusal({"--signal", "\t"});
  refusal({"--if-unavailable", "\nrun"});
  usage_error({"r\nun", "--", "true"});
  refusal({}, {{"CLUSTER_LEADER_LOG", "\nquiet"}});
  refusal({}, {{"REDIS_PORT", "1\n"}});
}

}  // namespace
}  // namespace cluster_leader
