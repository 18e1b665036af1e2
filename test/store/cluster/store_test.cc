// Where the keys of a cluster are, and how a ClusterStore finds them.
#include "store/cluster/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "store/redis/names.h"
#include "store/registry.h"
#include "store/store_contract.h"
#include "support/cluster_world.h"
#include "support/command.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;
using testing::Not;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

/// All tests of a suite use one cluster, and each a key of its own.
class ClusterStoreTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<ClusterWorld>(ClusterWorld::Settings{.has_replicas = false});
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  static Key key_at(std::size_t number) { return {cluster_->key_on(number, random_hex_128())}; }
  static std::unique_ptr<LoopedStore> open(const ClusterLocation& location, const Key& key,
                                           const std::string& node = "a", bool listens = false) {
    Contender contender = make_contender(key, node, 10s);
    contender.candidate.listens = listens;
    auto store = std::make_unique<LoopedStore>(
        std::make_unique<ClusterStore>(location, contender.candidate));
    store->add(contender.candidacy);
    return store;
  }
  static std::unique_ptr<LoopedStore> open(const Key& key, const std::string& node = "a",
                                           bool listens = false) {
    return open(cluster_->location(), key, node, listens);
  }
  static Failed expect_failed(LoopedStore& store, RequestKind kind = RequestKind::kAcquire,
                              Token token = {}) {
    return expect<Failed>(ask(store, kind, token));
  }
  static std::string holder_at(std::size_t number, const Key& key) {
    return cluster_->node(number).text({"GET", key.value});
  }
  /// How many the node has accepted, with the one that asks.
  static long long connections_of(std::size_t number) {
    const std::string info = cluster_->node(number).text({"INFO", "stats"});
    const std::string name = "total_connections_received:";
    return std::atoll(info.c_str() + info.find(name) + name.size());
  }
  /// How often the node has answered with this error.
  static long long errors_of(std::size_t number, const std::string& code) {
    const std::string stats = cluster_->node(number).text({"INFO", "errorstats"});
    const std::string field = "errorstat_" + code + ":count=";
    const std::size_t at = stats.find(field);
    return at == stats.npos ? 0 : std::atoll(stats.c_str() + at + field.size());
  }
  /// Moves the lock, the record and the queue of a key.
  static void move(const Key& key, std::size_t from, std::size_t to) {
    cluster_->move_key(key.value, from, to);
    cluster_->move_key(record_name(key), from, to);
    cluster_->move_key(queue_name(key), from, to);
  }
  static void move_slot_of(const Key& key, std::size_t from, std::size_t to) {
    cluster_->begin_move(slot_of(key.value), from, to);
    move(key, from, to);
    cluster_->end_move(slot_of(key.value), from, to);
  }

  inline static std::unique_ptr<ClusterWorld> cluster_;
};

TEST_F(ClusterStoreTest, AKeyIsFoundOnEachNode) {
  for (std::size_t number = 0; number < 3; ++number) {
    const Key key = key_at(number);
    auto a = open(key);
    const Token token = expect_granted(*a).token;
    EXPECT_EQ(node_of(holder_at(number, key)), "a");
    expect_renewed(*a, token);
    expect_released(*a);
    EXPECT_EQ(holder_at(number, key), "(nil)");
  }
}

TEST_F(ClusterStoreTest, ANodeThatIsDownIsPassedOver) {
  ClusterLocation location = cluster_->location();
  location.nodes.insert(location.nodes.begin(), {"127.0.0.1", 1});
  expect_granted(*open(location, key_at(2)));
}

TEST_F(ClusterStoreTest, IfNoNodeCanBeReachedTheFirstOneIsNamed) {
  ClusterLocation location;
  location.nodes = {{"127.0.0.1", 1}, {"127.0.0.1", 2}};
  auto a = open(location, key_at(0));
  const Failed failed = expect_failed(*a);
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_THAT(failed.text, HasSubstr("127.0.0.1:1: "));
}

