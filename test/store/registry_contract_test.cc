// What every Registry shows and ends, on leases that the stores have made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "store/file/store.h"
#include "store/redis/world.h"
#include "store/registry.h"
#include "store/store_contract.h"
#include "support/command.h"

namespace cluster_leader {

using State = LeaseView::State;

namespace {

template <typename Program>
struct ServerWorld : WorldOn<Program> {
  std::unique_ptr<Registry> registry() { return open_registry(this->server.tcp()); }
};
using RedisLeases = ServerWorld<Redis>;
using Redis6Leases = ServerWorld<Redis6>;
using ValkeyLeases = ServerWorld<Valkey>;

/// The answer to an acquire of a candidate that came in this era.
std::optional<Answer> acquire(LoopedStore& store, std::optional<std::int64_t> era) {
  Request request;
  request.era = era;
  store.send(request);
  return await_answer(store);
}

struct DirectoryLeases {
  std::unique_ptr<Store> open(const Candidate& candidate) {
    return std::make_unique<FileStore>(FileLocation{folder.path()}, candidate);
  }
  std::unique_ptr<Registry> registry() { return open_registry(FileLocation{folder.path()}); }

  TempFolder folder;
};

}  // namespace

template <typename World>
class RegistryContractTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

  Contender contender(const std::string& node, const Aftermath& aftermath = {}) const {
    Contender contender = make_contender(key_, node);
    contender.candidate.identity = node + "/boot:1";
    contender.candidate.aftermath = aftermath;
    return contender;
  }
  std::unique_ptr<LoopedStore> open(const Contender& contender) {
    auto store = std::make_unique<LoopedStore>(world_->open(contender.candidate));
    store->add(contender.candidacy);
    return store;
  }
  std::unique_ptr<LoopedStore> open(const std::string& node) { return open(contender(node)); }
  std::unique_ptr<LoopedStore> open_listening(const std::string& node) {
    Contender listening = contender(node);
    listening.candidate.listens = true;
    return open(listening);
  }
  std::unique_ptr<LoopedStore> open_listening_and_yielding(const std::string& node) {
    Contender waiting = contender(node);
    waiting.candidate.listens = waiting.candidate.yields = true;
    return open(waiting);
  }
  std::unique_ptr<LoopedStore> open_superseding(const std::string& node) {
    Contender newer = contender(node);
    newer.candidate.listens = newer.candidate.yields = newer.candidate.supersedes = true;
    return open(newer);
  }

  /// A run of "a" that has ended well.
  Token run(const Aftermath& aftermath) {
    auto store = open(contender("a", aftermath));
    const Token token = expect_granted(*store).token;
    store->send(Request{RequestKind::kFinish, 1, token, {}, {}, RunResult{0, 1'000, 2'000}});
    expect<Released>(await_answer(*store));
    return token;
  }

