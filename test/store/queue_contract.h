#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lease/queue.h"
#include "store/store_contract.h"

// The order of those who wait, as typed tests over the worlds of store_contract.h. Whoever listens
// waits in line.

namespace cluster_leader {

template <typename World>
class QueueContractTest : public StoreContractTest<World> {
 protected:
  QueueContractTest() : holder_(this->open(this->contender("holder"))) {
    token_ = expect_granted(*holder_).token;
  }

  Contender contender(const std::string& node) const {
    return make_contender(this->key_, node, kTtl);
  }

  /// One that waits in line while `holder` has the key, and gets this place.
  std::unique_ptr<LoopedStore> wait_in_line_behind(const std::string& node,
                                                   const std::string& holder, std::size_t place) {
    auto waiter = this->open(contender(node), /*listening=*/true);
    const Busy busy = expect_busy(*waiter);
    EXPECT_EQ(busy.place, place) << node;
    EXPECT_EQ(node_in(busy), holder);
    EXPECT_FALSE(busy.is_free);
    EXPECT_LE(busy.retry_after, kTtl + 60ms) << "or its place would lapse";
    return waiter;
  }
  std::unique_ptr<LoopedStore> wait_in_line(const std::string& node, std::size_t place) {
    return wait_in_line_behind(node, "holder", place);
  }

  /// The notice that says when to ask again; nothing if there is none in `patience`.
  static std::optional<Duration> await_turn(LoopedStore& store, Duration patience = kPatience) {
    const Time end = BootClock::now() + patience;
    while (const auto notice = store.await_notice(std::max(end - BootClock::now(), Duration()))) {
      if (notice->kind == Notice::Kind::kFree) return notice->delay;
    }
    return std::nullopt;
  }

  /// A directory has the time of its own.
  static void expect_delay(std::optional<Duration> delay, Duration expected) {
    ASSERT_TRUE(delay);
    EXPECT_LE(*delay, expected);
    EXPECT_GT(*delay, expected - 200ms);
  }

  /// Another one has its turn; this is how long it has left at most.
  static Duration expect_others_turn(LoopedStore& store, std::size_t place) {
    const Busy busy = expect_busy(store);
    EXPECT_EQ(busy.holder, HolderId{});
    EXPECT_TRUE(busy.is_free);
    EXPECT_EQ(busy.place, place);
    return busy.retry_after;
  }

  static constexpr Duration kTtl = 10s;
  std::unique_ptr<LoopedStore> holder_;
  Token token_;
};

TYPED_TEST_SUITE_P(QueueContractTest);

TYPED_TEST_P(QueueContractTest, OnlyTheFirstInLineGetsAFreeKey) {
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  expect_released(*this->holder_);
  auto once = this->open(this->contender("once"));
  EXPECT_GT(this->expect_others_turn(*b, 2), Duration::zero());
  EXPECT_GT(this->expect_others_turn(*once, 0), Duration::zero());
  expect_granted(*a);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
  expect_released(*a);
  expect_granted(*b);
}

TYPED_TEST_P(QueueContractTest, AReleaseWakesTheFirstAtOnceAndTheNextForItsTurn) {
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  auto c = this->wait_in_line("c", 3);
  expect_renewed(*this->holder_, this->token_);
  EXPECT_EQ(this->await_turn(*a, 20ms), std::nullopt);
  expect_released(*this->holder_);
  EXPECT_EQ(this->await_turn(*a), Duration::zero());
  this->expect_delay(this->await_turn(*b), kTurn + kStep);
  this->expect_delay(this->await_turn(*c), kTurn + 2 * kStep);
}

TYPED_TEST_P(QueueContractTest, WhoeverMissesItsTurnCanHaveItsPlaceBack) {
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  auto c = this->wait_in_line("c", 3);
  expect_released(*this->holder_);
  EXPECT_EQ(this->await_turn(*a), Duration::zero());
  const Duration wait = this->expect_others_turn(*b, 2);
  EXPECT_LE(wait, kTurn + kStep + 60ms);
  pass(*b, wait);
  expect_granted(*b);
  EXPECT_EQ(this->await_turn(*a), Duration::zero()) << "it is to hear of that";
  EXPECT_EQ(expect_busy(*a).place, 1U);
  expect_released(*b);
  expect_granted(*a);
  expect_released(*a);
  expect_granted(*c);
}

TYPED_TEST_P(QueueContractTest, WhoeverMissesItsTurnAndAsksNoMoreIsWaitedForOnce) {
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  auto c = this->wait_in_line("c", 3);
  expect_released(*this->holder_);
  pass(*b, this->expect_others_turn(*b, 2));
  expect_granted(*b);
  expect_released(*b);
  expect_granted(*c);
  pass(*c, kGrace + 10ms);
  EXPECT_EQ(expect_busy(*this->wait_in_line_behind("d", "c", 1)).place, 1U);
  EXPECT_EQ(expect_busy(*a).place, 2U) << "it is new";
}

TYPED_TEST_P(QueueContractTest, WhoeverGivesUpLetsTheNextOneHaveItsTurnAtOnce) {
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  expect_released(*this->holder_);
  this->expect_delay(this->await_turn(*b), kTurn + kStep);
  a->abandon();
  // It may have heard of the release in two ways.
  auto turn = this->await_turn(*b);
  if (turn > Duration::zero()) turn = this->await_turn(*b);
  EXPECT_EQ(turn, Duration::zero());
  expect_granted(*b);
}

TYPED_TEST_P(QueueContractTest, WhoeverGivesUpBeforeIsNotWaitedFor) {
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  a->abandon();
  // What was abandoned was written, and the server does it before what comes later.
  pass(*a, 50ms);
  expect_released(*this->holder_);
  EXPECT_EQ(this->await_turn(*b), Duration::zero());
  expect_granted(*b);
}

TYPED_TEST_P(QueueContractTest, AnAskDoesNotChangeThePlace) {
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  EXPECT_EQ(expect_busy(*b).place, 2U);
  EXPECT_EQ(expect_busy(*a).place, 1U);
  // A new id is a new term.
  a->abandon();
  a->set_holder(fresh_holder("a"));
  EXPECT_EQ(expect_busy(*a).place, 2U);
}

REGISTER_TYPED_TEST_SUITE_P(QueueContractTest, OnlyTheFirstInLineGetsAFreeKey,
                            AReleaseWakesTheFirstAtOnceAndTheNextForItsTurn,
                            WhoeverMissesItsTurnCanHaveItsPlaceBack,
                            WhoeverMissesItsTurnAndAsksNoMoreIsWaitedForOnce,
                            WhoeverGivesUpLetsTheNextOneHaveItsTurnAtOnce,
                            WhoeverGivesUpBeforeIsNotWaitedFor, AnAskDoesNotChangeThePlace);

// A file whose store has no queue only runs the other suites.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(QueueContractTest);

}  // namespace cluster_leader