TEST_F(ClusterStoreTest, ManyKeysNeedOneConnectionToEachNode) {
  constexpr std::size_t kKeys = 300;
  std::vector<Key> keys;
  for (std::size_t i = 0; i < kKeys; ++i) keys.push_back(key_at(i % 3));
  std::vector<long long> before;
  for (std::size_t i = 0; i < 3; ++i) before.push_back(connections_of(i));
  Candidate candidate = make_candidate("a", 10s);
  candidate.listens = true;
  LoopedStore a(std::make_unique<ClusterStore>(cluster_->location(), candidate));
  for (std::size_t i = 0; i < kKeys; ++i) {
    a.add({keys[i], fresh_holder("a")});
    a.send(RequestKind::kAcquire, {}, i);
  }
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < kKeys; ++i) {
    tokens.push_back(expect<Granted>(a.await_answer(kPatience, i)).token);
  }
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < kKeys; ++i) a.send(RequestKind::kRenew, tokens[i], i);
    for (std::size_t i = 0; i < kKeys; ++i) expect<Renewed>(a.await_answer(kPatience, i));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    // One is for the leases, one is ours, and now and then one asks whether it still leads to the
    // right server.
    EXPECT_LE(connections_of(i) - before[i], 20) << i;
  }
}

TEST_F(ClusterStoreTest, AKeyIsLookedForWhereItWasFound) {
  auto a = open(key_at(2));
  const long long before = errors_of(0, "MOVED");
  const Token token = expect_granted(*a).token;
  for (int i = 0; i < 3; ++i) expect_renewed(*a, token);
  EXPECT_EQ(errors_of(0, "MOVED"), before + 1);
}

TEST_F(ClusterStoreTest, OfSeveralKeysTheFirstThatIsElsewhereTellsWhereAllOthersAre) {
  auto a = open(key_at(2));
  for (const std::size_t number : {1, 2}) a->add({key_at(number), fresh_holder("a")});
  const auto moves = [] { return errors_of(0, "MOVED") + errors_of(2, "MOVED"); };
  const auto maps = [] { return cluster_->node(0).calls("cluster|slots"); };
  const long long moves_before = moves();
  const long long maps_before = maps();
  const Token token = expect_granted(*a).token;
  // The map may come after the answer.
  EXPECT_TRUE(eventually([&] {
    pass(*a, 1ms);
    return maps() == maps_before + 1;
  }));
  expect_renewed(*a, token);
  for (const std::size_t candidacy : {1, 2}) {
    expect<Granted>(a->ask(RequestKind::kAcquire, {}, kPatience, candidacy));
  }
  EXPECT_EQ(moves(), moves_before + 1);
}

TEST_F(ClusterStoreTest, AnAskIsForOneRequestAndTheNextOneBeginsWhereTheSlotIs) {
  const Key key = key_at(0);
  auto a = open(key);
  const Token token = expect_granted(*a).token;
  cluster_->begin_move(slot_of(key.value), 0, 1);
  move(key, 0, 1);
  const long long asks = errors_of(0, "ASK");
  const long long moves = errors_of(1, "MOVED");
  for (int i = 0; i < 3; ++i) expect_renewed(*a, token);
  EXPECT_EQ(errors_of(0, "ASK"), asks + 3);
  EXPECT_EQ(errors_of(1, "MOVED"), moves) << "who is not sent to a node has no slot there yet";
  cluster_->end_move(slot_of(key.value), 0, 1);
}

TEST_F(ClusterStoreTest, ASlotThatIsMovedWhileItsKeyIsHeld) {
  const Key key = key_at(0);
  const std::uint16_t slot = slot_of(key.value);
  auto a = open(key);
  const Token token = expect_granted(*a).token;
  cluster_->begin_move(slot, 0, 1);
  expect_renewed(*a, token);

  cluster_->move_key(key.value, 0, 1);
  const Failed failed = expect_failed(*a, RequestKind::kRenew, token);
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("moving this key"));
  EXPECT_GE(failed.retry_after, 20ms);
  EXPECT_LE(failed.retry_after, 50ms);
  EXPECT_FALSE(failed.unknown);

  cluster_->move_key(record_name(key), 0, 1);
  for (int i = 0; i < 3; ++i) expect_renewed(*a, token);
  cluster_->node(1).command({"SCRIPT", "FLUSH"});
  expect_renewed(*a, token);

  cluster_->end_move(slot, 0, 1);
  for (int i = 0; i < 3; ++i) expect_renewed(*a, token);
  auto b = open(key, "b");
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
  expect_released(*a);
  EXPECT_GT(expect_granted(*b).token, token);
}

