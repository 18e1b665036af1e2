// What the queue of a key on a server is like in particular; for what holds in a directory as well
// see queue_contract.h.
#include "lease/queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/redis/names.h"
#include "store/redis/shared_server.h"
#include "store/redis/world.h"
#include "store/registry.h"
#include "support/command.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

constexpr Duration kTtl = 20s;

class RedisQueueTest : public SharedServerTest {
 protected:
  std::unique_ptr<LoopedStore> open(const RedisLocation& location, const std::string& node,
                                    const std::string& identity = "") const {
    Contender contender = make_contender(key_, node, kTtl);
    contender.candidate.listens = true;
    contender.candidate.identity = identity;
    return open_at(location, contender);
  }
  std::unique_ptr<LoopedStore> open(const std::string& node,
                                    const std::string& identity = "") const {
    return open(server_->tcp(), node, identity);
  }
  std::unique_ptr<LoopedStore> wait_in_line(const std::string& node, std::size_t place,
                                            const std::string& identity = "") const {
    auto waiter = open(node, identity);
    EXPECT_EQ(expect_busy(*waiter).place, place) << node;
    return waiter;
  }
  /// The delay of the next notice that the key is free.
  static std::optional<Duration> await_turn(LoopedStore& store) {
    while (const auto notice = store.await_notice(2s)) {
      if (notice->kind == Notice::Kind::kFree) return notice->delay;
    }
    return std::nullopt;
  }
  /// As it is after a job with --sticky, and with --min-hold for `hold` longer.
  void park(const std::string& identity, Duration hold = {}) const {
    const std::int64_t until = wall_clock_ms() + ceil_ms(hold);
    server_->command({"SET", key_.value, "parked:" + identity, "PX", "20000"});
    server_->command({"HSET", record(), "until", std::to_string(until), "hold_until",
                      std::to_string(hold > Duration::zero() ? until : 0)});
  }
  std::string record() const { return record_name(key_); }
  /// When the first in line is late, with its name in the queue.
  struct Late {
    std::string member, score;
    bool operator==(const Late&) const = default;
  };
  Late late() const {
    const ServerReply reply =
        server_->command({"ZRANGE", queue_name(key_), "-1", "-1", "WITHSCORES"});
    if (reply->elements != 2 || reply->element[0]->str[0] != 'f') return {};
    return {reply->element[0]->str, reply->element[1]->str};
  }
};

TEST_F(RedisQueueTest, AWaiterThatTakesAParkedKeyLeavesTheLine) {
  auto holder = open("holder");
  expect_granted(*holder);
  auto own = wait_in_line("own", 1, "own/identity");
  auto other = wait_in_line("other", 2);
  park("own/identity");
  expect_granted(*own);
  EXPECT_EQ(expect_busy(*other).place, 1U);
}

TEST_F(RedisQueueTest, WhoeverAKeyIsParkedForWaitsForTheHoldAndForNobodyElse) {
  auto holder = open("holder");
  expect_granted(*holder);
  auto first = wait_in_line("1", 1);
  auto second = wait_in_line("2", 2);
  auto own = wait_in_line("own", 3, "own/identity");
  park("own/identity", 500ms);
  EXPECT_LT(expect_busy(*own).retry_after, 600ms);
}

TEST_F(RedisQueueTest, DeadWaitersDoNotKeepTheOthersFromBeingWoken) {
  auto holder = open("holder");
  expect_granted(*holder);
  std::vector<std::unique_ptr<LoopedStore>> dead;
  for (std::size_t i = 1; i <= kWoken + 1; ++i) dead.push_back(wait_in_line("dead", i));
  auto alive = wait_in_line("alive", kWoken + 2);
  dead.clear();
  ASSERT_TRUE(eventually([&] {
    const ServerReply reply = server_->command({"PUBSUB", "CHANNELS", events_channel(key_) + ":*"});
    return reply->elements == 3;
  })) << "those of the holder, of the one that lives, and of both";
  expect_released(*holder);
  EXPECT_EQ(await_turn(*alive), kTurn + static_cast<int>(kWoken + 1) * kStep);
}

TEST_F(RedisQueueTest, AClockThatWasSetBackDelaysNoTurn) {
  auto holder = open("holder");
  expect_granted(*holder);
  auto dead = wait_in_line("dead", 1);
  auto next = wait_in_line("next", 2);
  expect_released(*holder);
  const Late before = late();
  ASSERT_NE(before, Late());
  const std::int64_t in_an_hour = std::stoll(before.score) + 3'600'000;
  server_->command({"ZADD", queue_name(key_), std::to_string(in_an_hour), before.member});
  const Busy busy = expect_busy(*next);
  EXPECT_LE(busy.retry_after, kTurn + kStep + 60ms);
  pass(*next, busy.retry_after);
  expect_granted(*next);
}

