#include "store/redis/replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cluster_leader {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

namespace {

Trouble trouble_of(std::string_view error) { return failure_of_request(error).trouble; }

}  // namespace

TEST(RedisRepliesTest, AnErrorIsKnownByItsFirstWord) {
  EXPECT_EQ(error_code("NOSCRIPT No matching script. Please use EVAL."), "NOSCRIPT");
  EXPECT_EQ(error_code("LOADING"), "LOADING");
  EXPECT_EQ(error_code(""), "");
}

TEST(RedisRepliesTest, AnErrorInsideAScriptIsKnownByItsOwnWord) {
  EXPECT_EQ(error_code("WRONGTYPE Operation against a key holding the wrong kind of value script: "
                       "5e0, on @user_script:12."),
            "WRONGTYPE");
  EXPECT_EQ(error_code("ERR Error running script (call to f_5e0): @user_script:12: WRONGTYPE "
                       "Operation against a key holding the wrong kind of value"),
            "WRONGTYPE");
  EXPECT_EQ(error_code("ERR Error running script (call to f_5e0): @user_script: 12: -OOM command "
                       "not allowed when used memory > 'maxmemory'."),
            "OOM");
}

TEST(RedisRepliesTest, EveryErrorIsOneKindOfTrouble) {
  for (const char* error :
       {"READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down", "LOADING Redis is loading",
        "BUSY Redis is busy running a script.", "CLUSTERDOWN Hash slot", "OOM command not allowed",
        "MISCONF Redis is configured to save", "NOREPLICAS Not enough good replicas to write.",
        "TRYAGAIN Multiple keys", "ERR max number of clients reached"}) {
    EXPECT_EQ(trouble_of(error), Trouble::kNotServing) << error;
  }
  for (const char* error :
       {"NOAUTH Authentication required.", "WRONGPASS invalid username-password pair",
        "NOPERM this user has no permissions to run the 'evalsha' command",
        "ERR The user executing the script can't run this command or subcommand script: 85, on "
        "@user_script:55.",
        "ERR ACL failure in script: User u has no permissions to run the 'info' command",
        "DENIED Redis is running in protected mode"}) {
    EXPECT_EQ(trouble_of(error), Trouble::kDenied) << error;
  }
  for (const char* error :
       {"MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "WRONGTYPE Operation against a key", "ERR unknown command 'EVALSHA'", "ERR"}) {
    EXPECT_EQ(trouble_of(error), Trouble::kMisconfigured) << error;
  }
}

TEST(RedisRepliesTest, AMissingRightIsNamed) {
  EXPECT_THAT(failure_of_request("ERR ACL failure in script: User u has no permissions to run the "
                                 "'info' command script: 853, on @user_script:55.")
                  .text,
              HasSubstr("'info' command"));
  // Redis 7.0 does not say which, so that we say which there are.
  EXPECT_THAT(failure_of_request("ERR The user executing the script can't run this command or "
                                 "subcommand script: 853, on @user_script:55.")
                  .text,
              HasSubstr("pexpire"));
}

TEST(RedisRepliesTest, AConnectionIsClosedForErrorsThatConcernAllOfIt) {
  for (const char* error :
       {"READONLY You can't write against a read only replica.", "MASTERDOWN Link with MASTER",
        "NOAUTH Authentication required.", "WRONGPASS invalid username-password pair",
        "NOPERM User a has no permissions to run the 'evalsha' command",
        "ERR max number of clients reached"}) {
    EXPECT_TRUE(spoils_connection(error)) << error;
  }
  for (const char* error :
       {"NOPERM No permissions to access a key",
        "NOPERM this user has no permissions to access one of the keys used as arguments",
        "LOADING Redis is loading", "OOM command not allowed",
        "WRONGTYPE Operation against a key"}) {
    EXPECT_FALSE(spoils_connection(error)) << error;
  }
}

TEST(RedisRepliesTest, AServerThatIsLoadingIsAskedAgainSoonButNotByAllAtOnce) {
  const Duration first = failure_of_request("LOADING Redis is loading").retry_after;
  bool differs = false;
  for (int i = 0; i < 50; ++i) {
    const Duration pause = failure_of_request("LOADING Redis is loading").retry_after;
    EXPECT_GE(pause, 100ms);
    EXPECT_LE(pause, 250ms);
    differs = differs || pause != first;
  }
  EXPECT_TRUE(differs);
}

TEST(RedisRepliesTest, NoErrorMayQuoteThePassword) {
  const std::string echo =
      "ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `u`, `s3cret`, ";
  EXPECT_THAT(failure_of_login(echo).text, Not(HasSubstr("s3cret")));
}

TEST(RedisRepliesTest, AMissingCommandIsNamedWithoutItsArguments) {
  for (const std::string error :
       {"ERR unknown command 'evalsha', with args beginning with: 'local lock' ",
        "ERR unknown command `EVALSHA`, with args beginning with: `local lock`, "}) {
    EXPECT_EQ(failure_of_request(error).text, "the server has no EVALSHA (renamed or disabled?)");
  }
  // A script does not learn which of its commands it was.
  EXPECT_THAT(failure_of_request("ERR Unknown Redis command called from script script: 5e0, on "
                                 "@user_script:12.")
                  .text,
              HasSubstr("`cluster-leader doctor`"));
  EXPECT_THAT(failure_of_request("ERR refused, with args beginning with: 'local lock'").text,
              Not(HasSubstr("lock")));
}

TEST(RedisRepliesTest, WhatAProxySaysInItsOwnWordsMayPass) {
  for (const char* error : {"upstream failure", "no healthy upstream", ""}) {
    const Failed failed = failure_of_request(error);
    EXPECT_EQ(failed.trouble, Trouble::kNotServing) << error;
    EXPECT_TRUE(failed.unknown) << "the server may have executed it";
    EXPECT_EQ(failure_of_select(error, 1).trouble, Trouble::kNotServing) << error;
  }
  EXPECT_EQ(failure_of_select("ERR DB index is out of range", 1).trouble, Trouble::kMisconfigured);
}

TEST(RedisRepliesTest, TimeThatScriptsMayNotReadIsNamed) {
  for (const std::string error :
       {"NOTIME ERR This Redis command is not allowed from script script: 5e0, on @user_script:1.",
        "NOTIME ERR command is not supported for scripts"}) {
    const Failed failed = failure_of_request(error);
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_THAT(failed.text, HasSubstr("refuses TIME in scripts"));
  }
  for (const std::string server : {"command", "Redis command"}) {
    EXPECT_THAT(failure_of_request("NOTIME ERR Unknown " + server + " called from script").text,
                HasSubstr("has no TIME"));
  }
  EXPECT_EQ(trouble_of("NOTIME NOPERM User a has no permissions to run the 'time' command"),
            Trouble::kDenied);
}

TEST(RedisRepliesTest, AMessageIsOneLineWhateverTheServerSends) {
  EXPECT_THAT(failure_of_request("ERR a\r\nb\tc\x1b[0m").text, Not(HasSubstr("\n")));
  EXPECT_THAT(failure_of_request("ERR a\x1b[0m").text, Not(HasSubstr("\x1b")));
  EXPECT_LT(failure_of_request("ERR " + std::string(10000, 'x')).text.size(), 400u);
}

}  // namespace cluster_leader