  LeaseView look() {
    const auto looked = registry_->look(key_, 5s);
    if (const auto* failed = std::get_if<Failed>(&looked)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Listing>(looked).views.front();
  }
  /// The number of waiting candidates, if it is known.
  std::optional<std::int64_t> waiters() {
    const auto shown = registry_->show(std::span(&key_, 1), 5s);
    const auto* listing = std::get_if<Listing>(&shown);
    if (listing != nullptr && listing->views.size() == 1) return listing->views[0].waiters;
    ADD_FAILURE() << "the key cannot be shown";
    return std::nullopt;
  }
  bool is_listed() {
    const auto listed = registry_->list("test-", 5s);
    const auto* listing = std::get_if<Listing>(&listed);
    EXPECT_NE(listing, nullptr);
    return listing != nullptr &&
           std::any_of(listing->views.begin(), listing->views.end(),
                       [&](const LeaseView& view) { return view.key.value == key_.value; });
  }
  Evicted evict(const Eviction& us) {
    const auto evicted = registry_->evict(key_, us, 5s);
    if (const auto* failed = std::get_if<Failed>(&evicted)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Evicted>(evicted);
  }
  static Eviction node(const std::string& node, bool force = false) {
    return {node, "host-of-" + node, node + "/boot:1", force};
  }

  inline static std::unique_ptr<World> world_;
  const Key key_ = fresh_key();
  const std::unique_ptr<Registry> registry_ = world_->registry();
};

TYPED_TEST_SUITE_P(RegistryContractTest);

TYPED_TEST_P(RegistryContractTest, ShowsAHeldKeyWithTheDataOfItsHolder) {
  const Contender contender = this->contender("a");
  auto a = this->open(contender);
  const Token token = expect_granted(*a).token;
  const LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kHeld);
  EXPECT_EQ(view.holder, contender.candidacy.holder);
  EXPECT_EQ(view.node, "a");
  EXPECT_EQ(view.host, "host-of-a");
  EXPECT_EQ(view.pid, ::getpid());
  EXPECT_EQ(view.label, "the job of a");
  EXPECT_EQ(view.identity, "a/boot:1");
  EXPECT_NEAR(static_cast<double>(view.since_ms), static_cast<double>(wall_clock_ms()), 5'000);
  EXPECT_EQ(view.token, token);
  EXPECT_EQ(view.ttl, 1s);
  EXPECT_GT(view.remaining, 0s);
  EXPECT_LE(view.remaining, 1s);
  EXPECT_EQ(view.fault, "");
  EXPECT_TRUE(this->is_listed());
}

TYPED_TEST_P(RegistryContractTest, ShowsAReleasedKeyAsFree) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  expect_released(*a);
  EXPECT_EQ(this->look().state, State::kFree);
  EXPECT_EQ(this->look().token, token);
  EXPECT_FALSE(this->is_listed());
}

TYPED_TEST_P(RegistryContractTest, ShowsWhatBecomesOfAKeyAfterItsJob) {
  Token token = this->run({0s, true, 0s});
  EXPECT_EQ(this->look().state, State::kParked);
  EXPECT_EQ(this->look().node, "a");
  EXPECT_EQ(this->look().identity, "a/boot:1");
  EXPECT_EQ(this->look().token, token);
  this->evict(this->node("a"));
  token = this->run({60s, true, 0s});
  EXPECT_EQ(this->look().state, State::kCoolingDown);
  EXPECT_EQ(this->look().node, "a");
  EXPECT_GT(this->look().remaining, 50s);
  EXPECT_LE(this->look().remaining, 60s);
  this->evict(this->node("a"));
  this->run({60s, false, 0s});
  EXPECT_EQ(this->look().state, State::kCoolingDown);
  EXPECT_EQ(this->look().node, "a");
  this->evict(this->node("a"));
  this->run({0s, false, 60s});
  EXPECT_EQ(this->look().state, State::kDone);
  EXPECT_GT(this->look().remaining, 50s);
  EXPECT_TRUE(this->is_listed());
}

TYPED_TEST_P(RegistryContractTest, AHolderWhoseLeaseWasReleasedByHandHasLostIt) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  const Evicted evicted = this->evict(this->node("a"));
  EXPECT_EQ(evicted.kind, Evicted::Kind::kReleased);
  EXPECT_EQ(evicted.before.state, State::kHeld);
  EXPECT_EQ(evicted.before.token, token);
  EXPECT_EQ(this->look().state, State::kFree);
  for (int i = 0; i < 2; ++i) {
    expect<Lost>(ask(*a, RequestKind::kRenew, token));
    EXPECT_EQ(this->look().state, State::kFree);
  }
  EXPECT_EQ(this->evict(this->node("a")).kind, Evicted::Kind::kNobodys);
}

TYPED_TEST_P(RegistryContractTest, AWaitingCandidateIsNotifiedOfAReleaseByHandAndGetsTheKeyAtOnce) {
  auto a = this->open("a");
  auto b = this->open_listening("b");
  const Token token = expect_granted(*a).token;
  expect_busy(*b);
  this->evict(this->node("c", true));
  EXPECT_TRUE(await_hint(*b));
  EXPECT_GT(expect_granted(*b).token, token);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
  EXPECT_EQ(this->look().node, "b");
}

