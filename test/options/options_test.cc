#include "options/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <vector>

#include "base/exit_code.h"
#include "options/options_fixture.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

// Where the lease lives.

TEST_F(OptionsTest, TheServerIsRedisOnItsPortUnlessSomethingElseIsSaid) {
  const Options options = run({});
  EXPECT_EQ(options.server, "");
  EXPECT_EQ(options.server_source, "");
  EXPECT_EQ(options.host, std::nullopt);
  EXPECT_EQ(options.port, std::nullopt);
  EXPECT_EQ(options.db, std::nullopt);
  EXPECT_EQ(options.user, "");
  EXPECT_EQ(options.password, "");
}

TEST_F(OptionsTest, AnOptionGoesBeforeOurVariableAndThatBeforeTheOneOfRedis) {
  const Variables both = {{"CLUSTER_LEADER_SERVER", "redis://ours"}, {"REDIS_URL", "redis://url"}};
  EXPECT_EQ(run({"--server", "redis://option"}, both).server, "redis://option");
  EXPECT_EQ(run({}, both).server, "redis://ours");
  EXPECT_EQ(run({}, {{"REDIS_URL", "redis://url"}, {"REDIS_HOST", "host"}}).server, "redis://url");
  EXPECT_EQ(run({}, {{"CLUSTER_LEADER_SERVER", ""}, {"REDIS_URL", "redis://url"}}).server,
            "redis://url");
}

TEST_F(OptionsTest, TheVariablesOfRedisNameThePlainServer) {
  const Options options =
      run({}, {{"REDIS_HOST", "db"}, {"REDIS_PORT", "6380"}, {"REDIS_DB", "3"}});
  EXPECT_EQ(options.server, "");
  EXPECT_EQ(options.host, "db");
  EXPECT_EQ(options.port, 6380);
  EXPECT_EQ(options.db, 3);
}

TEST_F(OptionsTest, PlainOptionsGoBeforeTheVariablesOfRedis) {
  const Options options = run({"--host", "option", "--port", "7", "--db", "8"},
                              {{"REDIS_HOST", "db"}, {"REDIS_PORT", "6380"}, {"REDIS_DB", "3"}});
  EXPECT_EQ(options.host, "option");
  EXPECT_EQ(options.port, 7);
  EXPECT_EQ(options.db, 8);
}

TEST_F(OptionsTest, PlainOptionsLeaveTheUrlOfTheEnvironment) {
  const Variables urls = {{"REDIS_URL", "redis://a"}, {"REDIS_HOST", "b"}, {"REDIS_PORT", "8"}};
  const Options options = run({"--port", "7"}, urls);
  EXPECT_EQ(options.server, "redis://a");
  EXPECT_EQ(options.host, std::nullopt);
  EXPECT_EQ(options.port, 7);
  EXPECT_EQ(options.db, std::nullopt);
  EXPECT_EQ(run({"--host", "option"}, urls).server, "redis://a");
  EXPECT_EQ(run({"--host", "option"}, urls).host, "option");
  EXPECT_EQ(run({"--db", "7"}, urls).db, 7);
}

TEST_F(OptionsTest, TheAddressHasASource) {
  const Variables all = {
      {"CLUSTER_LEADER_SERVER", "redis://a"}, {"REDIS_URL", "redis://b"}, {"REDIS_HOST", "c"}};
  EXPECT_EQ(run({"--server", "redis://d"}, all).server_source, "--server");
  EXPECT_EQ(run({}, all).server_source, "CLUSTER_LEADER_SERVER");
  EXPECT_EQ(run({}, {{"REDIS_URL", "redis://b"}}).server_source, "REDIS_URL");
  EXPECT_EQ(run({"--host", "d"}, all).host_source, "--host");
  EXPECT_EQ(run({}, {{"REDIS_HOST", "c"}}).host_source, "REDIS_HOST");
  EXPECT_EQ(run({}, {{"REDIS_HOST", "c"}}).server_source, "");
}

TEST_F(OptionsTest, PasswordsAreOverwrittenInTheCommandLineAlone) {
  std::vector<std::string> words = {"--",
                                    "run",
                                    "--server",
                                    "redis://:s3%3Acret@h",
                                    "--server=rediss://app:s3:c@ret@h:1/2",
                                    "redis://s3cret@h",
                                    "redis://h",
                                    "a@b",
                                    "--",
                                    "curl",
                                    "redis://:job@h"};
  // Not even the name of the program, which here looks like the end of the options, is in the way.
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  hide_passwords(static_cast<int>(argv.size()), argv.data());
  EXPECT_THAT(words, ElementsAre("--", "run", "--server", "redis://:*********@h",
                                 "--server=rediss://app:********@h:1/2", "redis://******@h",
                                 "redis://h", "a@b", "--", "curl", "redis://:job@h"));
}

