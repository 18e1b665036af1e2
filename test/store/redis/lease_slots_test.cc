// What the slots of a key on a server are like in particular; for what holds in a directory as well
// see slots_contract.h.
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>

#include "store/redis/names.h"
#include "store/redis/shared_server.h"
#include "store/redis/world.h"
#include "store/registry.h"
#include "support/command.h"

namespace cluster_leader {
namespace {

constexpr Duration kTtl = 10s;

class LeaseSlotsTest : public SharedServerTest {
 protected:
  std::unique_ptr<LoopedStore> open(const std::string& node, std::uint32_t slots = 2,
                                    bool hears_all = false,
                                    const RedisLocation& location = server_->tcp()) const {
    Contender contender = make_contender(key_, node, kTtl);
    contender.candidate.slots = slots;
    return open_at(location, contender, hears_all);
  }
  static Answer renewal(LoopedStore& store, const Granted& lease) {
    Request request{RequestKind::kRenew, 0, lease.token};
    request.slot = lease.slot;
    store.send(request);
    return await_answer(store).value_or(Failed{});
  }
  /// As the server evicts it.
  void lose_lock(std::uint32_t slot) const { server_->command({"DEL", lock_name(key_, slot)}); }
  void lose_record(std::uint32_t slot) const { server_->command({"DEL", record_name(key_, slot)}); }
  bool has_lock(std::uint32_t slot) const {
    return server_->integer({"EXISTS", lock_name(key_, slot)}) == 1;
  }
};

TEST_F(LeaseSlotsTest, SlotZeroIsStoredAsAKeyWithOneLease) {
  auto zero = open("0");
  auto one = open("1");
  expect_granted(*zero);
  expect_granted(*one);
  EXPECT_EQ(server_->text({"GET", key_.value}).substr(0, 2), "0/");
  EXPECT_EQ(server_->text({"HGET", "cluster-leader:record:{" + key_.value + "}", "node"}), "0");
  EXPECT_EQ(server_->text({"GET", "cluster-leader:slot:{" + key_.value + "}:1"}).substr(0, 2),
            "1/");
  EXPECT_EQ(server_->text({"HGET", "cluster-leader:slot-record:{" + key_.value + "}:1", "node"}),
            "1");
}

TEST_F(LeaseSlotsTest, ALockThatVanishedIsWaitedForAndSetAgainByItsHolder) {
  auto zero = open("0");
  auto one = open("1");
  auto other = open("other");
  expect_granted(*zero);
  const Granted lease = expect_granted(*one);
  lose_lock(1);
  expect_busy(*other);
  expect<Renewed>(renewal(*one, lease));
  EXPECT_TRUE(has_lock(1));
  expect_busy(*other);
  // Not so for the one that was released.
  expect_released(*one);
  EXPECT_EQ(expect_granted(*other).slot, 1U);
}

TEST_F(LeaseSlotsTest, WhoeverHasWatchedTakesNoSlotThatTheServerHasLost) {
  auto zero = open("0");
  auto one = open("1");
  auto watcher = open("watcher");
  expect_granted(*zero);
  const Granted lease = expect_granted(*one);
  expect_busy(*watcher);
  lose_lock(1);
  lose_record(1);
  EXPECT_NE(expect<Young>(ask(*watcher, RequestKind::kAcquire)).because, "");
  expect<Renewed>(renewal(*one, lease));
  expect_busy(*watcher);
  expect_released(*zero);
  EXPECT_GT(expect<Young>(ask(*watcher, RequestKind::kAcquire)).rest, Duration::zero())
      << "that goes for each slot of the key";
}

TEST_F(LeaseSlotsTest, AYoungServerGrantsNoSlot) {
  const Server young{REDIS_SERVER};
  auto a = open("a", 2, false, young.tcp());
  expect<Young>(ask(*a, RequestKind::kAcquire));
}

TEST_F(LeaseSlotsTest, WhatHappensToAnotherSlotIsNoNewsForACallerWithOne) {
  auto zero = open("0");
  expect_granted(*zero);
  auto elector = open("elector", 1, /*hears_all=*/true);
  expect_busy(*elector);
  auto one = open("1");
  // The elector is before it in line, and does not know that slot.
  pass(*one, expect_busy(*one).retry_after);
  EXPECT_EQ(expect_granted(*one).slot, 1U);
  while (const auto notice = elector->await_notice(100ms)) {
    EXPECT_NE(notice->kind, Notice::Kind::kTaken);
  }
}

TEST_F(LeaseSlotsTest, AHolderHearsThatItsOwnSlotWasTakenAndNothingOfTheOthers) {
  auto zero = open("0");
  expect_granted(*zero);
  auto holder = open("holder", 2, /*hears_all=*/true);
  const Granted lease = expect_granted(*holder);
  expect<Renewed>(renewal(*holder, lease));
  expect_released(*zero);
  auto other = open("other");
  EXPECT_EQ(expect_granted(*other).slot, 0U);
  while (const auto notice = holder->await_notice(100ms)) {
    EXPECT_EQ(notice->kind, Notice::Kind::kFree);
  }
  lose_lock(1);
  lose_record(1);
  expect_granted(*open("thief"));
  const auto notice = holder->await_notice(2s);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kTaken);
  EXPECT_EQ(node_of(notice->holder.value), "thief");
}

TEST_F(LeaseSlotsTest, ARecordWithoutALockIsFoundAndSoIsALockWithoutARecord) {
  server_->command({"HSET", record_name(key_, 63), "until", std::to_string(wall_clock_ms() + 5'000),
                    "ttl", "5000", "holder", "a/b"});
  server_->command({"SET", lock_name(key_, 7), "foreign"});
  const auto looked = open_registry(server_->tcp())->look(key_, 5s);
  ASSERT_TRUE(std::holds_alternative<Listing>(looked));
  const auto& views = std::get<Listing>(looked).views;
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(views[0].slot, 7U);
  EXPECT_EQ(views[0].state, LeaseView::State::kHeld);
  EXPECT_EQ(views[1].slot, 63U);
  EXPECT_EQ(views[1].state, LeaseView::State::kVanished);
}

TEST_F(LeaseSlotsTest, WithoutTheRightToTheOthersThereIsSlotZero) {
  const RedisLocation location =
      as_user("early", {"~test-*", "~cluster-leader:record:*", "~cluster-leader:queue:*",
                        "~cluster-leader:primary", "&*", "+@all"});
  auto early = open("early", 1, false, location);
  expect_granted(*early);
  const auto looked = open_registry(location)->look(key_, 5s);
  ASSERT_TRUE(std::holds_alternative<Listing>(looked)) << std::get<Failed>(looked).text;
  ASSERT_EQ(std::get<Listing>(looked).views.size(), 1U);
  EXPECT_EQ(std::get<Listing>(looked).views[0].node, "early");
  EXPECT_EQ(expect_failed(*open("wide", 2, false, location)).trouble, Trouble::kDenied);
}

}  // namespace
}  // namespace cluster_leader
