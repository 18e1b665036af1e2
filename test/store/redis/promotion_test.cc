// A RedisStore on servers that were promoted from a replica.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "store/redis/names.h"
#include "store/redis/registry.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/grown_server.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

const std::string kMark = "cluster-leader:primary";

template <typename Program>
class PromotionTest : public testing::Test {
 protected:
  static GrownServer start(std::vector<std::string> arguments = {}) {
    return GrownServer(std::move(arguments), Program::path());
  }
  /// Its data is that of nobody.
  static void promote(const Server& server) {
    server.command({"REPLICAOF", "127.0.0.1", "1"});
    server.command({"REPLICAOF", "NO", "ONE"});
  }
  /// As if the promotion had been noticed so much earlier.
  static void pass(const Server& server, std::chrono::milliseconds time) {
    server.command({"HINCRBY", kMark, "since", std::to_string(-time.count())});
  }
  std::unique_ptr<LoopedStore> open(const Server& server, const std::string& node,
                                    Duration ttl = 1s) {
    return open_at(server.tcp(), make_contender(key_, node, ttl));
  }
  static Young expect_promoted(LoopedStore& store) {
    Young young = expect<Young>(ask(store, RequestKind::kAcquire));
    EXPECT_THAT(describe(young), HasSubstr("the server may have been promoted from a replica"));
    return young;
  }
  static std::string field(const Server& server, const std::string& name) {
    return server.text({"HGET", kMark, name});
  }
  static std::string replication(const Server& server, const std::string& name) {
    const std::string info = server.text({"INFO", "replication"});
    const std::size_t begin = info.find("\n" + name + ":") + name.size() + 2;
    return info.substr(begin, info.find('\r', begin) - begin);
  }

  const Key key_ = fresh_key();
};

TYPED_TEST_SUITE(PromotionTest, Programs, NameOfProgram);

TYPED_TEST(PromotionTest, AFreeKeyIsGrantedATtlAndASecondAfterThePromotionWasNoticed) {
  const GrownServer server = this->start();
  this->promote(server);
  auto a = this->open(server, "a");
  const Young young = this->expect_promoted(*a);
  EXPECT_GT(young.rest, 1900ms);
  EXPECT_LE(young.rest, 2002ms);
  const std::string since = this->field(server, "since");
  EXPECT_EQ(this->field(server, "replid"), this->replication(server, "master_replid"));
  EXPECT_LE(this->expect_promoted(*a).rest, young.rest);
  EXPECT_EQ(this->field(server, "since"), since) << "it is noticed once";
  this->pass(server, 2s);
  expect_granted(*a);
  expect_released(*a);
  // A longer lease may have been lost.
  const Young longer = this->expect_promoted(*this->open(server, "b", 10s));
  EXPECT_GT(longer.rest, 7s);
  EXPECT_LE(longer.rest, 9002ms);
  EXPECT_EQ(longer.age, 2s);
  EXPECT_EQ(server.integer({"TTL", kMark}), -1);
}

TYPED_TEST(PromotionTest, IsNoticedWhileTheKeyIsHeld) {
  const GrownServer server = this->start();
  this->promote(server);
  server.command({"SET", this->key_.value, "x/1", "PX", "10000"});
  auto a = this->open(server, "a");
  EXPECT_EQ(node_in(expect_busy(*a)), "x");
  EXPECT_EQ(this->field(server, "replid"), this->replication(server, "master_replid"));
  this->pass(server, 2s);
  server.command({"DEL", this->key_.value});
  expect_granted(*a);
}

TYPED_TEST(PromotionTest, ARecordWithALongerTtlIsWaitedFor) {
  const GrownServer server = this->start();
  this->promote(server);
  server.command(
      {"HSET", record_name(this->key_), "fence", "7", "holder", "x", "ttl", "10000", "until", "1"});
  EXPECT_GT(this->expect_promoted(*this->open(server, "a")).rest, 10s);
}

