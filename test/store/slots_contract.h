#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lease/queue.h"
#include "store/registry.h"
#include "store/store_contract.h"

// Keys with several leases, as typed tests over the worlds of store_contract.h, which have a
//
//   std::unique_ptr<Registry> registry();
//
// as well. Whoever listens waits in line.

namespace cluster_leader {

template <typename World>
class SlotsContractTest : public StoreContractTest<World> {
 protected:
  using Store = std::unique_ptr<LoopedStore>;

  Contender contender(const std::string& node, std::uint32_t slots = 3, Duration ttl = kTtl) const {
    Contender contender = make_contender(this->key_, node, ttl);
    contender.candidate.slots = slots;
    return contender;
  }
  /// One that gets this slot.
  Store hold(const Contender& contender, std::uint32_t slot) {
    auto holder = this->open(contender);
    EXPECT_EQ(expect_granted(*holder).slot, slot) << contender.candidate.node;
    return holder;
  }
  /// Three of them, "0" to "2", each of which has the slot of its name.
  std::vector<Store> hold_all(Duration ttl = kTtl) {
    std::vector<Store> holders;
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
      holders.push_back(hold(contender(std::to_string(slot), 3, ttl), slot));
    }
    return holders;
  }
  Store wait_in_line(const Contender& contender, std::size_t place) {
    auto waiter = this->open(contender, /*listening=*/true);
    const Busy busy = expect_busy(*waiter);
    EXPECT_EQ(busy.place, place) << contender.candidate.node;
    EXPECT_FALSE(busy.is_free);
    return waiter;
  }
  Store wait_in_line(const std::string& node, std::size_t place) {
    return wait_in_line(contender(node), place);
  }

  static Answer renewal(LoopedStore& store, const Granted& lease) {
    Request request{RequestKind::kRenew, 0, lease.token};
    request.slot = lease.slot;
    store.send(request);
    return await_answer(store).value_or(Failed{});
  }
  static void expect_renewed(LoopedStore& store, const Granted& lease) {
    expect<Renewed>(renewal(store, lease));
  }
  static void finish(LoopedStore& store, const Granted& lease) {
    Request request{RequestKind::kFinish, 0, lease.token};
    request.slot = lease.slot;
    request.result = RunResult{0, 1'000, 2'000};
    store.send(request);
    expect<Released>(await_answer(store));
  }

  /// The shortest delay of the notices that say when to ask again; nothing if there is none. The
  /// ones about others' leases are too far away.
  static std::optional<Duration> await_turn(LoopedStore& store, Duration patience = kPatience) {
    const Time end = BootClock::now() + patience;
    while (const auto notice = store.await_notice(std::max(end - BootClock::now(), Duration()))) {
      const bool is_turn = notice->kind == Notice::Kind::kFree && notice->delay < kTtl / 2;
      if (is_turn) return notice->delay;
    }
    return std::nullopt;
  }