TEST_F(ClusterStoreTest, ALeaseIsReleasedWhileItsSlotIsMoved) {
  const Key key = key_at(0);
  const std::uint16_t slot = slot_of(key.value);
  auto a = open(key);
  expect_granted(*a);
  cluster_->begin_move(slot, 0, 1);
  move(key, 0, 1);
  expect_released(*a);
  // Nobody gets a free key before the slot has arrived.
  auto b = open(key, "b");
  EXPECT_EQ(expect_failed(*b).trouble, Trouble::kNotServing);
  cluster_->move_key(record_name(key), 0, 1);
  cluster_->end_move(slot, 0, 1);
  expect_granted(*b);
}

TEST_F(ClusterStoreTest, AnUnfinishedMoveThatIsGivenUpLeavesTheKeyWhereItWas) {
  const Key key = key_at(0);
  const std::uint16_t slot = slot_of(key.value);
  auto a = open(key);
  const Token token = expect_granted(*a).token;
  cluster_->begin_move(slot, 0, 1);
  move(key, 0, 1);
  expect_renewed(*a, token);
  cluster_->end_move(slot, 0, 1);
  cluster_->begin_move(slot, 1, 0);
  move(key, 1, 0);
  cluster_->end_move(slot, 1, 0);
  expect_renewed(*a, token);
  expect_released(*a);
}

TEST_F(ClusterStoreTest, AWaiterHearsOfTheReleaseOnTheNewNode) {
  const Key key = key_at(0);
  const std::uint16_t slot = slot_of(key.value);
  auto a = open(key, "a", /*listens=*/true);
  auto b = open(key, "b", /*listens=*/true);
  const Token token = expect_granted(*a).token;
  expect_busy(*b);
  cluster_->begin_move(slot, 0, 1);
  move(key, 0, 1);
  cluster_->end_move(slot, 0, 1);
  expect_renewed(*a, token);
  expect_released(*a);
  ASSERT_TRUE(await_hint(*b));
  expect_granted(*b);
}

TEST_F(ClusterStoreTest, APlaceInLineIsMovedWithItsSlot) {
  const Key key = key_at(0);
  auto a = open(key, "a");
  const Token token = expect_granted(*a).token;
  auto b = open(key, "b", /*listens=*/true);
  auto c = open(key, "c", /*listens=*/true);
  EXPECT_EQ(expect_busy(*b).place, 1U);
  EXPECT_EQ(expect_busy(*c).place, 2U);
  move_slot_of(key, 0, 1);
  EXPECT_EQ(expect_busy(*c).place, 2U);
  EXPECT_EQ(expect_busy(*b).place, 1U);
  expect_renewed(*a, token);
  // What is said on any node is heard on all, so the former one must not be needed.
  cluster_->node(0).pause();
  expect_released(*a);
  std::optional<Notice> notice = b->await_notice(2s);
  cluster_->node(0).resume();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree);
  EXPECT_EQ(notice->delay, Duration::zero());
  EXPECT_EQ(expect_busy(*c).holder, HolderId{}) << "it is the turn of b";
  expect_granted(*b);
}

// Nobody waits when the move begins, so that there is no queue to be moved.
TEST_F(ClusterStoreTest, WithoutAQueueAKeyWhoseSlotIsMovedIsHeldAwaitedAndReleased) {
  const Key key = key_at(0);
  auto a = open(key);
  const Token token = expect_granted(*a).token;
  cluster_->begin_move(slot_of(key.value), 0, 1);
  auto b = open(key, "b", /*listens=*/true);
  const auto expect_waiting = [&] {
    const Busy busy = expect_busy(*b);
    EXPECT_EQ(node_in(busy), "a");
    EXPECT_EQ(busy.place, 0U) << "there is no line";
  };
  expect_waiting();
  move(key, 0, 1);
  expect_waiting();
  expect_renewed(*a, token);
  expect_released(*a);
  ASSERT_TRUE(await_hint(*b));
  cluster_->move_key(record_name(key), 0, 1);
  cluster_->end_move(slot_of(key.value), 0, 1);
  expect_granted(*b);
}