TYPED_TEST_P(RegistryContractTest, AHolderThatListensDoesNotCountAsWaiting) {
  auto a = this->open_listening("a");
  auto b = this->open_listening("b");
  expect_granted(*a);
  EXPECT_EQ(this->waiters().value_or(0), 0);
  expect_busy(*b);
  EXPECT_EQ(this->waiters().value_or(1), 1);
}

TYPED_TEST_P(RegistryContractTest, AnothersKeyIsReleasedOnlyByForce) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  const Evicted evicted = this->evict(this->node("b"));
  EXPECT_EQ(evicted.kind, Evicted::Kind::kOthers);
  EXPECT_EQ(evicted.before.node, "a");
  expect_renewed(*a, token);
  EXPECT_EQ(this->evict(this->node("b", true)).kind, Evicted::Kind::kReleased);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
}

TYPED_TEST_P(RegistryContractTest, WithoutAnIdentityTheLabelAndTheHostDecide) {
  Contender contender = this->contender("a");
  contender.candidate.identity.clear();
  auto a = this->open(contender);
  expect_granted(*a);
  Eviction us = this->node("a");
  us.host = "host-of-b";
  EXPECT_EQ(this->evict(us).kind, Evicted::Kind::kOthers);
  us.host = "host-of-a";
  us.identity = "a/another boot";
  EXPECT_EQ(this->evict(us).kind, Evicted::Kind::kReleased);
}

TYPED_TEST_P(RegistryContractTest, AParkedKeyIsReleasedByItsNodeAndThenFree) {
  this->run({0s, true, 0s});
  auto b = this->open_listening("b");
  expect_busy(*b);
  EXPECT_EQ(this->evict(this->node("b")).kind, Evicted::Kind::kOthers);
  EXPECT_EQ(this->evict(this->node("a")).kind, Evicted::Kind::kReleased);
  EXPECT_TRUE(await_hint(*b));
  expect_granted(*b);
}

TYPED_TEST_P(RegistryContractTest, AReleaseByHandDoesNotEndOnce) {
  const Token token = this->run({60s, false, 60s});
  EXPECT_EQ(this->evict(this->node("a")).kind, Evicted::Kind::kReleased);
  EXPECT_EQ(this->look().state, State::kDone);
  EXPECT_EQ(this->look().token, token);
  EXPECT_EQ(this->evict(this->node("a", true)).kind, Evicted::Kind::kNobodys);
  auto b = this->open("b");
  expect<Done>(ask(*b, RequestKind::kAcquire));
}

TYPED_TEST_P(RegistryContractTest, ShowsTheLastRunThatHasEnded) {
  EXPECT_FALSE(this->look().last_run);
  const Token first = this->run({});
  ASSERT_TRUE(this->look().last_run);
  EXPECT_EQ(this->look().last_run->result, (RunResult{0, 1'000, 2'000}));
  EXPECT_EQ(this->look().last_run->node, "a");
  EXPECT_EQ(this->look().last_run->token, first);
  // One that is made to end, and the next one, which has not ended yet.
  auto b = this->open("b");
  Request finish{RequestKind::kFinish, 1, expect_granted(*b).token};
  finish.stopped = RunResult{143, 3'000, 4'000};
  b->send(finish);
  expect<Released>(await_answer(*b));
  auto c = this->open("c");
  expect_granted(*c);
  ASSERT_TRUE(this->look().last_run);
  EXPECT_EQ(this->look().last_run->result, (RunResult{143, 3'000, 4'000}));
  EXPECT_EQ(this->look().last_run->node, "b");
  EXPECT_EQ(this->look().last_run->token, finish.token);
  expect_released(*c);
  const Token last = this->run({});
  EXPECT_EQ(this->look().last_run->token, last);
}