TEST_F(OptionsTest, AUrlAndPlainOptionsExcludeEachOther) {
  for (const std::vector<std::string>& plain :
       {std::vector<std::string>{"--host", "b"}, {"--port", "7"}, {"--db=1"}}) {
    std::vector<std::string> words = {"--server", "redis://a"};
    words.insert(words.end(), plain.begin(), plain.end());
    EXPECT_THAT(refusal(words), testing::AllOf(testing::StartsWith("--server and --"),
                                               testing::EndsWith(" cannot be combined")));
  }
}

TEST_F(OptionsTest, ThePortMayBeTheOneThatKubernetesSets) {
  EXPECT_EQ(run({}, {{"REDIS_PORT", "tcp://10.0.0.1:6379"}}).port, 6379);
  EXPECT_EQ(run({}, {{"REDIS_PORT", "tcp://[fd00::1]:6380"}}).port, 6380);
  EXPECT_THAT(refusal({}, {{"REDIS_PORT", "tcp://10.0.0.1"}}), HasSubstr("'tcp://10.0.0.1'"));
  EXPECT_THAT(refusal({}, {{"REDIS_PORT", "tcp://10.0.0.1:"}}), HasSubstr("REDIS_PORT"));
  EXPECT_THAT(refusal({"--port", "tcp://10.0.0.1:6379"}), HasSubstr("--port"));
}

TEST_F(OptionsTest, APortIsANumberFrom1To65535) {
  EXPECT_EQ(run({"--port", "1"}).port, 1);
  EXPECT_EQ(run({"--port", "65535"}).port, 65535);
  for (const std::string text :
       {"0", "-1", "65536", "4294973675", "6379 ", "0x10", "+1", "redis"}) {
    EXPECT_THAT(refusal({"--port", text}), HasSubstr("--port: '" + text + "' is not a number"));
    EXPECT_THAT(refusal({}, {{"REDIS_PORT", text}}), HasSubstr("REDIS_PORT: '" + text + "'"));
  }
}

TEST_F(OptionsTest, ADatabaseIsANumberFrom0) {
  EXPECT_EQ(run({"--db", "0"}).db, 0);
  EXPECT_EQ(run({"--db", "2147483647"}).db, INT_MAX);
  for (const std::string text : {"-1", "2147483648", "1.5", "a"}) {
    EXPECT_THAT(refusal({"--db", text}), HasSubstr("--db: '" + text + "' is not a number"));
    EXPECT_THAT(refusal({}, {{"REDIS_DB", text}}), HasSubstr("REDIS_DB: '" + text + "'"));
  }
}

TEST_F(OptionsTest, AVariableThatDoesNotCountIsNotLookedAt) {
  const Variables wrong = {{"REDIS_PORT", "x"}, {"REDIS_DB", "x"}};
  EXPECT_EQ(run({"--port", "7", "--db", "1"}, wrong).port, 7);
  EXPECT_EQ(run({"--server", "redis://a"}, wrong).server, "redis://a");
}

TEST_F(OptionsTest, ThePasswordComesFromTheEnvironmentAlone) {
  EXPECT_EQ(run({}, {{"REDIS_PASSWORD", "hush"}}).password, "hush");
  EXPECT_EQ(run({}, {{"REDISCLI_AUTH", "hush"}}).password, "hush");
  EXPECT_EQ(run({}, {{"REDIS_PASSWORD", "a"}, {"REDISCLI_AUTH", "b"}}).password, "a");
  EXPECT_EQ(run({}, {{"REDIS_PASSWORD", ""}, {"REDISCLI_AUTH", "b"}}).password, "b");
}

TEST_F(OptionsTest, ThePasswordFileIsAnOptionOrAVariable) {
  const Variables file = {{"REDIS_PASSWORD_FILE", "/run/secrets/redis"}};
  EXPECT_EQ(run({}, file).password_file, "/run/secrets/redis");
  EXPECT_EQ(run({"--password-file", "/a"}, file).password_file, "/a");
  EXPECT_EQ(run({"--password-file", ""}, file).password_file, "/run/secrets/redis");
  EXPECT_EQ(run({}, {{"REDIS_PASSWORD_FILE", ""}}).password_file, "");
}