TEST_F(ClusterStoreTest, AKeyWhoseSlotIsMovedIsShownAndReleasedByHand) {
  const Key key = key_at(0);
  auto a = open(key);
  const Token token = expect_granted(*a).token;
  cluster_->begin_move(slot_of(key.value), 0, 1);
  const auto registry = open_registry(cluster_->location());
  const auto expect_shown = [&] {
    const auto shown = registry->show(std::span(&key, 1), 1s);
    ASSERT_TRUE(std::holds_alternative<Listing>(shown));
    const auto& views = std::get<Listing>(shown).views;
    ASSERT_EQ(views.size(), 1U);
    EXPECT_EQ(views[0].token, token);
    EXPECT_EQ(views[0].waiters, std::nullopt) << "not known";
    const auto looked = registry->look(key, 1s);
    ASSERT_TRUE(std::holds_alternative<Listing>(looked)) << std::get<Failed>(looked).text;
    EXPECT_EQ(std::get<Listing>(looked).views.front().token, token);
  };
  expect_shown();
  move(key, 0, 1);
  expect_shown();
  const auto evicted = registry->evict(key, {"x", "x", "", /*force=*/true}, 1s);
  ASSERT_TRUE(std::holds_alternative<Evicted>(evicted)) << std::get<Failed>(evicted).text;
  EXPECT_EQ(std::get<Evicted>(evicted).kind, Evicted::Kind::kReleased);
  cluster_->move_key(record_name(key), 0, 1);
  cluster_->end_move(slot_of(key.value), 0, 1);
}

// As Redis 6 does for lack of any key that a script names.
TEST_F(ClusterStoreTest, ANodeThatSendsUsElsewhereForTheQueueMayHaveTheKey) {
  const Key key = key_at(0);
  auto a = open(key);
  expect_granted(*a);
  cluster_->begin_move(slot_of(key.value), 0, 1);
  const std::string asking = "-ASK " + std::to_string(slot_of(key.value)) +
                             " 127.0.0.1:" + std::to_string(cluster_->node(1).port()) + "\r\n";
  const RespProxy proxy(
      cluster_->node(0).tcp(), [&](int, RespProxy::Words& words) -> std::optional<std::string> {
        const bool names_queue =
            words.size() > 5 && words[0].starts_with("EVAL") && words[5] == queue_name(key);
        return names_queue ? std::optional(asking) : std::nullopt;
      });
  ClusterLocation location = cluster_->location({0});
  location.nodes = {{"127.0.0.1", proxy.location().port}};
  auto b = open(location, key, "b");
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
  move(key, 0, 1);
  cluster_->end_move(slot_of(key.value), 0, 1);
}

TEST_F(ClusterStoreTest, AnAddressThatCannotBeReachedIsExplained) {
  cluster_->node(2).command({"CONFIG", "SET", "cluster-announce-ip", "127.9.9.9"});
  const Key key = key_at(2);
  EXPECT_TRUE(eventually([&] {
    const std::string moved = cluster_->node(0).text({"GET", key.value});
    return moved.find("127.9.9.9") != moved.npos;
  }));
  auto a = open(key);
  const Failed failed = expect_failed(*a);
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_THAT(failed.text, HasSubstr("the cluster announces 127.9.9.9:"));
  EXPECT_THAT(failed.text, HasSubstr("cluster-announce-ip"));
  EXPECT_THAT(failed.text, HasSubstr("refused"));
  cluster_->node(2).command({"CONFIG", "SET", "cluster-announce-ip", ""});
  EXPECT_TRUE(eventually([&] {
    const std::string moved = cluster_->node(0).text({"GET", key.value});
    return moved.find("127.9.9.9") == moved.npos;
  }));
}

TEST_F(ClusterStoreTest, ANodeIsFoundByItsNameAndWithoutOneWhereTheOtherIsThatWasAsked) {
  for (const char* type : {"unknown-endpoint", "hostname"}) {
    cluster_->node(0).command({"CONFIG", "SET", "cluster-preferred-endpoint-type", type});
    expect_granted(*open(key_at(1)));
  }
  // With a name, it has that.
  cluster_->node(1).command({"CONFIG", "SET", "cluster-announce-hostname", "localhost"});
  const Key key = key_at(1);
  EXPECT_TRUE(eventually([&] {
    const std::string moved = cluster_->node(0).text({"GET", key.value});
    return moved.find(" localhost:") != moved.npos;
  }));
  auto a = open(key);
  expect_renewed(*a, expect_granted(*a).token);
  cluster_->node(1).command({"CONFIG", "SET", "cluster-announce-hostname", ""});
  cluster_->node(0).command({"CONFIG", "SET", "cluster-preferred-endpoint-type", "ip"});
}

