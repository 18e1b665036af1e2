// A RedisStore on proxies and hosted services, which answer as their users report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "store/measurements.h"
#include "store/redis/shared_server.h"
#include "store/redis/store.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/grown_server.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Words = RespProxy::Words;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

class RedisProxyTest : public SharedServerTest {
 protected:
  Contender contender(const std::string& node) const { return make_contender(key_, node, 10s); }

  /// A lease can be acquired, renewed and released at `location`.
  void expect_lease(const RedisLocation& location) const {
    for (const bool listening : {false, true}) {
      auto store = open_at(location, contender("a"), listening);
      expect_renewed(*store, expect_granted(*store).token);
      expect_released(*store);
    }
  }

  /// A waiting candidate learns of a release long before its timer says so.
  void expect_wake_up(const RedisLocation& location) const {
    auto holder = open_at(location, contender("a"));
    auto waiter = open_at(location, contender("b"), true);
    expect_granted(*holder);
    expect<Busy>(ask(*waiter, RequestKind::kAcquire));
    ASSERT_TRUE(waiter->await_notice(5s)) << "its events are subscribed to";
    expect<Busy>(ask(*waiter, RequestKind::kAcquire));
    expect_released(*holder);
    const auto notice = waiter->await_notice(5s);
    ASSERT_TRUE(notice);
    EXPECT_EQ(notice->kind, Notice::Kind::kFree);
    expect_granted(*waiter);
    expect_released(*waiter);
  }
};

TEST_F(RedisProxyTest, AProxyThatDoesNotKnowHelloIsUsedInResp2) {
  // Envoy
  RespProxy proxy(server_->tcp(), [](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "HELLO") return "-unsupported command 'HELLO'\r\n";
    return std::nullopt;
  });
  expect_lease(proxy.location());
  expect_wake_up(proxy.location());
}

TEST_F(RedisProxyTest, AProxyThatDemandsAuthBeforeAllElseGetsIt) {
  // Envoy with a password of its own
  bool is_in[16] = {};
  RespProxy proxy(server_->tcp(),
                  [&](int client, const Words& words) -> std::optional<std::string> {
                    if (words[0] == "AUTH") {
                      is_in[client % 16] = words[1] == "s3cret";
                      return is_in[client % 16] ? "+OK\r\n" : "-ERR invalid password\r\n";
                    }
                    if (!is_in[client % 16] || words[0] == "HELLO")
                      return "-NOAUTH Authentication required.\r\n";
                    return std::nullopt;
                  });
  RedisLocation location = proxy.location();
  EXPECT_EQ(expect_failed(*open_at(location, contender("a"))).trouble, Trouble::kDenied);
  location.credentials.password = "wrong";
  EXPECT_EQ(expect_failed(*open_at(location, contender("a"))).trouble, Trouble::kDenied);
  location.credentials.password = "s3cret";
  expect_lease(location);
}

TEST_F(RedisProxyTest, AProxyThatAnswersHelloInAnOlderProtocolIsUsedInResp2) {
  RespProxy proxy(server_->tcp(), [](int, const Words& words) -> std::optional<std::string> {
    if (words[0] != "HELLO") return std::nullopt;
    return "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:2\r\n";
  });
  expect_lease(proxy.location());
  expect_wake_up(proxy.location());
}

TEST_F(RedisProxyTest, WhateverElseAnswersHelloIsUsedInResp2) {
  for (const std::string reply :
       {"+OK\r\n", "*0\r\n", "$-1\r\n", "-\r\n", "*2\r\n$5\r\nproto\r\n:3\r\n",
        "%1\r\n$5\r\nproto\r\n$1\r\n2\r\n"}) {
    RespProxy proxy(server_->tcp(), [&](int, const Words& words) -> std::optional<std::string> {
      if (words[0] == "HELLO") return reply;
      return std::nullopt;
    });
    expect_lease(proxy.location());
  }
}

TEST_F(RedisProxyTest, AKeyThatIsParkedForUsIsNeverFreeWhileTheProtocolIsFoundOut) {
  RespProxy proxy(server_->tcp(), [](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    return std::nullopt;
  });
  Contender one = contender("a");
  one.candidate.identity = "a/boot";
  server_->command({"SET", one.candidacy.key.value, "parked:a/boot", "PX", "10000"});
  const long long deleted = server_->calls("del");
  expect_granted(*open_at(proxy.location(), one));
  EXPECT_EQ(server_->calls("del"), deleted);
}

