#pragma once

#include <string>

#include "store/store_contract.h"

// What a key is after the job, as typed tests over the worlds of store_contract.h: held, parked,
// done.

namespace cluster_leader {

template <typename World>
class SettleContractTest : public StoreContractTest<World> {
 protected:
  Claim claim(const std::string& node, const Aftermath& aftermath = {}, bool joins = false) {
    Claim claim = make_claim(this->key_, node);
    claim.identity = node + "/boot:1";
    claim.aftermath = aftermath;
    claim.joins = joins;
    return claim;
  }

  Token run(const Claim& claim, const std::optional<RunResult>& result) {
    auto store = this->open(claim);
    const Token token = expect_granted(*store).token;
    settle(*store, token, result);
    return token;
  }

  void settle(Store& store, Token token, const std::optional<RunResult>& result) {
    store.send(Request{RequestKind::kSettle, 1, token, {}, result}, BootClock::now());
    expect<Released>(await_answer(store));
  }

  std::optional<Answer> acquire(Store& store, Token awaited) {
    store.send(Request{RequestKind::kAcquire, 1, {}, awaited, {}}, BootClock::now());
    return await_answer(store);
  }

  static inline const RunResult kWell{0, 1'000, 2'000};
  static inline const RunResult kBadly{3, 1'000, 2'000};
};

TYPED_TEST_SUITE_P(SettleContractTest);

TYPED_TEST_P(SettleContractTest, WithoutOptionsTheKeyIsFreeAtOnce) {
  this->run(this->claim("a"), this->kWell);
  auto b = this->open(this->claim("b"));
  expect_granted(*b);
}

TYPED_TEST_P(SettleContractTest, SettlingNeverTouchesAnothersLease) {
  auto a = this->open(this->claim("a", {1s, true, 1h}));
  auto b = this->open(this->claim("b"));
  const Token token = expect_granted(*b).token;
  this->settle(*a, token, this->kWell);
  EXPECT_EQ(expect_busy(*a).leader, "b");
  expect_renewed(*b, token);
}

TYPED_TEST_P(SettleContractTest, SettlingTwiceIsSettlingOnce) {
  auto a = this->open(this->claim("a", {10s, false, {}}));
  const Token token = expect_granted(*a).token;
  this->settle(*a, token, this->kBadly);
  this->settle(*a, token, this->kBadly);
  auto b = this->open(this->claim("b"));
  EXPECT_GT(expect_busy(*b).retry_after, 9s);
}

TYPED_TEST_P(SettleContractTest, NobodyGetsAHeldKeyTheSameNodeIncluded) {
  const Time before = BootClock::now();
  this->run(this->claim("a", {500ms, false, {}}), this->kBadly);
  auto same = this->open(this->claim("a"));
  auto b = this->open(this->claim("b"), true);
  EXPECT_EQ(expect_busy(*same).leader, "a");
  const Busy busy = expect_busy(*b);
  EXPECT_EQ(busy.leader, "a");
  EXPECT_LT(busy.retry_after, 550ms);
  await_hint(*b, busy.retry_after);
  expect_granted(*b);
  EXPECT_GE(BootClock::now() - before, 499ms) << "counted from the acquisition";
}

TYPED_TEST_P(SettleContractTest, AHoldLastsAsLongAsWasAskedForAlsoBeyondTheTtl) {
  this->run(this->claim("a", {1h, false, {}}), {});
  auto b = this->open(this->claim("b"));
  EXPECT_GT(expect_busy(*b).retry_after, 3598s);
}

TYPED_TEST_P(SettleContractTest, AHoldThatIsOverFreesTheKey) {
  auto a = this->open(this->claim("a", {100ms, false, {}}));
  const Token token = expect_granted(*a).token;
  await_hint(*a, 120ms);
  this->settle(*a, token, this->kWell);
  auto b = this->open(this->claim("b"));
  expect_granted(*b);
}

TYPED_TEST_P(SettleContractTest, ADelayedRenewalDoesNotDisturbAHold) {
  auto a = this->open(this->claim("a", {1h, false, {}}));
  const Token token = expect_granted(*a).token;
  this->settle(*a, token, this->kWell);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
  auto b = this->open(this->claim("b"));
  EXPECT_GT(expect_busy(*b).retry_after, 3598s);
}

TYPED_TEST_P(SettleContractTest, OnlyTheSameIdentityTakesAParkedKeyWithANewToken) {
  const Token first = this->run(this->claim("a", {{}, true, {}}), this->kBadly);
  auto b = this->open(this->claim("b"));
  EXPECT_EQ(expect_busy(*b).leader, "a");
  Claim double_of_a = this->claim("a");
  double_of_a.identity = "a/boot:2";
  auto other = this->open(double_of_a);
  expect_busy(*other);
  auto a = this->open(this->claim("a"));
  const Token second = expect_granted(*a).token;
  EXPECT_GT(second, first);
  auto beside = this->open(this->claim("a"));
  EXPECT_EQ(expect_busy(*beside).leader, "a") << "runs on one node still exclude each other";
}

TYPED_TEST_P(SettleContractTest, WithoutAnIdentityNoParkedKeyIsTaken) {
  this->run(this->claim("a", {{}, true, {}}), this->kWell);
  Claim nobody = this->claim("a");
  nobody.identity.clear();
  auto store = this->open(nobody);
  expect_busy(*store);
}

TYPED_TEST_P(SettleContractTest, AJobThatWasMadeToEndParksNothing) {
  this->run(this->claim("a", {{}, true, {}}), {});
  auto b = this->open(this->claim("b"));
  expect_granted(*b);
}

TYPED_TEST_P(SettleContractTest, AParkedKeyIsFreeForAllAfterATtl) {
  this->run(this->claim("a", {{}, true, {}}), this->kWell);
  auto b = this->open(this->claim("b"), true);
  const Busy busy = expect_busy(*b);
  EXPECT_GT(busy.retry_after, 900ms);
  EXPECT_LT(busy.retry_after, 1050ms);
  await_hint(*b, busy.retry_after);
  expect_granted(*b);
}

TYPED_TEST_P(SettleContractTest, AParkedKeyIsHeldFirst) {
  this->run(this->claim("a", {600ms, true, {}}), this->kWell);
  auto a = this->open(this->claim("a"), true);
  auto b = this->open(this->claim("b"));
  const Duration until_ours = expect_busy(*a).retry_after;
  EXPECT_LT(until_ours, 650ms);
  EXPECT_GT(expect_busy(*b).retry_after, 1200ms);
  await_hint(*a, until_ours);
  expect_busy(*b);
  expect_granted(*a);
}

TYPED_TEST_P(SettleContractTest, NobodyRunsAgainAfterASuccessForOnce) {
  const Token token = this->run(this->claim("a", {{}, false, 1h}), this->kWell);
  for (const std::string node : {"a", "b"}) {
    auto store = this->open(this->claim(node));
    const Done done = expect<Done>(ask(*store, RequestKind::kAcquire));
    EXPECT_EQ(done.result, this->kWell);
    EXPECT_EQ(done.node, "a");
    EXPECT_EQ(done.token, token);
  }
}

TYPED_TEST_P(SettleContractTest, OnceEndsWithItsTime) {
  this->run(this->claim("a", {{}, false, 300ms}), this->kWell);
  auto b = this->open(this->claim("b"));
  expect<Done>(ask(*b, RequestKind::kAcquire));
  await_hint(*b, 310ms);
  expect_granted(*b);
}

TYPED_TEST_P(SettleContractTest, AFailureLeavesTheKeyOpen) {
  this->run(this->claim("a", {{}, false, 1h}), this->kBadly);
  this->run(this->claim("b", {{}, false, 1h}), {});
  auto c = this->open(this->claim("c"));
  expect_granted(*c);
}

TYPED_TEST_P(SettleContractTest, WhoJoinsGetsTheResultOfTheRunThatItSaw) {
  auto a = this->open(this->claim("a"));
  auto b = this->open(this->claim("b", {}, true), true);
  const Token token = expect_granted(*a).token;
  EXPECT_EQ(expect<Busy>(this->acquire(*b, {})).token, token);
  EXPECT_FALSE(await_hint(*b, 20ms));
  this->settle(*a, token, this->kBadly);
  EXPECT_TRUE(await_hint(*b));
  const Done done = expect<Done>(this->acquire(*b, token));
  EXPECT_EQ(done.result, this->kBadly);
  EXPECT_EQ(done.node, "a");
}

TYPED_TEST_P(SettleContractTest, WhoJoinsGetsTheResultAlsoWhileALaterRunHasTheKey) {
  const Token first = this->run(this->claim("a"), this->kBadly);
  auto later = this->open(this->claim("c"));
  expect_granted(*later);
  auto b = this->open(this->claim("b", {}, true));
  EXPECT_EQ(expect<Done>(this->acquire(*b, first)).token, first);
}

TYPED_TEST_P(SettleContractTest, WhoJoinsTakesOverFromARunThatLeftNoResult) {
  auto a = this->open(this->claim("a"));
  auto b = this->open(this->claim("b", {}, true));
  const Token token = expect_granted(*a).token;
  expect<Busy>(this->acquire(*b, {}));
  this->settle(*a, token, {});
  EXPECT_GT(expect<Granted>(this->acquire(*b, token)).token, token);
}

TYPED_TEST_P(SettleContractTest, WhoJoinsAfterTheEndRunsItselfUnlessTheKeyIsHeld) {
  this->run(this->claim("a"), this->kWell);
  auto b = this->open(this->claim("b", {10s, false, {}}, true));
  const Token token = expect<Granted>(this->acquire(*b, {})).token;
  this->settle(*b, token, this->kBadly);
  auto c = this->open(this->claim("c", {}, true));
  EXPECT_EQ(expect<Done>(this->acquire(*c, {})).result, this->kBadly);
}

TYPED_TEST_P(SettleContractTest, AResultIsNoUseToWhoDoesNotJoin) {
  const Token token = this->run(this->claim("a"), this->kWell);
  auto b = this->open(this->claim("b"));
  expect<Granted>(this->acquire(*b, token));
}

REGISTER_TYPED_TEST_SUITE_P(
    SettleContractTest, WithoutOptionsTheKeyIsFreeAtOnce, SettlingNeverTouchesAnothersLease,
    SettlingTwiceIsSettlingOnce, NobodyGetsAHeldKeyTheSameNodeIncluded,
    AHoldLastsAsLongAsWasAskedForAlsoBeyondTheTtl, AHoldThatIsOverFreesTheKey,
    ADelayedRenewalDoesNotDisturbAHold, OnlyTheSameIdentityTakesAParkedKeyWithANewToken,
    WithoutAnIdentityNoParkedKeyIsTaken, AJobThatWasMadeToEndParksNothing,
    AParkedKeyIsFreeForAllAfterATtl, AParkedKeyIsHeldFirst, NobodyRunsAgainAfterASuccessForOnce,
    OnceEndsWithItsTime, AFailureLeavesTheKeyOpen, WhoJoinsGetsTheResultOfTheRunThatItSaw,
    WhoJoinsGetsTheResultAlsoWhileALaterRunHasTheKey, WhoJoinsTakesOverFromARunThatLeftNoResult,
    WhoJoinsAfterTheEndRunsItselfUnlessTheKeyIsHeld, AResultIsNoUseToWhoDoesNotJoin);

}  // namespace cluster_leader