TEST_F(ClusterStoreTest, OnlyNodesOfAClusterAreAccepted) {
  const GrownServer server;
  ClusterLocation location;
  location.nodes = {{"127.0.0.1", server.port()}};
  Failed failed = expect_failed(*open(location, key_at(0)));
  EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
  EXPECT_THAT(failed.text, HasSubstr("not a node of a cluster: use redis://"));
  Contender contender = make_contender(key_at(0), "a");
  LoopedStore plain(std::make_unique<RedisStore>(cluster_->node(0).tcp(), contender.candidate));
  plain.add(contender.candidacy);
  failed = expect_failed(plain);
  EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
  EXPECT_THAT(failed.text, HasSubstr("use redis+cluster://"));
  EXPECT_EQ(holder_at(0, contender.candidacy.key), "(nil)");
}

// The release may be executed at any time, and would delete a later lease of that id.
TEST_F(ClusterStoreTest, AnIdWhoseReleaseMayBeOnItsWayAcquiresNowhere) {
  const Key key = key_at(2);
  std::atomic<bool> has_seen_release = false;
  const RespProxy proxy(cluster_->node(2).tcp(),
                        [&](int, RespProxy::Words& words) -> std::optional<std::string> {
                          // EVAL script 3 lock record queue holder channel
                          const bool is_release = words[0] == "EVAL" && words.size() == 8;
                          if (!is_release) return std::nullopt;
                          has_seen_release = true;
                          return "";
                        });
  ClusterLocation location = cluster_->location({0});
  location.nodes.insert(location.nodes.begin(), {"127.0.0.1", proxy.location().port});
  location.node.min_replicas = 1;
  auto a = open(location, key);
  a->send(RequestKind::kAcquire);
  const Time end = BootClock::now() + 5s;
  while (!has_seen_release && BootClock::now() < end) a->turn(BootClock::now() + 10ms);
  ASSERT_TRUE(has_seen_release);
  a->cancel();
  for (int i = 0; i < 3; ++i) {
    const Failed failed = expect_failed(*a);
    EXPECT_TRUE(failed.id_spent) << failed.text;
  }
  a->set_holder(fresh_holder("a"));
  const Failed failed = expect_failed(*a);
  EXPECT_THAT(failed.text, HasSubstr("only 0 of 1 replicas")) << "and not: somebody has it";
}

TEST_F(ClusterStoreTest, WhatACandidateHasSeenIsNotForgottenWhenItsNodeFailsOnce) {
  const Key key = key_at(0);
  auto a = open(cluster_->location({0, 1}), key);
  cluster_->node(0).command({"SET", key.value, "x/1", "PX", "60000"});
  cluster_->node(0).command(
      {"HSET", record_name(key), "fence", "1000", "holder", "x/1", "ttl", "10000", "until", "1"});
  expect_busy(*a);
  cluster_->node(0).command({"HSET", record_name(key), "fence", "7"});
  cluster_->node(0).command({"DEL", key.value});
  Young young = expect<Young>(ask(*a, RequestKind::kAcquire));
  EXPECT_THAT(describe(young), HasSubstr("lost data"));
  cluster_->node(0).pause();
  EXPECT_FALSE(a->ask(RequestKind::kAcquire, {}, 300ms));
  a->cancel();
  cluster_->node(0).resume();
  young = expect<Young>(ask(*a, RequestKind::kAcquire));
  EXPECT_THAT(describe(young), HasSubstr("lost data"));
}

TEST_F(ClusterStoreTest, ANodeThatFailedOnceIsAskedAgainWhenTheOthersDoNotAnswer) {
  const Key key = key_at(2);
  auto a = open(cluster_->location({0, 1, 2}), key);
  const Token token = expect_granted(*a).token;
  for (std::size_t i = 0; i < 3; ++i) cluster_->node(i).pause();
  EXPECT_FALSE(a->ask(RequestKind::kRenew, token, 200ms));
  a->cancel();
  cluster_->node(2).resume();
  EXPECT_FALSE(a->ask(RequestKind::kRenew, token, 200ms)) << "a node that does not answer";
  a->cancel();
  expect_renewed(*a, token);
  for (std::size_t i = 0; i < 2; ++i) cluster_->node(i).resume();
}