TEST_F(RedisProxyTest, AReleaseWhoseAnswerIsNoneMayStillCome) {
  // From now on the server knows the scripts, and executes what comes behind a login that fails.
  expect_lease(server_->tcp());
  RespProxy proxy(server_->tcp(), [](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "SELECT") return "-ERR DB index is out of range\r\n";
    const bool is_release = words[0] == "EVAL" && words.size() == 8;
    if (is_release) return "-upstream failure\r\n";
    return std::nullopt;
  });
  RedisLocation location = proxy.location();
  location.db = 1;
  const Failed failed = expect_failed(*open_at(location, contender("a")));
  EXPECT_TRUE(failed.id_spent) << "the release would delete a later lease of the same id";
  EXPECT_TRUE(failed.unknown);
}

TEST_F(RedisProxyTest, EventsThatAreNotAnsweredAreAskedForAgain) {
  RespProxy proxy(server_->tcp(), [](int client, const Words& words) -> std::optional<std::string> {
    // The first two connections of the waiter are for requests.
    if (client == 3) return "";
    if (words[0] == "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    return std::nullopt;
  });
  auto holder = open_at(server_->tcp(), contender("a"));
  Contender other = contender("b");
  expect_granted(*holder);
  auto waiter = open_at(proxy.location(), other, true);
  expect<Busy>(ask(*waiter, RequestKind::kAcquire));
  // The end of its first connection is one too.
  for (int i = 0; i < 3 && proxy.connections() < 4; ++i) waiter->await_notice(9s);
  EXPECT_GE(proxy.connections(), 4);
}

TEST_F(RedisProxyTest, AServerThatNeverKnowsItsAgeIsNotAskedForEver) {
  int requests = 0;
  RespProxy proxy(server_->tcp(), [&](int, const Words& words) -> std::optional<std::string> {
    if (words[0] != "EVAL" && words[0] != "EVALSHA") return std::nullopt;
    ++requests;
    return "*1\r\n$7\r\nageless\r\n";
  });
  EXPECT_EQ(expect_failed(*open_at(proxy.location(), contender("a"))).trouble,
            Trouble::kMisconfigured);
  EXPECT_EQ(requests, 2);
}

TEST_F(RedisProxyTest, AServerThatForgetsItsScriptsMayHaveRestarted) {
  GrownServer server({"--rename-command", "INFO", ""});
  Contender one = contender("a");
  one.candidate.ttl = 1s;
  auto store = open_at(server.tcp(), one);
  expect<Young>(ask(*store, RequestKind::kAcquire));
  store->await_notice(2100ms);
  // As if the proxy had kept the connection.
  server.command({"SCRIPT", "FLUSH"});
  expect<Young>(ask(*store, RequestKind::kAcquire));
}

TEST_F(RedisProxyTest, AnotherRunIdIsARestartBehindAProxy) {
  // Its scripts do not know INFO, and the clock was set back, so that only watching it helps.
  GrownServer server({"--rename-command", "INFO", ""});
  std::string run_id = "aaaa";
  RespProxy proxy(server.tcp(), [&](int, const Words& words) -> std::optional<std::string> {
    if (words[0] != "INFO") return std::nullopt;
    const std::string info = "uptime_in_seconds:-3600\r\nrun_id:" + run_id + "\r\n";
    return "$" + std::to_string(info.size()) + "\r\n" + info + "\r\n";
  });
  Contender one = contender("a");
  one.candidate.ttl = 1s;
  auto store = open_at(proxy.location(), one);
  expect<Young>(ask(*store, RequestKind::kAcquire));
  store->await_notice(2100ms);
  run_id = "bbbb";
  const Young young = expect<Young>(ask(*store, RequestKind::kAcquire));
  EXPECT_THAT(young.hidden_because, HasSubstr("clock"));
  store->await_notice(2100ms);
  expect_granted(*store);
  EXPECT_EQ(proxy.connections(), 2) << "the second one has confirmed the grant";
}

TEST_F(RedisProxyTest, AProxyThatCannotAskItsServerMayHideARestart) {
  GrownServer server({"--rename-command", "INFO", ""});
  bool is_down = false;
  RespProxy proxy(server.tcp(), [&](int, const Words& words) -> std::optional<std::string> {
    if (words[0] != "INFO") return std::nullopt;
    return is_down ? "-upstream failure\r\n" : "$20\r\nuptime_in_seconds:-1\r\n";
  });
  Contender one = contender("a");
  one.candidate.ttl = 1s;
  auto store = open_at(proxy.location(), one);
  expect<Young>(ask(*store, RequestKind::kAcquire));
  store->await_notice(2100ms);
  is_down = true;
  expect<Young>(ask(*store, RequestKind::kAcquire));
  store->await_notice(2100ms);
  expect_granted(*store);
}

TEST_F(RedisProxyTest, AWritableReplicaIsRefusedInResp2) {
  for (const bool has_role : {true, false}) {
    RespProxy proxy(server_->tcp(), [&](int, const Words& words) -> std::optional<std::string> {
      if (words[0] == "HELLO") return "-ERR unknown command 'HELLO'\r\n";
      if (words[0] == "ROLE" && has_role) return "*2\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n";
      if (words[0] == "ROLE") return "-NOPERM this user has no permissions to run ROLE\r\n";
      if (words[0] == "INFO") return "$28\r\n# Replication\r\nrole:slave\r\na\r\n";
      return std::nullopt;
    });
    const Failed failed = expect_failed(*open_at(proxy.location(), contender("a")));
    EXPECT_EQ(failed.trouble, Trouble::kNotServing);
    EXPECT_THAT(failed.text, HasSubstr("replica"));
    EXPECT_EQ(server_->text({"GET", contender("a").candidacy.key.value}), "(nil)");
  }
}

TEST_F(RedisProxyTest, AServerThatIsTooBusyToSayItsRoleIsNotTakenForAPrimary) {
  bool is_busy = true;
  RespProxy proxy(server_->tcp(), [&](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (is_busy && (words[0] == "ROLE" || words[0] == "INFO")) {
      return "-BUSY Redis is busy running a script.\r\n";
    }
    return std::nullopt;
  });
  const Failed failed = expect_failed(*open_at(proxy.location(), contender("a")));
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("busy with a long script"));
  EXPECT_EQ(server_->text({"GET", contender("a").candidacy.key.value}), "(nil)");
  is_busy = false;
  expect_lease(proxy.location());
}