TEST_F(RedisQueueTest, AReleaseThatIsRepeatedDoesNotBeginTheTurnsAgain) {
  auto holder = open("holder");
  expect_granted(*holder);
  auto waiter = wait_in_line("1", 1);
  expect_released(*holder);
  const Late before = late();
  ASSERT_NE(before, Late());
  pass(*waiter, 5ms);
  expect_released(*holder);
  EXPECT_EQ(late(), before);
}

// As the server may have lost the lease, and a client of an earlier version tells only everybody.
TEST_F(RedisQueueTest, AHolderHearsWhatHappensToItsKeyFromItsFirstRenewalOn) {
  auto holder = open("holder");
  const Token token = expect_granted(*holder).token;
  expect_renewed(*holder, token);
  expect_renewed(*holder, token);
  server_->command({"DEL", key_.value, record()});
  auto other = open("other");
  expect_granted(*other);
  const auto notice = holder->await_notice(2s);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kTaken);
}

// As after FLUSHALL, or if the server has evicted the queue.
TEST_F(RedisQueueTest, WhoeverWaitsAsksAgainIfTheServerHasLostTheQueue) {
  auto holder = open("holder");
  expect_granted(*holder);
  std::vector<std::unique_ptr<LoopedStore>> waiters;
  for (std::size_t i = 1; i <= 12; ++i) waiters.push_back(wait_in_line(std::to_string(i), i));
  server_->command({"DEL", queue_name(key_)});
  expect_released(*holder);
  EXPECT_EQ(await_turn(*waiters.back()), Duration::zero());
  expect_granted(*waiters.back());
}

TEST_F(RedisQueueTest, LapsedPlacesAnywhereInTheLineAreRemoved) {
  auto holder = open("holder");
  expect_granted(*holder);
  auto first = wait_in_line("1", 1);
  auto dead = wait_in_line("2", 2);
  auto third = wait_in_line("3", 3);
  const ServerReply members = server_->command({"ZRANGE", queue_name(key_), "0", "1"});
  ASSERT_EQ(members->elements, 2U);
  const std::string place = members->element[1]->str;
  server_->command({"ZADD", queue_name(key_), "10000000000001", "l" + place.substr(1)});
  EXPECT_EQ(expect_busy(*third).place, 2U);
  EXPECT_EQ(expect_busy(*dead).place, 3U);
}

TEST_F(RedisQueueTest, WithoutTheRightToAChannelOfItsOwnItHearsThatItIsNext) {
  const RedisLocation location =
      as_user("narrow", {"~*", "resetchannels", "&" + events_channel(key_), "+@all"});
  auto holder = open("holder");
  expect_granted(*holder);
  auto other = wait_in_line("other", 1);
  auto narrow = open(location, "narrow");
  EXPECT_EQ(expect_busy(*narrow).place, 2U);
  EXPECT_EQ(expect_busy(*narrow).place, 2U) << "now it is subscribed";
  expect_released(*holder);
  EXPECT_EQ(await_turn(*other), Duration::zero());
  const auto turn = await_turn(*narrow);
  ASSERT_TRUE(turn);
  EXPECT_LE(*turn, kTurn + kStep);
}

// As earlier versions needed them.
TEST_F(RedisQueueTest, WithoutTheRightToTheQueueThereIsOnlyNoOrder) {
  const RedisLocation location = as_user(
      "early", {"~test-*", "~cluster-leader:record:*", "~cluster-leader:primary", "&*", "+@all"});
  auto early = open(location, "early");
  expect_granted(*early);
  auto waiter = open(location, "waiter");
  EXPECT_EQ(expect_busy(*waiter).place, 0U);
  auto registry = open_registry(location);
  const auto shown = registry->show(std::span(&key_, 1), 1s);
  ASSERT_TRUE(std::holds_alternative<Listing>(shown)) << std::get<Failed>(shown).text;
  ASSERT_EQ(std::get<Listing>(shown).views.size(), 1U);
  EXPECT_EQ(std::get<Listing>(shown).views[0].waiters, std::nullopt);
  expect_released(*early);
  EXPECT_TRUE(await_hint(*waiter));
  expect_granted(*waiter);
  const auto evicted = registry->evict(key_, {"x", "x", "", /*force=*/true}, 1s);
  ASSERT_TRUE(std::holds_alternative<Evicted>(evicted)) << std::get<Failed>(evicted).text;
  EXPECT_EQ(std::get<Evicted>(evicted).kind, Evicted::Kind::kReleased);
}

// A client that knows no queue says that on the channel of all.
TEST_F(RedisQueueTest, AReleaseBeforeTheFirstInLineHearsAllIsNotMissed) {
  server_->command({"SET", key_.value, "old/1", "PX", "20000"});
  const RespProxy proxy(
      server_->tcp(), [&](int, RespProxy::Words& words) -> std::optional<std::string> {
        const bool is_to_all = words[0] == "SUBSCRIBE" && words[1] == events_channel(key_);
        if (is_to_all) server_->command({"DEL", key_.value});
        return std::nullopt;
      });
  expect_granted(*open(proxy.location(), "waiter"));
}

}  // namespace
}  // namespace cluster_leader