TEST_F(OptionsTest, TheUserIsAnOptionOrAVariable) {
  EXPECT_EQ(run({}, {{"REDIS_USERNAME", "job"}}).user, "job");
  EXPECT_EQ(run({"--user", "option"}, {{"REDIS_USERNAME", "job"}}).user, "option");
}

TEST_F(OptionsTest, TlsIsConfiguredByOptionsOrVariables) {
  const Options given = run({"--server", "rediss://a", "--tls-ca", "/ca", "--tls-cert", "/cert",
                             "--tls-key", "/key", "--tls-server-name", "redis.example"});
  EXPECT_EQ(given.tls_ca, "/ca");
  EXPECT_EQ(given.tls_certificate, "/cert");
  EXPECT_EQ(given.tls_key, "/key");
  EXPECT_EQ(given.tls_server_name, "redis.example");
  EXPECT_FALSE(given.tls_insecure);
  const Variables variables = {{"CLUSTER_LEADER_TLS_CA", "/ca"},
                               {"CLUSTER_LEADER_TLS_CERT", "/cert"},
                               {"CLUSTER_LEADER_TLS_KEY", "/key"},
                               {"CLUSTER_LEADER_TLS_SERVER_NAME", "name"},
                               {"REDIS_URL", "VALKEYS://a"}};
  EXPECT_EQ(run({}, variables).tls_ca, "/ca");
  EXPECT_EQ(run({}, variables).tls_key, "/key");
  EXPECT_EQ(run({"--tls-ca", "/other"}, variables).tls_ca, "/other");
  EXPECT_TRUE(
      run({}, {{"CLUSTER_LEADER_TLS_INSECURE", "1"}, {"REDIS_URL", "rediss://a"}}).tls_insecure);
  EXPECT_THAT(refusal({}, {{"CLUSTER_LEADER_TLS_INSECURE", "yes"}}),
              HasSubstr("CLUSTER_LEADER_TLS_INSECURE"));
}

TEST_F(OptionsTest, MinReplicasRequireAServer) {
  EXPECT_EQ(run({}).min_replicas, 0);
  EXPECT_EQ(run({"--min-replicas", "2"}).min_replicas, 2);
  EXPECT_EQ(refusal({"--server", "file:///a", "--min-replicas", "1"}),
            "--min-replicas requires a server: a directory has no replicas");
  run({"--server", "file:///a", "--min-replicas", "0"});
  EXPECT_THAT(refusal({"--min-replicas", "-1"}), HasSubstr("--min-replicas"));
}

TEST_F(OptionsTest, ALoginToSentinelsRequiresSentinels) {
  const std::vector<std::string> at_sentinels = {"--server", "redis+sentinel://a/m"};
  auto words = at_sentinels;
  words.insert(words.end(), {"--sentinel-user", "u", "--sentinel-password-file", "/f"});
  EXPECT_EQ(run(words).sentinel_user, "u");
  EXPECT_EQ(run(words).sentinel_password_file, "/f");
  EXPECT_EQ(refusal({"--server", "redis://a", "--sentinel-user", "u"}),
            "--sentinel-user requires Sentinels: use --server redis+sentinel://...");
  const Variables variables = {{"CLUSTER_LEADER_SENTINEL_USER", "u"},
                               {"CLUSTER_LEADER_SENTINEL_PASSWORD", "p"},
                               {"CLUSTER_LEADER_SENTINEL_PASSWORD_FILE", "/f"}};
  const Options given = run({"--server", "redis://a"}, variables);
  EXPECT_EQ(given.sentinel_user, "u");
  EXPECT_EQ(given.sentinel_password, "p");
  EXPECT_EQ(given.sentinel_password_file, "/f");
  EXPECT_EQ(run({"--server", "rediss+sentinel://a/m", "--tls-ca", "/ca"}).tls_ca, "/ca");
}