TEST_F(RedisProxyTest, EventsConnectAgainWhenTheirConnectionBreaks) {
  int events = 0;
  RespProxy proxy(server_->tcp(), [&](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (words[0] == "SUBSCRIBE" && ++events == 2) return RespProxy::kClose;
    return std::nullopt;
  });
  expect_wake_up(proxy.location());
  EXPECT_EQ(events, 3) << "one behind HELLO, and one that is closed";
}

TEST_F(RedisProxyTest, WithoutTheRightToSubscribeOnlyTheTimerWakes) {
  RespProxy proxy(server_->tcp(), [](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (words[0] == "SUBSCRIBE") return "-NOPERM no channels\r\n";
    return std::nullopt;
  });
  expect_lease(proxy.location());
}

TEST_F(RedisProxyTest, APasswordForAServerWithoutOneIsNoMistake) {
  RedisLocation location = server_->tcp();
  location.credentials.password = "needless";
  expect_lease(location);
}

TEST_F(RedisProxyTest, WithoutHelloAndWithoutAPasswordTheServerDemandsOne) {
  // An early protocol error, since a client that has not logged in may only send little.
  Server server(REDIS_SERVER, {"--rename-command", "HELLO", "", "--requirepass", "s3cret"});
  const Failed failed = expect_failed(*open_at(server.tcp(), contender("a"), true));
  EXPECT_EQ(failed.trouble, Trouble::kDenied);
  EXPECT_THAT(failed.text, HasSubstr("password"));
}

TEST_F(RedisProxyTest, WhereScriptsMayNotRunInfoTheStoreDoes) {
  // Redis Enterprise and Redis Cloud
  RespProxy proxy(server_->tcp(),
                  refuses_in_scripts("INFO", "ERR command is not supported for scripts"));
  expect_lease(proxy.location());
}