TYPED_TEST(PromotionTest, ALeaseThatReachedTheReplicaGoesOnAndOneThatDidNotIsWaitedFor) {
  const std::vector<std::string> at_once = {"--repl-diskless-sync-delay", "0"};
  const GrownServer primary = this->start(at_once);
  const GrownServer replica = this->start(at_once);
  auto a = this->open(primary, "a", 10s);
  const Token token = expect_granted(*a).token;
  replica.command({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
  while (this->replication(replica, "master_link_status") != "up") std::this_thread::yield();
  ASSERT_EQ(replica.text({"GET", this->key_.value}), primary.text({"GET", this->key_.value}));
  replica.command({"REPLICAOF", "NO", "ONE"});
  const Contender waiter = make_contender(this->key_, "b", 10s);
  auto b = open_at(replica.tcp(), waiter);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
  // The id of the holder is as good there.
  Contender moved = make_contender(this->key_, "a", 10s);
  moved.candidacy.holder = expect_busy(*b).holder;
  auto holder = open_at(replica.tcp(), moved);
  expect_renewed(*holder, token);
  EXPECT_EQ(expect_granted(*holder).token, token);
  EXPECT_EQ(replica.integer({"EXISTS", kMark}), 1) << "whoever was told that it is busy notices it";
  // A key whose lease may not have reached it.
  auto c = open_at(replica.tcp(), make_contender(fresh_key(), "c"));
  this->expect_promoted(*c);
  this->pass(replica, 2s);
  expect_granted(*c);
  expect_released(*c);

  // Without replicas it gives up its backlog, and with that the id that it had before.
  replica.command({"CONFIG", "SET", "repl-backlog-ttl", "1"});
  while (this->replication(replica, "second_repl_offset") != "-1") {
    std::this_thread::sleep_for(10ms);
  }
  this->expect_promoted(*c);
  this->pass(replica, 2s);
  expect_granted(*c);
}

TYPED_TEST(PromotionTest, ASecondPromotionIsNoticedLikeTheFirst) {
  const GrownServer server = this->start();
  auto a = this->open(server, "a");
  for (int i = 0; i < 2; ++i) {
    this->promote(server);
    EXPECT_GT(this->expect_promoted(*a).rest, 1900ms);
    this->pass(server, 2s);
    expect_granted(*a);
    expect_released(*a);
  }
}

TYPED_TEST(PromotionTest, AServerThatWasNeverAReplicaHasNoMarkAndGrantsAtOnce) {
  const GrownServer server = this->start();
  expect_granted(*this->open(server, "a"));
  EXPECT_EQ(server.integer({"EXISTS", kMark}), 0);
}

TYPED_TEST(PromotionTest, ARestartAndThePromotionBeforeItAreWaitedForTogether) {
  GrownServer server = this->start();
  this->promote(server);
  this->expect_promoted(*this->open(server, "a"));
  server.command({"SAVE"});
  server.kill();
  server.start();
  // It has a new id.
  auto a = this->open(server, "a");
  const Young young = expect<Young>(ask(*a, RequestKind::kAcquire));
  EXPECT_LE(young.rest, 2002ms);
  EXPECT_EQ(this->field(server, "replid"), this->replication(server, "master_replid"));
  this->pass(server, 2s);
  EXPECT_THAT(describe(expect<Young>(ask(*a, RequestKind::kAcquire))),
              HasSubstr("the server started"));
}

TYPED_TEST(PromotionTest, AClockThatWasSetBackDoesNotStretchTheWait) {
  const GrownServer server = this->start();
  this->promote(server);
  auto a = this->open(server, "a");
  this->expect_promoted(*a);
  this->pass(server, -1h);
  EXPECT_LE(this->expect_promoted(*a).rest, 2002ms);
  this->pass(server, 2s);
  expect_granted(*a);
}

TYPED_TEST(PromotionTest, IsNoLeaseInAListing) {
  const GrownServer server = this->start();
  this->promote(server);
  this->expect_promoted(*this->open(server, "a"));
  RedisRegistry registry(server.tcp());
  const auto listing = registry.list("", 5s);
  ASSERT_TRUE(std::holds_alternative<Listing>(listing));
  EXPECT_TRUE(std::get<Listing>(listing).views.empty());
}

TYPED_TEST(PromotionTest, IsNoticedWhereScriptsMayNotRunInfo) {
  const GrownServer server = this->start();
  this->promote(server);
  RespProxy proxy(server.tcp(), refuses_in_scripts("INFO", "ERR not supported for scripts"));
  auto a = open_at(proxy.location(), make_contender(this->key_, "a"));
  EXPECT_GT(this->expect_promoted(*a).rest, 1900ms);
  this->pass(server, 2s);
  expect_granted(*a);
}

}  // namespace
}  // namespace cluster_leader