TYPED_TEST_P(RegistryContractTest, WhatOnceRecordedIsForgottenByWhoeverAsks) {
  Eviction forgetting = this->node("c");
  forgetting.what = Eviction::What::kResult;
  EXPECT_EQ(this->evict(forgetting).kind, Evicted::Kind::kNobodys);
  const Token token = this->run({60s, false, 60s});
  const Evicted evicted = this->evict(forgetting);
  EXPECT_EQ(evicted.kind, Evicted::Kind::kForgotten);
  EXPECT_GT(evicted.before.done_for, 50s);
  ASSERT_TRUE(evicted.before.last_run);
  EXPECT_EQ(evicted.before.last_run->token, token);
  EXPECT_FALSE(this->look().done_for);
  EXPECT_TRUE(this->look().last_run) << "it is shown all the same";
  EXPECT_EQ(this->evict(forgetting).kind, Evicted::Kind::kNobodys);
  auto b = this->open("b");
  expect_busy(*b);  // the hold goes on
  this->evict(this->node("a"));
  expect_granted(*b);
}

TYPED_TEST_P(RegistryContractTest, AHolderFindsThatItWasAskedInTheAnswerToItsNextRenewal) {
  Eviction asking = this->node("b");
  asking.what = Eviction::What::kAsk;
  EXPECT_EQ(this->evict(asking).kind, Evicted::Kind::kNobodys);
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  EXPECT_FALSE(expect<Renewed>(ask(*a, RequestKind::kRenew, token)).stop);
  const Evicted evicted = this->evict(asking);
  EXPECT_EQ(evicted.kind, Evicted::Kind::kAsked);
  EXPECT_EQ(evicted.before.node, "a");
  auto b = this->open("b");
  expect_busy(*b);  // the lease is as it was
  for (int again = 0; again < 2; ++again) {
    const Renewed renewed = expect<Renewed>(ask(*a, RequestKind::kRenew, token));
    ASSERT_TRUE(renewed.stop);
    EXPECT_EQ(renewed.stop->node, "b");
  }
  expect_released(*a);
  // It was that lease, and no later one.
  const Token next = expect_granted(*b).token;
  EXPECT_FALSE(expect<Renewed>(ask(*b, RequestKind::kRenew, next)).stop);
}

TYPED_TEST_P(RegistryContractTest, AskingWakesAHolderThatListens) {
  auto a = this->open_listening("a");
  const Token token = expect_granted(*a).token;
  // The directory is watched from the first renewal on.
  expect<Renewed>(ask(*a, RequestKind::kRenew, token));
  Eviction asking = this->node("b");
  asking.what = Eviction::What::kAsk;
  EXPECT_EQ(this->evict(asking).kind, Evicted::Kind::kAsked);
  const auto notice = a->await_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kBroken);
}

TYPED_TEST_P(RegistryContractTest, WhoeverSupersedesAsksTheHolderAndSendsAwayWhoeverWaits) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  auto waiter = this->open_listening_and_yielding("w");
  const Busy told = expect_busy(*waiter);
  auto first = this->open_superseding("s1");
  const Busy behind = expect_busy(*first);
  EXPECT_GT(behind.era, told.era);
  const Renewed renewed = expect<Renewed>(ask(*a, RequestKind::kRenew, token));
  ASSERT_TRUE(renewed.stop);
  EXPECT_EQ(renewed.stop->node, "s1");
  EXPECT_TRUE(renewed.stop->supersedes);
  // It is the newest one, also if its last answer was lost.
  EXPECT_EQ(expect<Busy>(acquire(*first, behind.era)).era, behind.era);
  EXPECT_EQ(expect<Busy>(acquire(*first, {})).era, behind.era);
  ASSERT_TRUE(waiter->await_notice());
  EXPECT_EQ(expect<Superseded>(acquire(*waiter, told.era)).node, "s1");
  auto second = this->open_superseding("s2");
  const Busy last = expect_busy(*second);
  EXPECT_EQ(expect<Superseded>(acquire(*first, behind.era)).node, "s2");
  // Whoever comes later waits like anybody else, and nobody is superseded by the end of the lease.
  auto later = this->open_listening_and_yielding("l");
  EXPECT_EQ(expect_busy(*later).era, last.era);
  expect_released(*a);
  EXPECT_EQ(expect<Superseded>(acquire(*waiter, told.era)).node, "s2") << "the key is free";
  const Token next = expect<Granted>(acquire(*second, last.era)).token;
  EXPECT_FALSE(expect<Renewed>(ask(*second, RequestKind::kRenew, next)).stop);
  expect<Busy>(acquire(*later, last.era));
}