// As long as a slot is moved, a free key in it is refused.
TEST_F(ClusterStoreTest, ANodeThatRefusesIsAskedAgainOverTheSameConnection) {
  const Key key = key_at(0);
  cluster_->node(0).command({"HSET", record_name(key), "fence", "7"});
  cluster_->begin_move(slot_of(key.value), 0, 1);
  auto a = open(key);
  expect_failed(*a);
  const long long before = connections_of(0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(expect_failed(*a).trouble, Trouble::kNotServing);
  EXPECT_EQ(connections_of(0), before + 1) << "which asks";
  cluster_->move_key(record_name(key), 0, 1);
  cluster_->end_move(slot_of(key.value), 0, 1);
}

class ClusterFailoverTest : public ClusterStoreTest {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ClusterWorld>(); }

  /// The names of all marks of promotions on a node.
  static std::set<std::string> marks(std::size_t number) {
    std::set<std::string> names;
    const ServerReply reply =
        cluster_->node(number).command({"KEYS", std::string(kPromotionMark) + "*"});
    for (std::size_t i = 0; i < reply->elements; ++i) names.insert(reply->element[i]->str);
    return names;
  }
  static Young expect_promoted(LoopedStore& store) {
    Young young = expect<Young>(ask(store, RequestKind::kAcquire));
    EXPECT_THAT(describe(young), HasSubstr("promoted from a replica"));
    return young;
  }
};

// One test, since a cluster fails over once and needs seconds to be there.
TEST_F(ClusterFailoverTest, APromotedNodeGrantsNothingNewForATtl) {
  const Key held = key_at(0);
  auto a = open(held);
  const Token token = expect_granted(*a).token;
  auto waiting = open(held, "w", /*listens=*/true);
  expect_busy(*waiting);
  cluster_->fail_over(0);
  expect_renewed(*a, token);
  EXPECT_THAT(marks(3), testing::IsEmpty()) << "a renewal need not know of it";

  // The first who asks for a key notices it, though this one is held.
  EXPECT_EQ(node_in(expect_busy(*waiting)), "a");
  const std::set<std::string> noticed = marks(3);
  ASSERT_EQ(noticed.size(), 1U);
  // In the lowest slot of the node.
  EXPECT_EQ(*noticed.begin(), std::string(kPromotionMark) + ":" + tag_for(0));

  const Key free = key_at(0);
  auto b = open(free, "b");
  const Young young = expect_promoted(*b);
  EXPECT_GT(young.rest, 8s);
  EXPECT_LE(young.rest, 11002ms);
  EXPECT_EQ(marks(3), noticed);
  expect_granted(*open(key_at(1), "b"));

  // As if that had been noticed a ttl earlier.
  cluster_->node(3).command({"HINCRBY", *noticed.begin(), "since", "-11000"});
  expect_granted(*open(free, "c"));
  expect_released(*a);

  // Whoever may not ask for the slots uses the slot of the key.
  cluster_->node(3).command({"ACL", "SETUSER", "default", "-cluster|slots"});
  const Key another = key_at(0);
  expect_promoted(*open(another, "d"));
  EXPECT_EQ(marks(3).size(), 2U);
  for (const std::string& mark : marks(3)) {
    EXPECT_TRUE(noticed.contains(mark) || slot_of(mark) == slot_of(another.value)) << mark;
  }
  cluster_->node(3).command({"ACL", "SETUSER", "default", "+cluster|slots"});

  // A node to which a slot is moved says who has a key, though its mark is in none of those slots.
  const Key moving = key_at(1);
  auto e = open(moving, "e");
  const Token of_e = expect_granted(*e).token;
  cluster_->begin_move(slot_of(moving.value), 1, 3);
  move(moving, 1, 3);
  EXPECT_EQ(node_in(expect_busy(*open(moving, "f"))), "e");
  expect_renewed(*e, of_e);
  cluster_->end_move(slot_of(moving.value), 1, 3);

  // When the node has forgotten that it was a replica, a lease may have been lost that lasts
  // longer.
  cluster_->node(3).command({"CONFIG", "SET", "repl-backlog-ttl", "1"});
  cluster_->node(0).kill();
  EXPECT_TRUE(eventually([&] {
    return cluster_->node(3).text({"INFO", "replication"}).find("second_repl_offset:-1") !=
           std::string::npos;
  }));
  Contender patient = make_contender(key_at(0), "g", 700s);
  LoopedStore g(std::make_unique<ClusterStore>(cluster_->location({3}), patient.candidate));
  g.add(patient.candidacy);
  EXPECT_GT(expect_promoted(g).rest, 600s);
}

}  // namespace
}  // namespace cluster_leader