  std::vector<LeaseView> views_of(const std::variant<Listing, Failed>& answered) const {
    if (const auto* failed = std::get_if<Failed>(&answered)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    std::vector<LeaseView> views = std::get<Listing>(answered).views;
    std::erase_if(views, [&](const LeaseView& view) { return view.key.value != this->key_.value; });
    return views;
  }
  std::vector<LeaseView> show() const {
    return views_of(this->world_->registry()->show(std::span(&this->key_, 1), 5s));
  }
  std::vector<LeaseView> look() const {
    return views_of(this->world_->registry()->look(this->key_, 5s));
  }
  static std::vector<std::uint32_t> slots_of(const std::vector<LeaseView>& views) {
    std::vector<std::uint32_t> slots;
    for (const LeaseView& view : views) slots.push_back(view.slot);
    return slots;
  }
  /// The slots that a list of all keys has; that they are shown as well.
  std::vector<std::uint32_t> listed() const {
    const auto slots = slots_of(views_of(this->world_->registry()->list("test-", 5s)));
    EXPECT_TRUE(slots.empty() || slots_of(show()) == slots);
    EXPECT_EQ(slots_of(look()), slots_of(show()));
    return slots;
  }

  static Eviction by(const std::string& node, std::uint32_t slot) {
    Eviction us{node, "host-of-" + node, ""};
    us.slot = slot;
    return us;
  }
  Evicted evict(const Eviction& us) const {
    const auto evicted = this->world_->registry()->evict(this->key_, us, 5s);
    if (const auto* failed = std::get_if<Failed>(&evicted)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Evicted>(evicted);
  }

  static constexpr Duration kTtl = 10s;
};

TYPED_TEST_SUITE_P(SlotsContractTest);

TYPED_TEST_P(SlotsContractTest, AsManyAsThereAreSlotsGetOneEach) {
  const auto holders = this->hold_all();
  auto next = this->open(this->contender("next"));
  for (int i = 0; i < 3; ++i) {
    const Busy busy = expect_busy(*next);
    EXPECT_THAT(node_in(busy), testing::AnyOf("0", "1", "2"));
    EXPECT_LE(busy.retry_after, this->kTtl + 60ms);
    EXPECT_FALSE(busy.is_free);
  }
}

TYPED_TEST_P(SlotsContractTest, AnAcquireThatIsRepeatedGetsTheSameSlot) {
  auto zero = this->hold(this->contender("0"), 0);
  auto one = this->open(this->contender("1"));
  const Granted lease = expect_granted(*one);
  EXPECT_EQ(lease.slot, 1U);
  expect_released(*zero);
  const Granted again = expect_granted(*one);
  EXPECT_EQ(again.slot, 1U) << "its answer might have been lost";
  EXPECT_EQ(again.token, lease.token);
}

TYPED_TEST_P(SlotsContractTest, AReleaseFreesItsSlotOnlyAndWakesOneWaiter) {
  auto holders = this->hold_all();
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  // It does not say which one it has.
  expect_released(*holders[1]);
  EXPECT_EQ(this->await_turn(*a), Duration::zero());
  const auto turn = this->await_turn(*b);
  ASSERT_TRUE(turn);
  EXPECT_LE(*turn, kTurn + kStep);
  EXPECT_GT(*turn, kTurn + kStep - 200ms);
  EXPECT_EQ(expect_granted(*a).slot, 1U);
  EXPECT_EQ(expect_busy(*b).place, 1U);
}

TYPED_TEST_P(SlotsContractTest, TheEndOfOneLeaseLeavesTheOthersAlone) {
  std::vector<std::unique_ptr<LoopedStore>> holders;
  std::vector<Granted> leases;
  for (const char* node : {"0", "1", "2"}) {
    holders.push_back(this->open(this->contender(node)));
    leases.push_back(expect_granted(*holders.back()));
  }
  this->finish(*holders[1], leases[1]);
  this->expect_renewed(*holders[0], leases[0]);
  this->expect_renewed(*holders[2], leases[2]);
  EXPECT_TRUE(std::holds_alternative<Lost>(this->renewal(*holders[1], leases[1])));
  auto next = this->open(this->contender("next"));
  const Granted lease = expect_granted(*next);
  EXPECT_EQ(lease.slot, 1U);
  EXPECT_GT(lease.token, leases[1].token);
  this->finish(*holders[0], leases[0]);
  this->expect_renewed(*next, lease);
  this->expect_renewed(*holders[2], leases[2]);
}

TYPED_TEST_P(SlotsContractTest, AnExpiryFreesItsSlotOnly) {
  std::vector<std::unique_ptr<LoopedStore>> holders;
  std::vector<Granted> leases;
  for (const char* node : {"0", "1", "2"}) {
    const bool dies = holders.size() == 1;
    holders.push_back(this->open(this->contender(node, 3, dies ? 1s : this->kTtl)));
    leases.push_back(expect_granted(*holders.back()));
  }
  auto next = this->open(this->contender("next"));
  const Busy busy = expect_busy(*next);
  EXPECT_EQ(node_in(busy), "1") << "it is the one that ends first";
  pass(*next, busy.retry_after);
  EXPECT_EQ(expect_granted(*next).slot, 1U);
  this->expect_renewed(*holders[0], leases[0]);
  this->expect_renewed(*holders[2], leases[2]);
}

TYPED_TEST_P(SlotsContractTest, TheTokensOfASlotGrow) {
  Token last;
  for (int i = 0; i < 3; ++i) {
    auto zero = this->hold(this->contender("0"), 0);
    auto one = this->open(this->contender("1"));
    const Granted lease = expect_granted(*one);
    EXPECT_EQ(lease.slot, 1U);
    EXPECT_GT(lease.token, last);
    last = lease.token;
    expect_released(*zero);
    expect_released(*one);
  }
}

TYPED_TEST_P(SlotsContractTest, CallersWithDifferentNumbersEachUseTheFirstSlots) {
  auto one_of_three = this->hold(this->contender("3"), 0);
  auto only = this->open(this->contender("1", 1));
  EXPECT_EQ(node_in(expect_busy(*only)), "3");
  auto one_of_two = this->hold(this->contender("2", 2), 1);
  expect_busy(*this->open(this->contender("another", 2)));
  auto last = this->hold(this->contender("another", 3), 2);
  expect_released(*one_of_three);
  EXPECT_EQ(expect_granted(*only).slot, 0U);
}

TYPED_TEST_P(SlotsContractTest, AHoldKeepsItsSlotOnly) {
  Contender holding = this->contender("0");
  holding.candidate.aftermath.hold = 60s;
  auto zero = this->open(holding);
  this->finish(*zero, expect_granted(*zero));
  auto one = this->hold(this->contender("1"), 1);
  auto two = this->hold(this->contender("2"), 2);
  expect_busy(*this->open(this->contender("next")));
  const auto views = this->show();
  ASSERT_EQ(this->slots_of(views), (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(views[0].state, LeaseView::State::kCoolingDown);
  EXPECT_EQ(views[1].state, LeaseView::State::kHeld);
}

TYPED_TEST_P(SlotsContractTest, AsManyAsThereAreFreeSlotsMayTakeOneInAnyOrder) {
  auto holders = this->hold_all();
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  auto c = this->wait_in_line("c", 3);
  expect_released(*holders[2]);
  expect_released(*holders[0]);
  EXPECT_EQ(this->await_turn(*a), Duration::zero());
  const Busy busy = expect_busy(*c);
  EXPECT_TRUE(busy.is_free);
  EXPECT_LE(busy.retry_after, kTurn + kStep + 60ms);
  EXPECT_EQ(busy.place, 3U);
  EXPECT_EQ(expect_granted(*b).slot, 0U);
  EXPECT_TRUE(expect_busy(*c).is_free);
  EXPECT_EQ(expect_granted(*a).slot, 2U);
  EXPECT_EQ(expect_busy(*c).place, 1U);
}

TYPED_TEST_P(SlotsContractTest, WhoeverMissesItsTurnIsWaitedForOnce) {
  auto holders = this->hold_all();
  auto dead = this->wait_in_line("dead", 1);
  auto a = this->wait_in_line("a", 2);
  auto b = this->wait_in_line("b", 3);
  expect_released(*holders[2]);
  const Busy busy = expect_busy(*a);
  EXPECT_TRUE(busy.is_free);
  pass(*a, busy.retry_after);
  EXPECT_EQ(expect_granted(*a).slot, 2U);
  expect_released(*holders[1]);
  EXPECT_EQ(expect_granted(*b).slot, 1U);
}

TYPED_TEST_P(SlotsContractTest, WhoeverCannotUseAFreeSlotCostsTheOthersItsTurnOnly) {
  auto holders = this->hold_all();
  auto narrow = this->wait_in_line(this->contender("narrow", 1), 1);
  auto wide = this->wait_in_line("wide", 2);
  expect_released(*holders[2]);
  const Busy first = expect_busy(*narrow);
  EXPECT_FALSE(first.is_free) << "not for it";
  const Busy second = expect_busy(*wide);
  EXPECT_TRUE(second.is_free);
  EXPECT_LE(second.retry_after, kTurn + kStep + 60ms);
  pass(*wide, second.retry_after);
  EXPECT_EQ(expect_granted(*wide).slot, 2U);
  EXPECT_EQ(expect_busy(*narrow).place, 1U);
  expect_released(*holders[0]);
  EXPECT_EQ(expect_granted(*narrow).slot, 0U);
}

TYPED_TEST_P(SlotsContractTest, WhoeverBecomesTheFirstInLineHearsWhenTheNextLeaseEnds) {
  auto zero = this->hold(this->contender("0", 2), 0);
  auto one = this->hold(this->contender("1", 2, 4s), 1);
  auto a = this->wait_in_line(this->contender("a", 2), 1);
  auto b = this->open(this->contender("b", 2), /*listening=*/true);
  EXPECT_GT(expect_busy(*b).retry_after, 4s);
  expect_released(*zero);
  expect_granted(*a);
  const Time end = BootClock::now() + 2s;
  bool hears = false;
  while (!hears && BootClock::now() < end) {
    const auto notice = b->await_notice(100ms);
    hears = notice && notice->kind == Notice::Kind::kFree && notice->delay > 2s &&
            notice->delay <= 4s + 60ms;
  }
  EXPECT_TRUE(hears);
}

TYPED_TEST_P(SlotsContractTest, EachSlotThatIsNotFreeIsShown) {
  using testing::ElementsAre;
  EXPECT_THAT(this->slots_of(this->show()), ElementsAre(0));
  EXPECT_THAT(this->listed(), ElementsAre());
  auto holders = this->hold_all();
  EXPECT_THAT(this->listed(), ElementsAre(0, 1, 2));
  auto a = this->wait_in_line("a", 1);
  auto b = this->wait_in_line("b", 2);
  for (const LeaseView& view : this->show()) {
    EXPECT_EQ(view.node, std::to_string(view.slot));
    EXPECT_EQ(view.waiters, 2) << "each says the same";
  }
  a->abandon();
  b->abandon();
  expect_released(*holders[1]);
  EXPECT_THAT(this->listed(), ElementsAre(0, 2));
  expect_released(*holders[0]);
  EXPECT_THAT(this->listed(), ElementsAre(2));
  expect_released(*holders[2]);
  EXPECT_THAT(this->listed(), ElementsAre());
  ASSERT_THAT(this->slots_of(this->show()), ElementsAre(0));
  EXPECT_EQ(this->show()[0].state, LeaseView::State::kFree);
}

TYPED_TEST_P(SlotsContractTest, ASlotIsReleasedByHandByItself) {
  auto holders = this->hold_all();
  auto waiter = this->wait_in_line("waiter", 1);
  EXPECT_EQ(this->evict(this->by("1", 0)).kind, Evicted::Kind::kOthers);
  Evicted evicted = this->evict(this->by("x", 1));
  EXPECT_EQ(evicted.kind, Evicted::Kind::kOthers);
  EXPECT_EQ(evicted.before.slot, 1U);
  evicted = this->evict(this->by("1", 1));
  EXPECT_EQ(evicted.kind, Evicted::Kind::kReleased);
  EXPECT_EQ(evicted.before.node, "1");
  EXPECT_EQ(this->evict(this->by("1", 1)).kind, Evicted::Kind::kNobodys);
  EXPECT_EQ(this->await_turn(*waiter), Duration::zero());
  EXPECT_EQ(this->slots_of(this->look()), (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(expect_granted(*waiter).slot, 1U);
}

TYPED_TEST_P(SlotsContractTest, TheHolderOfASlotIsAskedByItself) {
  auto zero = this->open(this->contender("0"));
  auto one = this->open(this->contender("1"));
  const Granted first = expect_granted(*zero);
  const Granted second = expect_granted(*one);
  Eviction us = this->by("x", 1);
  us.what = Eviction::What::kAsk;
  EXPECT_EQ(this->evict(us).kind, Evicted::Kind::kAsked);
  EXPECT_FALSE(expect<Renewed>(this->renewal(*zero, first)).stop);
  EXPECT_TRUE(expect<Renewed>(this->renewal(*one, second)).stop);
}

REGISTER_TYPED_TEST_SUITE_P(
    SlotsContractTest, AsManyAsThereAreSlotsGetOneEach, AnAcquireThatIsRepeatedGetsTheSameSlot,
    AReleaseFreesItsSlotOnlyAndWakesOneWaiter, TheEndOfOneLeaseLeavesTheOthersAlone,
    AnExpiryFreesItsSlotOnly, TheTokensOfASlotGrow, CallersWithDifferentNumbersEachUseTheFirstSlots,
    AHoldKeepsItsSlotOnly, AsManyAsThereAreFreeSlotsMayTakeOneInAnyOrder,
    WhoeverMissesItsTurnIsWaitedForOnce, WhoeverCannotUseAFreeSlotCostsTheOthersItsTurnOnly,
    WhoeverBecomesTheFirstInLineHearsWhenTheNextLeaseEnds, EachSlotThatIsNotFreeIsShown,
    ASlotIsReleasedByHandByItself, TheHolderOfASlotIsAskedByItself);

// A file whose store has no slots only runs the other suites.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SlotsContractTest);

}  // namespace cluster_leader