TEST_F(OptionsTest, TlsOptionsRequireTls) {
  for (const char* option : {"--tls-ca", "--tls-cert", "--tls-key", "--tls-server-name"}) {
    for (const char* server : {"redis://a", "unix:///a", "file:///a"}) {
      EXPECT_EQ(refusal({"--server", server, option, "x"}),
                std::string(option) + " requires TLS: use --server rediss://...");
    }
  }
  EXPECT_THAT(refusal({"--tls-insecure"}), HasSubstr("--tls-insecure requires TLS"));
  EXPECT_THAT(refusal({"--server", "rediss://a", "--tls-key", "x"}),
              HasSubstr("--tls-key requires --tls-cert"));
  for (const std::string& name :
       {std::string("."), std::string(".example"), std::string(254, 'a')}) {
    EXPECT_THAT(refusal({"--server", "rediss://a", "--tls-server-name", name}),
                HasSubstr("requires a host name"));
  }
  EXPECT_THAT(refusal({"--server", "rediss://a", "--tls-insecure", "--tls-ca", "x"}),
              HasSubstr("cannot be combined"));
}

// The key and the node.

TEST_F(OptionsTest, TheKeyHasNoDefaultAndIsReadFromNoVariable) {
  // CLUSTER_LEADER_KEY is set for the job: a run inside a job must not take the outer job's key.
  const Variables outer = {{"CLUSTER_LEADER_KEY", "outer"}};
  EXPECT_THAT(run({}, outer).keys, ElementsAre("job-a"));
  EXPECT_EQ(refusal({}, outer),
            "--key is required: name what the replicas compete for, as in --key job-a");
}

TEST_F(OptionsTest, AnEmptyKeyIsRefused) {
  // Replicas whose key was left blank by mistake must not meet anywhere.
  EXPECT_THAT(refusal({"--key", ""}), HasSubstr("the key must not be empty"));
  EXPECT_THAT(refusal({"--key="}), HasSubstr("the key must not be empty"));
  EXPECT_THAT(refusal({"--key=", "--prefix", "p"}), HasSubstr("the key must not be empty"));
}

TEST_F(OptionsTest, AKeyIsNotAmongOurOwnNames) {
  const std::string why =
      "--key: names that begin with 'cluster-leader:' are our own: choose another --key or "
      "--prefix";
  EXPECT_EQ(refusal({"--key", "cluster-leader:primary"}), why);
  EXPECT_EQ(refusal({"--key", "record:{k}", "--prefix", "cluster-leader:"}), why);
  run({"--key", "cluster-leader"});
}

TEST_F(OptionsTest, AKeyHasUpTo512BytesWithItsPrefix) {
  EXPECT_THAT(run({"--key", std::string(512, 'k')}).keys, ElementsAre(testing::SizeIs(512)));
  EXPECT_EQ(refusal({"--key", std::string(513, 'k')}),
            "the key has 513 bytes; at most 512 are allowed");
  run({"--key", std::string(500, 'k'), "--prefix", std::string(12, 'p')});
  refusal({"--key", std::string(500, 'k'), "--prefix", std::string(13, 'p')});
  refusal({"--key", "k"}, {{"CLUSTER_LEADER_PREFIX", std::string(512, 'p')}});
}

TEST_F(OptionsTest, ThePrefixIsAnOptionOrAVariable) {
  EXPECT_EQ(run({}, {{"CLUSTER_LEADER_PREFIX", "env:"}}).prefix, "env:");
  EXPECT_EQ(run({"--prefix", "opt:"}, {{"CLUSTER_LEADER_PREFIX", "env:"}}).prefix, "opt:");
  EXPECT_THAT(run({"--prefix", "opt:"}).keys, ElementsAre("job-a"));
}

TEST_F(OptionsTest, TheNodeIsOptionVariableHostnameOrTheMachine) {
  const Variables both = {{"CLUSTER_LEADER_NODE", "ours"}, {"HOSTNAME", "host"}};
  char name[HOST_NAME_MAX + 1] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  EXPECT_EQ(run({"--node", "option"}, both).node, "option");
  EXPECT_EQ(run({}, both).node, "ours");
  EXPECT_EQ(run({}, {{"HOSTNAME", "host"}}).node, "host");
  EXPECT_EQ(run({}).node, name);
  EXPECT_EQ(run({"--node", std::string(255, 'n')}).node.size(), 255U);
  EXPECT_THAT(refusal({"--node", std::string(256, 'n')}), HasSubstr("label of this node"));
}

// The lease.