TEST_F(RedisProxyTest, ManyCandidaciesAskHowOldTheServerIs) {
  int asked = 0;
  const auto refuse = refuses_in_scripts("INFO", "ERR command is not supported for scripts");
  RespProxy proxy(server_->tcp(), [&](int client, Words& words) {
    if (words == Words{"INFO"}) ++asked;
    return refuse(client, words);
  });
  LoopedStore looped(std::make_unique<RedisStore>(proxy.location(), contender("a").candidate));
  for (std::size_t i = 0; i < 20; ++i) {
    looped.add({{"many-" + std::to_string(i)}, fresh_holder("a")});
    looped.send(RequestKind::kAcquire, {}, i);
  }
  for (std::size_t i = 0; i < 20; ++i) expect<Granted>(looped.await_answer(kPatience, i));
  // Those that wait for the answer together share it.
  EXPECT_GE(asked, 1);
  EXPECT_LE(asked, 20);
}

TEST_F(RedisProxyTest, WhereScriptsMayNotRunInfoAYoungServerIsStillYoung) {
  Server young(REDIS_SERVER);
  RespProxy proxy(young.tcp(),
                  refuses_in_scripts("INFO", "ERR command is not supported for scripts"));
  const auto answer = ask(*open_at(proxy.location(), contender("a")), RequestKind::kAcquire);
  EXPECT_THAT(expect<Young>(answer).hidden_because, testing::IsEmpty());
}

TEST_F(RedisProxyTest, AServerWithoutInfoIsWatchedForATtl) {
  GrownServer server({"--rename-command", "INFO", ""});
  Contender one = contender("a");
  one.candidate.ttl = 1s;
  auto store = open_at(server.tcp(), one);
  const Young young = expect<Young>(ask(*store, RequestKind::kAcquire));
  EXPECT_EQ(young.hidden_because, "the server has no INFO");
  EXPECT_THAT(describe(young), AllOf(HasSubstr("not known"), HasSubstr("no INFO")));
  EXPECT_GT(young.rest, 1s);
  // Its connection stays open, and a restart would break it.
  std::optional<Answer> answer;
  for (int i = 0; i < 5 && (!answer || std::holds_alternative<Young>(*answer)); ++i) {
    store->await_notice(1s);
    answer = ask(*store, RequestKind::kAcquire);
  }
  expect<Granted>(answer);
}

TEST_F(RedisProxyTest, AUserWithoutInfoIsToldTheRight) {
  RespProxy proxy(server_->tcp(), [](int client, Words& words) -> std::optional<std::string> {
    if (words[0] == "INFO") return "-NOPERM this user has no permissions to run 'info'\r\n";
    return refuses_in_scripts("INFO", "NOPERM no permissions to run info")(client, words);
  });
  const auto answer = ask(*open_at(proxy.location(), contender("a")), RequestKind::kAcquire);
  EXPECT_THAT(describe(expect<Young>(answer)), HasSubstr("+info"));
}

TEST_F(RedisProxyTest, AnUptimeThatMakesNoSenseIsNotBelieved) {
  RespProxy proxy(server_->tcp(), [](int client, Words& words) -> std::optional<std::string> {
    if (words[0] == "INFO") return "$33\r\n# Server\r\nuptime_in_seconds:-3599\r\n";
    return refuses_in_scripts("INFO", "ERR not supported for scripts")(client, words);
  });
  const auto answer = ask(*open_at(proxy.location(), contender("a")), RequestKind::kAcquire);
  EXPECT_THAT(describe(expect<Young>(answer)), HasSubstr("clock"));
}

TEST_F(RedisProxyTest, AServiceThatRefusesTimeInScriptsIsNamed) {
  // ElastiCache Serverless
  RespProxy proxy(server_->tcp(),
                  refuses_in_scripts("TIME", "ERR This Redis command is not allowed from script"));
  for (const RequestKind kind : {RequestKind::kAcquire, RequestKind::kRenew}) {
    const Failed failed = expect_failed(*open_at(proxy.location(), contender("a")), kind, {7});
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_THAT(failed.text, HasSubstr("TIME in scripts"));
  }
}

