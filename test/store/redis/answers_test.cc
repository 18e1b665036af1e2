// What a RedisStore makes of answers that say nothing about the lease: of a candidate's request and
// of a holder's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "store/redis/shared_server.h"
#include "store/redis/store.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/command.h"
#include "support/grown_server.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;
using Words = RespProxy::Words;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

/// An error in place of what a script returns, and what is made of it.
struct Refused {
  const char* error;
  Trouble trouble;
  const char* cause;  ///< part of the message
  bool closes;        ///< the next request goes over another connection
  Duration least{};   ///< the pause before it
  Duration most{};
  bool may_be_executed = false;
};

constexpr Refused kRefused[] = {
    {"READONLY You can't write against a read only replica. script: 5e0, on @user_script:12.",
     Trouble::kNotServing, "read-only replica", true},
    {"ERR Error running script (call to f_5e0): @user_script:12: @user_script: 12: -READONLY You "
     "can't write against a read only replica.",
     Trouble::kNotServing, "read-only replica", true},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
     Trouble::kNotServing, "lost its primary", true},
    {"LOADING Redis is loading the dataset in memory", Trouble::kNotServing, "loading its data",
     false, 100ms, 250ms},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
     Trouble::kNotServing, "busy with a long script", false},
    {"CLUSTERDOWN The cluster is down", Trouble::kNotServing, "cluster is down", false, 100ms,
     250ms},
    {"OOM command not allowed when used memory > 'maxmemory'.", Trouble::kNotServing,
     "out of memory", false},
    {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist",
     Trouble::kNotServing, "cannot save to disk", false},
    {"NOREPLICAS Not enough good replicas to write.", Trouble::kNotServing, "too few replicas",
     false},
    {"NOAUTH Authentication required.", Trouble::kDenied, "requires a password", true},
    {"NOPERM this user has no permissions to run the 'evalsha' command", Trouble::kDenied,
     "'evalsha' command", true},
    {"ERR ACL failure in script: User u has no permissions to run the 'pexpire' command",
     Trouble::kDenied, "'pexpire' command", true},
    {"ERR The user executing the script can't run this command or subcommand script: 5e0, on "
     "@user_script:12.",
     Trouble::kDenied, "(needed: eval evalsha get set del pttl pexpire hset hmget hdel time info",
     true},
    {"ERR max number of clients reached", Trouble::kNotServing, "raise its maxclients", true},
    {.error = "upstream failure",
     .trouble = Trouble::kNotServing,
     .cause = "answered: upstream failure",
     .closes = false,
     .may_be_executed = true},
};

/// A server that grants leases, and what is before it.
class RedisAnswersTest : public SharedServerTest {
 protected:
  std::string holder() const { return server_->text({"GET", key_.value}); }

  std::unique_ptr<LoopedStore> open(int db = 0) const {
    RedisLocation location = proxy_.location();
    location.db = db;
    return open_at(location, make_contender(key_, "a", 10s));
  }

  /// What comes of a request that gets `refused` in place of an answer.
  void expect_refused(LoopedStore& store, const Refused& refused, RequestKind kind, Token token) {
    error_ = refused.error;
    const Failed failed = expect_failed(store, kind, token);
    error_ = nullptr;
    EXPECT_EQ(failed.trouble, refused.trouble);
    EXPECT_THAT(failed.text, HasSubstr(refused.cause));
    EXPECT_GE(failed.retry_after, refused.least);
    EXPECT_LE(failed.retry_after, refused.most);
    EXPECT_EQ(failed.unknown, refused.may_be_executed);
    EXPECT_FALSE(failed.id_spent);
  }

  std::atomic<const char*> error_ = nullptr;  ///< the answer to each script; null: the server's
  std::atomic<int> asked_on_ = 0;             ///< the connection on which the last script came
  const RespProxy proxy_{server_->tcp(),
                         [this](int connection, Words& words) -> std::optional<std::string> {
                           if (!words[0].starts_with("EVAL")) return std::nullopt;
                           asked_on_ = connection;
                           const char* const error = error_;
                           if (error == nullptr) return std::nullopt;
                           return '-' + std::string(error) + "\r\n";
                         }};
};

TEST_F(RedisAnswersTest, OfACandidateSayWhyNothingIsGrantedAndHowToAskAgain) {
  for (const Refused& refused : kRefused) {
    SCOPED_TRACE(refused.error);
    auto store = open();
    expect_refused(*store, refused, RequestKind::kAcquire, {});
    EXPECT_EQ(holder(), "(nil)");
    const int refused_on = asked_on_;
    expect_granted(*store);
    EXPECT_EQ(asked_on_ != refused_on, refused.closes) << "the primary is looked for again";
    expect_released(*store);
  }
}

TEST_F(RedisAnswersTest, OfAHolderLeaveItItsLeaseAndSayHowToAskAgain) {
  for (const Refused& refused : kRefused) {
    SCOPED_TRACE(refused.error);
    auto store = open();
    const Token token = expect_granted(*store).token;
    const std::string own = holder();
    expect_refused(*store, refused, RequestKind::kRenew, token);
    EXPECT_EQ(holder(), own);
    const int refused_on = asked_on_;
    expect_renewed(*store, token);
    EXPECT_EQ(asked_on_ != refused_on, refused.closes) << "the primary is looked for again";
    expect_released(*store);
  }
}