TEST_F(OptionsTest, TheTimelineFollowsFromTheTtl) {
  const Timeline ten = run({}).timeline;
  EXPECT_EQ(ten.ttl, seconds(10));
  EXPECT_EQ(ten.heartbeat, seconds(2));
  EXPECT_EQ(ten.kill_after, seconds(2));
  EXPECT_EQ(ten.margin, seconds(1));
  EXPECT_EQ(ten.connect, seconds(2));
  const Timeline minute = run({"--ttl", "1m"}).timeline;
  EXPECT_EQ(minute.ttl, seconds(60));
  EXPECT_EQ(minute.heartbeat, seconds(12));
  EXPECT_EQ(minute.kill_after, seconds(12));
}

TEST_F(OptionsTest, ATtlIsASecondToADay) {
  EXPECT_EQ(run({"--ttl", "1"}).timeline.ttl, seconds(1));
  EXPECT_EQ(run({"--ttl", "1d"}).timeline.ttl, seconds(86400));
  for (const std::string text : {"0", "999ms", "86401", "2d"}) {
    EXPECT_THAT(refusal({"--ttl", text}), HasSubstr("the ttl must be between 1 s and 1 d"));
  }
  for (const std::string text : {"-1", "10x", "ten", "inf", "10 s", "10mins"}) {
    EXPECT_THAT(refusal({"--ttl", text}),
                HasSubstr("--ttl: '" + text + "' is not a valid duration ("));
  }
}

TEST_F(OptionsTest, AHeartbeatIsAtMostAThirdOfTheTtl) {
  EXPECT_EQ(run({"--ttl", "9", "--heartbeat", "3"}).timeline.heartbeat, seconds(3));
  EXPECT_THAT(refusal({"--ttl", "9", "--heartbeat", "3.1"}), HasSubstr("at most a third"));
  EXPECT_THAT(refusal({"--heartbeat", "0"}), HasSubstr("more than 0"));
}

TEST_F(OptionsTest, WhatDoesNotFitIntoTheTtlIsRefused) {
  EXPECT_EQ(run({"-k", "5.9"}).timeline.kill_after, milliseconds(5900));
  EXPECT_THAT(refusal({"-k", "6"}), HasSubstr("do not fit into a ttl of 10 s"));
  EXPECT_THAT(refusal({"--ttl", "2", "-k", "2"}), HasSubstr("do not fit into a ttl of 2 s"));
  EXPECT_THAT(refusal({"--ttl", "1", "--heartbeat", "333ms", "-k", "250ms"}),
              HasSubstr("do not fit"));
}

TEST_F(OptionsTest, KillAfterThatIsGivenAlsoCountsAfterAForwardedSignal) {
  EXPECT_FALSE(run({}).policy.kill_after_forwarded);
  EXPECT_TRUE(run({"-k", "2"}).policy.kill_after_forwarded);
  EXPECT_TRUE(run({"--kill-after=0"}).policy.kill_after_forwarded);
  EXPECT_EQ(run({"--kill-after=0"}).timeline.kill_after, seconds(0));
}

TEST_F(OptionsTest, AConnectTimeoutIsNeverMoreThanAThirdOfTheTtl) {
  EXPECT_EQ(run({"--connect-timeout", "500ms"}).timeline.connect, milliseconds(500));
  EXPECT_EQ(run({"--ttl", "9", "--connect-timeout", "1h"}).timeline.connect, seconds(3));
  EXPECT_EQ(run({"--ttl", "3"}).timeline.connect, seconds(1));
  EXPECT_THAT(refusal({"--connect-timeout", "0"}), HasSubstr("--connect-timeout"));
}

TEST_F(OptionsTest, TryingOnceIsTheDefault) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"-n"},
                                                {"--nonblock"},
                                                {"-w", "0"},
                                                {"-n", "-w0"},
                                                {"-w0ms"}}) {
    const Policy policy = run(words).policy;
    EXPECT_FALSE(policy.waits_while_busy());
    EXPECT_EQ(policy.patience, seconds(2));
  }
}

TEST_F(OptionsTest, WaitingIsBoundedOrForEver) {
  for (const std::string name : {"-w", "--wait", "--timeout"}) {
    const Policy policy = run({name, "1m"}).policy;
    EXPECT_TRUE(policy.waits_while_busy());
    EXPECT_EQ(policy.patience, seconds(60));
  }
  EXPECT_EQ(run({"-w", "inf"}).policy.patience, kForever);
  EXPECT_EQ(run({"-winf"}).policy.patience, kForever);
  // A server that can be reached is never given up before it could answer.
  EXPECT_EQ(run({"-w", "1ms"}).policy.patience, seconds(2));
  EXPECT_EQ(run({"-w", "1ms"}).policy.busy_patience, std::chrono::milliseconds(1));
  EXPECT_EQ(run({"-w", "1m"}).policy.busy_patience, seconds(60));
  EXPECT_EQ(run({"--join"}).policy.busy_patience, kForever);
  EXPECT_THAT(refusal({"-w", "-1"}), HasSubstr("--wait"));
  EXPECT_THAT(refusal({"-w", "for ever"}), HasSubstr("--wait"));
}