TEST_F(RedisProxyTest, AMissingCommandIsNamedAndTheScriptIsNotQuoted) {
  Server server(REDIS_SERVER, {"--rename-command", "EVALSHA", ""});
  Server no_eval(REDIS_SERVER, {"--rename-command", "EVAL", ""});
  for (const auto& [location, name] :
       {std::pair(server.tcp(), "no EVALSHA"), std::pair(no_eval.tcp(), "no EVAL ")}) {
    const Failed failed = expect_failed(*open_at(location, contender("a")));
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_THAT(failed.text, AllOf(HasSubstr(name), HasSubstr("renamed"), Not(HasSubstr("local")),
                                   Not(HasSubstr("ACL")), Not(HasSubstr("rights"))));
  }
  Server no_hset(REDIS_SERVER, {"--rename-command", "HMGET", ""});
  const Failed failed = expect_failed(*open_at(no_hset.tcp(), contender("a")));
  EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
  EXPECT_THAT(failed.text, AllOf(HasSubstr("doctor"), Not(HasSubstr("rights"))));
}

TEST_F(RedisProxyTest, DoctorTriesEachCommandInsideAScript) {
  const auto measured_at = [&](const RedisLocation& location) {
    return measure(location, "", contender("doctor").candidate, 5s);
  };
  const auto refuse = [&](const std::string& command) {
    return std::make_unique<RespProxy>(
        server_->tcp(), [command](int, Words& words) -> std::optional<std::string> {
          const std::string try_it = "try('" + command + "'";
          const std::size_t at = words[0] == "EVAL" ? words[1].find(try_it) : std::string::npos;
          if (at != std::string::npos) {
            words[1].replace(at, words[1].find(')', at) + 1 - at,
                             "'ERR not supported for scripts'");
          }
          return std::nullopt;
        });
  };
  using Cause = Refusal::Cause;
  for (const std::string command : {"TIME", "INFO", "PUBLISH", "HMGET"}) {
    std::string right = command;
    for (char& c : right) c = static_cast<char>(std::tolower(c));
    EXPECT_THAT(measured_at(refuse(command)->location()).refusals,
                testing::ElementsAre(Refusal{right, Cause::kScript}));
  }
}

TEST_F(RedisProxyTest, DoctorSaysThatTheServerIsBusyAndDoesNotSpeakOfRights) {
  RespProxy proxy(server_->tcp(), [](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "HELLO") return std::nullopt;
    return "-BUSY Redis is busy running a script. You can only call SCRIPT KILL\r\n";
  });
  const RedisMeasurements measured =
      measure(proxy.location(), "", contender("doctor").candidate, 5s);
  ASSERT_TRUE(measured.failure);
  EXPECT_EQ(measured.failure->trouble, Trouble::kNotServing);
  EXPECT_THAT(measured.failure->text, HasSubstr("busy with a long script"));
  EXPECT_THAT(measured.refusals, testing::IsEmpty());
}

TEST_F(RedisProxyTest, AProxyThatClosesAtHelloIsNotSupportedAndTheTextSaysSo) {
  // As twemproxy, which spreads keys over servers, does at each command that it does not know.
  RespProxy proxy(server_->tcp(), [](int, const Words& words) -> std::optional<std::string> {
    if (words[0] == "AUTH") return "+OK\r\n";
    return RespProxy::kClose;
  });
  RedisLocation location = proxy.location();
  for (const std::string password : {"", "s3cret"}) {
    location.credentials.password = password;
    const Failed failed = expect_failed(*open_at(location, contender("a")));
    EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
    EXPECT_THAT(failed.text, HasSubstr("is it a proxy such as twemproxy, which is not supported?"));
    EXPECT_EQ(failed.text.find("rediss://") == failed.text.npos, !password.empty())
        << "with a password, it has answered without TLS";
  }
  EXPECT_EQ(server_->text({"GET", contender("a").candidacy.key.value}), "(nil)");
}

TEST_F(RedisProxyTest, ATlsPortResetsAPlainConnectionAndTheTextAsks) {
  RespProxy proxy(server_->tcp(),
                  [](int, Words&) -> std::optional<std::string> { return RespProxy::kClose; });
  const Failed failed = expect_failed(*open_at(proxy.location(), contender("a")));
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_THAT(failed.text, HasSubstr("rediss://"));
}

}  // namespace
}  // namespace cluster_leader