TYPED_TEST_P(RegistryContractTest, WhoeverSupersedesAFreeKeySendsAwayWhoeverHasWaitedForIt) {
  auto a = this->open("a");
  expect_granted(*a);
  auto waiter = this->open_listening_and_yielding("w");
  const Busy told = expect_busy(*waiter);
  expect_released(*a);
  auto newest = this->open_superseding("s");
  const Token token = expect_granted(*newest).token;
  EXPECT_EQ(expect<Superseded>(acquire(*waiter, told.era)).node, "s");
  EXPECT_FALSE(expect<Renewed>(ask(*newest, RequestKind::kRenew, token)).stop);
}

TYPED_TEST_P(RegistryContractTest, ALeaseThatWaitsForTheEndOfACandidateIsNotAskedFor) {
  auto a = this->open(this->contender("a"));
  const Token token = expect_granted(*a).token;
  Contender inner = this->contender("b");
  inner.candidate.yields = inner.candidate.supersedes = true;
  inner.candidate.outer = "x/0123 " + this->look().holder.value;
  auto b = this->open(inner);
  expect_busy(*b);
  EXPECT_FALSE(expect<Renewed>(ask(*a, RequestKind::kRenew, token)).stop);
}

TYPED_TEST_P(RegistryContractTest, AskingReleasesAKeyThatNobodyHolds) {
  this->run({{}, true, {}});
  Eviction asking = this->node("b");
  asking.what = Eviction::What::kAsk;
  EXPECT_EQ(this->evict(asking).kind, Evicted::Kind::kReleased);
  auto b = this->open("b");
  expect_granted(*b);
}

REGISTER_TYPED_TEST_SUITE_P(
    RegistryContractTest, ShowsAHeldKeyWithTheDataOfItsHolder, ShowsAReleasedKeyAsFree,
    ShowsWhatBecomesOfAKeyAfterItsJob, AHolderWhoseLeaseWasReleasedByHandHasLostIt,
    AWaitingCandidateIsNotifiedOfAReleaseByHandAndGetsTheKeyAtOnce,
    AHolderThatListensDoesNotCountAsWaiting, AnothersKeyIsReleasedOnlyByForce,
    WithoutAnIdentityTheLabelAndTheHostDecide, AParkedKeyIsReleasedByItsNodeAndThenFree,
    AReleaseByHandDoesNotEndOnce, ShowsTheLastRunThatHasEnded,
    WhatOnceRecordedIsForgottenByWhoeverAsks, AHolderFindsThatItWasAskedInTheAnswerToItsNextRenewal,
    AskingWakesAHolderThatListens, WhoeverSupersedesAsksTheHolderAndSendsAwayWhoeverWaits,
    WhoeverSupersedesAFreeKeySendsAwayWhoeverHasWaitedForIt,
    ALeaseThatWaitsForTheEndOfACandidateIsNotAskedFor, AskingReleasesAKeyThatNobodyHolds);

INSTANTIATE_TYPED_TEST_SUITE_P(Redis, RegistryContractTest, RedisLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, RegistryContractTest, Redis6Leases);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, RegistryContractTest, ValkeyLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(Directory, RegistryContractTest, DirectoryLeases);

}  // namespace cluster_leader