TEST_F(OptionsTest, TryingOnceAndWaitingExcludeEachOther) {
  EXPECT_THAT(refusal({"-n", "-w", "5"}), HasSubstr("cannot be combined"));
  EXPECT_THAT(refusal({"-w", "inf", "--nonblock"}), HasSubstr("cannot be combined"));
}

// The job.

TEST_F(OptionsTest, TheStopSignalIsANameOrANumber) {
  EXPECT_EQ(run({}).stop_signal, 15);
  EXPECT_EQ(run({"-s", "INT"}).stop_signal, 2);
  EXPECT_EQ(run({"-s", "SIGUSR1"}).stop_signal, 10);
  EXPECT_EQ(run({"-s9"}).stop_signal, 9);
  for (const std::string text : {"FOO", "0", "-1", "65", "SIG", "SIGSIGTERM", "TERM "}) {
    EXPECT_EQ(refusal({"--signal", text}), "--signal: '" + text + "' is not a signal");
  }
}

TEST_F(OptionsTest, AFollowersStatusIsANumberFrom0To255) {
  EXPECT_EQ(run({"-E", "0"}).follower_status, 0);
  EXPECT_EQ(run({"--conflict-exit-code", "255"}).follower_status, 255);
  EXPECT_EQ(run({"--follower-code=1"}).follower_status, 1);
  for (const std::string text : {"600", "256", "-1", "abc", "1.0", "75x", " 75"}) {
    EXPECT_EQ(refusal({"-E", text}),
              "--conflict-exit-code: '" + text + "' is not a number from 0 to 255");
  }
}

TEST_F(OptionsTest, WithoutAServerARunFailsSkipsOrGoesAhead) {
  using enum Options::IfUnavailable;
  EXPECT_EQ(run({}).if_unavailable, kFail);
  EXPECT_EQ(run({"--if-unavailable", "fail"}).if_unavailable, kFail);
  EXPECT_EQ(run({"--if-unavailable", "skip"}).if_unavailable, kSkip);
  EXPECT_EQ(run({"--if-unavailable", "run"}).if_unavailable, kRun);
  EXPECT_THAT(refusal({"--if-unavailable", "Run"}), HasSubstr("'Run' is not fail, skip or run"));
}

// What is said.

TEST_F(OptionsTest, TheLogLevelAndFormatAreOptionsOrAVariable) {
  using enum Options::LogLevel;
  using enum Options::LogFormat;
  EXPECT_EQ(run({}).log_level, kNormal);
  EXPECT_EQ(run({"-q"}).log_level, kQuiet);
  EXPECT_EQ(run({"--verbose"}).log_level, kVerbose);
  EXPECT_EQ(run({"--log-format", "json"}).log_format, kJson);
  const Options options = run({}, {{"CLUSTER_LEADER_LOG", "verbose,json"}});
  EXPECT_EQ(options.log_level, kVerbose);
  EXPECT_EQ(options.log_format, kJson);
}

TEST_F(OptionsTest, WhatIsSaidOnTheCommandLineGoesBeforeTheLogVariable) {
  const Variables loud = {{"CLUSTER_LEADER_LOG", "verbose,json"}};
  EXPECT_EQ(run({"-q"}, loud).log_level, Options::LogLevel::kQuiet);
  EXPECT_EQ(run({"--log-format", "text"}, loud).log_format, Options::LogFormat::kText);
}

TEST_F(OptionsTest, QuietAndVerboseExcludeEachOther) {
  EXPECT_THAT(refusal({"-q", "-v"}), HasSubstr("cannot be combined"));
  EXPECT_THAT(refusal({"--log-format", "xml"}), HasSubstr("'xml' is not text or json"));
  EXPECT_THAT(refusal({}, {{"CLUSTER_LEADER_LOG", "loud"}}), HasSubstr("'loud'"));
}

}  // namespace
}  // namespace cluster_leader
