#pragma once

#include <string>

#include "store/store_contract.h"

// What a key is after the job, as typed tests over the worlds of store_contract.h: held, parked,
// done.

namespace cluster_leader {

template <typename World>
class FinishContractTest : public StoreContractTest<World> {
 protected:
  Contender contender(const std::string& node, const Aftermath& aftermath = {},
                      bool joins = false) {
    Contender contender = make_contender(this->key_, node);
    contender.candidate.identity = node + "/boot:1";
    contender.candidate.aftermath = aftermath;
    contender.candidate.joins = joins;
    return contender;
  }

  Token run(const Contender& contender, const std::optional<RunResult>& result) {
    auto store = this->open(contender);
    const Token token = expect_granted(*store).token;
    finish(*store, token, result);
    return token;
  }

  void finish(LoopedStore& store, Token token, const std::optional<RunResult>& result) {
    store.send(Request{RequestKind::kFinish, 1, token, {}, {}, result});
    expect<Released>(await_answer(store));
  }

  std::optional<Answer> acquire(LoopedStore& store, Token awaited) {
    store.send(Request{RequestKind::kAcquire, 1, {}, awaited, {}});
    return await_answer(store);
  }

  static inline const RunResult kWell{0, 1'000, 2'000};
  static inline const RunResult kBadly{3, 1'000, 2'000};
};

TYPED_TEST_SUITE_P(FinishContractTest);

TYPED_TEST_P(FinishContractTest, WithoutOptionsTheKeyIsFreeAtOnce) {
  this->run(this->contender("a"), this->kWell);
  auto b = this->open(this->contender("b"));
  expect_granted(*b);
}

TYPED_TEST_P(FinishContractTest, FinishingNeverTouchesAnothersLease) {
  auto a = this->open(this->contender("a", {1s, true, 1h}));
  auto b = this->open(this->contender("b"));
  const Token token = expect_granted(*b).token;
  this->finish(*a, token, this->kWell);
  EXPECT_EQ(node_in(expect_busy(*a)), "b");
  expect_renewed(*b, token);
}

TYPED_TEST_P(FinishContractTest, FinishingTwiceHasNoFurtherEffect) {
  auto a = this->open(this->contender("a", {10s, false, {}}));
  const Token token = expect_granted(*a).token;
  this->finish(*a, token, this->kBadly);
  this->finish(*a, token, this->kBadly);
  auto b = this->open(this->contender("b"));
  EXPECT_GT(expect_busy(*b).retry_after, 9s);
}

TYPED_TEST_P(FinishContractTest, NobodyGetsAHeldKeyTheSameNodeIncluded) {
  const Time before = BootClock::now();
  this->run(this->contender("a", {500ms, false, {}}), this->kBadly);
  auto same = this->open(this->contender("a"));
  auto b = this->open(this->contender("b"), true);
  EXPECT_EQ(node_in(expect_busy(*same)), "a");
  const Busy busy = expect_busy(*b);
  EXPECT_EQ(node_in(busy), "a");
  EXPECT_LT(busy.retry_after, 550ms);
  pass(*b, busy.retry_after);
  expect_granted(*b);
  EXPECT_GE(BootClock::now() - before, 499ms) << "counted from the acquisition";
}

TYPED_TEST_P(FinishContractTest, AHoldLastsAsLongAsRequestedEvenBeyondTheTtl) {
  this->run(this->contender("a", {1h, false, {}}), {});
  auto b = this->open(this->contender("b"));
  EXPECT_GT(expect_busy(*b).retry_after, 3598s);
}

TYPED_TEST_P(FinishContractTest, AHoldThatIsOverFreesTheKey) {
  auto a = this->open(this->contender("a", {100ms, false, {}}));
  const Token token = expect_granted(*a).token;
  pass(*a, 120ms);
  this->finish(*a, token, this->kWell);
  auto b = this->open(this->contender("b"));
  expect_granted(*b);
}

TYPED_TEST_P(FinishContractTest, ADelayedRenewalDoesNotDisturbAHold) {
  auto a = this->open(this->contender("a", {1h, false, {}}));
  const Token token = expect_granted(*a).token;
  this->finish(*a, token, this->kWell);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
  auto b = this->open(this->contender("b"));
  EXPECT_GT(expect_busy(*b).retry_after, 3598s);
}

TYPED_TEST_P(FinishContractTest, OnlyTheSameIdentityTakesAParkedKeyWithANewToken) {
  const Token first = this->run(this->contender("a", {{}, true, {}}), this->kBadly);
  auto b = this->open(this->contender("b"));
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
  Contender double_of_a = this->contender("a");
  double_of_a.candidate.identity = "a/boot:2";
  auto other = this->open(double_of_a);
  expect_busy(*other);
  auto a = this->open(this->contender("a"));
  const Token second = expect_granted(*a).token;
  EXPECT_GT(second, first);
  auto beside = this->open(this->contender("a"));
  EXPECT_EQ(node_in(expect_busy(*beside)), "a") << "runs on one node still exclude each other";
}

TYPED_TEST_P(FinishContractTest, WithoutAnIdentityNoParkedKeyIsTaken) {
  this->run(this->contender("a", {{}, true, {}}), this->kWell);
  Contender nobody = this->contender("a");
  nobody.candidate.identity.clear();
  auto store = this->open(nobody);
  expect_busy(*store);
}

TYPED_TEST_P(FinishContractTest, AStoppedJobParksNothing) {
  this->run(this->contender("a", {{}, true, {}}), {});
  auto b = this->open(this->contender("b"));
  expect_granted(*b);
}

TYPED_TEST_P(FinishContractTest, AParkedKeyIsFreeAfterATtl) {
  const Time begin = BootClock::now();
  this->run(this->contender("a", {{}, true, {}}), this->kWell);
  auto b = this->open(this->contender("b"), true);
  const Busy busy = expect_busy(*b);
  EXPECT_GE(BootClock::now() + busy.retry_after, begin + 998ms);
  EXPECT_LT(busy.retry_after, 1050ms);
  pass(*b, busy.retry_after);
  expect_granted(*b);
}

TYPED_TEST_P(FinishContractTest, AParkedKeyIsHeldFirst) {
  const Time begin = BootClock::now();
  this->run(this->contender("a", {600ms, true, {}}), this->kWell);
  auto a = this->open(this->contender("a"), true);
  auto b = this->open(this->contender("b"));
  const Duration until_ours = expect_busy(*a).retry_after;
  EXPECT_LT(until_ours, 650ms);
  expect_busy_until(*b, begin + 1600ms);
  pass(*a, until_ours);
  expect_busy(*b);
  expect_granted(*a);
}

TYPED_TEST_P(FinishContractTest, NobodyRunsAgainAfterASuccessForOnce) {
  const Token token = this->run(this->contender("a", {{}, false, 1h}), this->kWell);
  for (const std::string node : {"a", "b"}) {
    auto store = this->open(this->contender(node));
    const Done done = expect<Done>(ask(*store, RequestKind::kAcquire));
    EXPECT_EQ(done.result, this->kWell);
    EXPECT_EQ(done.node, "a");
    EXPECT_EQ(done.token, token);
  }
}

TYPED_TEST_P(FinishContractTest, OnceEndsWithItsTime) {
  this->run(this->contender("a", {{}, false, 300ms}), this->kWell);
  auto b = this->open(this->contender("b"));
  expect<Done>(ask(*b, RequestKind::kAcquire));
  pass(*b, 310ms);
  expect_granted(*b);
}

TYPED_TEST_P(FinishContractTest, AFailureLeavesTheKeyOpen) {
  this->run(this->contender("a", {{}, false, 1h}), this->kBadly);
  this->run(this->contender("b", {{}, false, 1h}), {});
  auto c = this->open(this->contender("c"));
  expect_granted(*c);
}

TYPED_TEST_P(FinishContractTest, AJoiningCandidateGetsTheResultOfTheRunThatItSaw) {
  auto a = this->open(this->contender("a"));
  auto b = this->open(this->contender("b", {}, true), true);
  const Token token = expect_granted(*a).token;
  EXPECT_EQ(expect<Busy>(this->acquire(*b, {})).token, token);
  EXPECT_FALSE(await_hint(*b, 20ms));
  this->finish(*a, token, this->kBadly);
  EXPECT_TRUE(await_hint(*b));
  const Done done = expect<Done>(this->acquire(*b, token));
  EXPECT_EQ(done.result, this->kBadly);
  EXPECT_EQ(done.node, "a");
}

TYPED_TEST_P(FinishContractTest, AJoiningCandidateGetsTheResultAlsoWhileALaterRunHasTheKey) {
  const Token first = this->run(this->contender("a"), this->kBadly);
  auto later = this->open(this->contender("c"));
  expect_granted(*later);
  auto b = this->open(this->contender("b", {}, true));
  EXPECT_EQ(expect<Done>(this->acquire(*b, first)).token, first);
}

TYPED_TEST_P(FinishContractTest, AJoiningCandidateTakesOverFromARunWithoutResult) {
  auto a = this->open(this->contender("a"));
  auto b = this->open(this->contender("b", {}, true));
  const Token token = expect_granted(*a).token;
  expect<Busy>(this->acquire(*b, {}));
  this->finish(*a, token, {});
  EXPECT_GT(expect<Granted>(this->acquire(*b, token)).token, token);
}

TYPED_TEST_P(FinishContractTest, AJoiningCandidateAfterTheEndRunsItselfUnlessTheKeyIsHeld) {
  this->run(this->contender("a"), this->kWell);
  auto b = this->open(this->contender("b", {10s, false, {}}, true));
  const Token token = expect<Granted>(this->acquire(*b, {})).token;
  this->finish(*b, token, this->kBadly);
  auto c = this->open(this->contender("c", {}, true));
  EXPECT_EQ(expect<Done>(this->acquire(*c, {})).result, this->kBadly);
}

TYPED_TEST_P(FinishContractTest, TheStatusOfARunThatWasMadeToEndIsNobodyElsesResult) {
  auto a = this->open(this->contender("a", {{}, true, 1h}));
  auto b = this->open(this->contender("b", {}, true));
  const Token token = expect_granted(*a).token;
  expect<Busy>(this->acquire(*b, {}));
  Request finish{RequestKind::kFinish, 1, token};
  finish.stopped = this->kWell;
  a->send(finish);
  expect<Released>(await_answer(*a));
  EXPECT_GT(expect<Granted>(this->acquire(*b, token)).token, token);
}

TYPED_TEST_P(FinishContractTest, AResultIsIgnoredWithoutJoining) {
  const Token token = this->run(this->contender("a"), this->kWell);
  auto b = this->open(this->contender("b"));
  expect<Granted>(this->acquire(*b, token));
}

REGISTER_TYPED_TEST_SUITE_P(
    FinishContractTest, WithoutOptionsTheKeyIsFreeAtOnce, FinishingNeverTouchesAnothersLease,
    FinishingTwiceHasNoFurtherEffect, NobodyGetsAHeldKeyTheSameNodeIncluded,
    AHoldLastsAsLongAsRequestedEvenBeyondTheTtl, AHoldThatIsOverFreesTheKey,
    ADelayedRenewalDoesNotDisturbAHold, OnlyTheSameIdentityTakesAParkedKeyWithANewToken,
    WithoutAnIdentityNoParkedKeyIsTaken, AStoppedJobParksNothing, AParkedKeyIsFreeAfterATtl,
    AParkedKeyIsHeldFirst, NobodyRunsAgainAfterASuccessForOnce, OnceEndsWithItsTime,
    AFailureLeavesTheKeyOpen, AJoiningCandidateGetsTheResultOfTheRunThatItSaw,
    AJoiningCandidateGetsTheResultAlsoWhileALaterRunHasTheKey,
    AJoiningCandidateTakesOverFromARunWithoutResult,
    AJoiningCandidateAfterTheEndRunsItselfUnlessTheKeyIsHeld,
    TheStatusOfARunThatWasMadeToEndIsNobodyElsesResult, AResultIsIgnoredWithoutJoining);

}  // namespace cluster_leader