/// Something that refuses logins as a server refuses requests.
TEST_F(RedisAnswersTest, ToALoginAreWaitedForAsLongAsToARequest) {
  for (const Refused& refused : kRefused) {
    if (refused.least == Duration::zero()) continue;
    for (const std::string command : {"HELLO", "SELECT"}) {
      SCOPED_TRACE(command + ": " + refused.error);
      const RespProxy proxy(server_->tcp(), [&](int, Words& words) -> std::optional<std::string> {
        if (words[0] != command) return std::nullopt;
        return '-' + std::string(refused.error) + "\r\n";
      });
      RedisLocation location = proxy.location();
      location.db = 1;
      const Failed failed = expect_failed(*open_at(location, make_contender(key_, "a", 10s)));
      EXPECT_EQ(failed.trouble, Trouble::kNotServing);
      EXPECT_THAT(failed.text, HasSubstr(refused.cause));
      EXPECT_GE(failed.retry_after, refused.least);
      EXPECT_LE(failed.retry_after, refused.most);
    }
  }
}

TEST_F(RedisAnswersTest, AServerThatWasLoadingIsAsYoungAsOneThatHasStarted) {
  // Only watching it tells how old it is.
  const GrownServer server({"--rename-command", "INFO", ""});
  std::atomic<bool> is_loading = false;
  const RespProxy proxy(server.tcp(), [&](int, Words& words) -> std::optional<std::string> {
    if (!is_loading || !words[0].starts_with("EVAL")) return std::nullopt;
    return "-LOADING Redis is loading the dataset in memory\r\n";
  });
  auto store = open_at(proxy.location(), make_contender(key_, "a", 3s));
  EXPECT_GT(expect<Young>(ask(*store, RequestKind::kAcquire)).rest, 3s);
  pass(*store, 1100ms);
  EXPECT_LE(expect<Young>(ask(*store, RequestKind::kAcquire)).rest, 3s);
  is_loading = true;
  expect_failed(*store);
  is_loading = false;
  EXPECT_GT(expect<Young>(ask(*store, RequestKind::kAcquire)).rest, 3s);
}

/// Real servers that refuse even a renewal and a release.
template <typename Program>
class RefusingServerTest : public testing::Test {
 protected:
  std::unique_ptr<LoopedStore> open(const std::string& key, const std::string& node) const {
    return open_at(server_.tcp(), make_contender({key}, node, 10s));
  }
  std::string holder() const { return server_.text({"GET", "k"}); }
  void set(const std::string& setting, const std::string& value) const {
    EXPECT_EQ(server_.text({"CONFIG", "SET", setting, value}), "OK");
  }

  /// Neither the holder of "k" nor a candidate for another key gets anything done.
  void expect_refusals(LoopedStore& holding, Token token, const std::string& cause) const {
    const std::string own = holder();
    auto other = open("other", "b");
    const Failed answers[] = {expect_failed(holding, RequestKind::kRenew, token),
                              expect_failed(holding, RequestKind::kRelease),
                              expect_failed(*other, RequestKind::kAcquire)};
    for (const Failed& failed : answers) {
      EXPECT_EQ(failed.trouble, Trouble::kNotServing);
      EXPECT_THAT(failed.text, HasSubstr(cause));
      EXPECT_FALSE(failed.unknown);
    }
    EXPECT_EQ(holder(), own);
  }

  const GrownServer server_{{}, Program::path()};
};

TYPED_TEST_SUITE(RefusingServerTest, Programs, NameOfProgram);

TYPED_TEST(RefusingServerTest, OneThatCannotSaveRefusesRenewalsAndReleasesAsWell) {
  auto store = this->open("k", "a");
  const Token token = expect_granted(*store).token;
  const auto save = [&](const std::string& result) {
    this->server_.command({"BGSAVE"});
    return eventually([&] {
      const std::string info = this->server_.text({"INFO", "persistence"});
      return info.find("rdb_last_bgsave_status:" + result) != info.npos &&
             info.find("rdb_bgsave_in_progress:0") != info.npos;
    });
  };
  this->set("save", "3600 1");
  // No file can take the place of a folder.
  const std::string snapshot = this->server_.folder() + "/dump.rdb";
  ASSERT_EQ(::mkdir(snapshot.c_str(), 0755), 0);
  ASSERT_TRUE(save("err"));
  this->expect_refusals(*store, token, "cannot save to disk");
  ASSERT_EQ(::rmdir(snapshot.c_str()), 0);
  ASSERT_TRUE(save("ok"));
  expect_renewed(*store, token);
  expect_released(*store);
}

TYPED_TEST(RefusingServerTest, OneWithTooFewReplicasRefusesRenewalsAndReleasesAsWell) {
  auto store = this->open("k", "a");
  const Token token = expect_granted(*store).token;
  this->set("min-replicas-to-write", "1");
  if (TypeParam::kCountsReplicasInScripts) {
    this->expect_refusals(*store, token, "too few replicas are connected (min-replicas-to-write)");
  }
  this->set("min-replicas-to-write", "0");
  expect_renewed(*store, token);
  expect_released(*store);
}

TYPED_TEST(RefusingServerTest, OneThatIsBusyIsAskedAgain) {
  auto store = this->open("k", "a");
  const Token token = expect_granted(*store).token;
  this->set("lua-time-limit", "10");
  std::thread client([&] { this->server_.command({"EVAL", "while true do end", "0"}); });
  EXPECT_TRUE(eventually([&] { return this->server_.text({"PING"}).starts_with("BUSY"); }));
  auto other = this->open("other", "b");
  for (const Failed& failed :
       {expect_failed(*store, RequestKind::kRenew, token), expect_failed(*other)}) {
    EXPECT_EQ(failed.trouble, Trouble::kNotServing);
    EXPECT_THAT(failed.text, HasSubstr("busy with a long script"));
    EXPECT_FALSE(failed.unknown);
  }
  this->server_.command({"SCRIPT", "KILL"});
  client.join();
  expect_renewed(*store, token);
  expect_granted(*other);
}

}  // namespace
}  // namespace cluster_leader
