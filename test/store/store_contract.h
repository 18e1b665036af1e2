#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/random.h"
#include "store/store.h"

// The contract of every Store, as typed tests over a "world": a type with a default constructor and
//
//   std::unique_ptr<Store> open(const Claim& claim, bool listening);
//
// Stores on a server, whose leases end by themselves and can get lost, run
// ExpiringStoreContractTest as well, for which the world has
//
//   void lose_lease(const Key& key);   // the lock, not its record: an eviction, a stranger's DEL
//
// Each suite makes one world and every test takes a key of its own. To run them:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Redis, StoreContractTest, RedisWorld);

namespace cluster_leader {

using namespace std::chrono_literals;

/// Turns the loop until `store` answers; nothing if it does not in `patience`.
inline std::optional<Answer> await_answer(Store& store, Duration patience = 5s) {
  Poller poller;
  const Time end = BootClock::now() + patience;
  for (;;) {
    store.watch(poller);
    const Time now = poller.wait(std::min(store.wake_at(), end));
    if (auto answer = store.advance(poller, now)) return answer;
    if (now >= end) return std::nullopt;
  }
}

/// Turns the loop until `store` has a hint; false if it has none in `patience`.
inline bool await_hint(Store& store, Duration patience = 2s) {
  Poller poller;
  const Time end = BootClock::now() + patience;
  for (;;) {
    if (store.take_hint()) return true;
    store.watch(poller);
    const Time now = poller.wait(std::min(store.wake_at(), end));
    EXPECT_FALSE(store.advance(poller, now)) << "an answer that nobody asked for";
    if (now >= end) return store.take_hint();
  }
}

inline std::optional<Answer> ask(Store& store, RequestKind kind, Token token = {},
                                 Duration patience = 5s) {
  static std::uint64_t attempt = 0;
  store.send(Request{kind, ++attempt, token}, BootClock::now());
  return await_answer(store, patience);
}

/// What an answer is, for the messages of failed tests.
inline std::string describe(const std::optional<Answer>& answer) {
  if (!answer) return "no answer";
  if (auto* granted = std::get_if<Granted>(&*answer)) {
    return "granted " + std::to_string(granted->token.value);
  }
  if (auto* busy = std::get_if<Busy>(&*answer)) {
    return "busy: " + busy->leader + ", " + std::to_string(ceil_ms(busy->retry_after)) + " ms";
  }
  if (std::holds_alternative<Renewed>(*answer)) return "renewed";
  if (auto* lost = std::get_if<Lost>(&*answer)) return "lost to '" + lost->leader + "'";
  if (std::holds_alternative<Released>(*answer)) return "released";
  const auto& failed = std::get<Failed>(*answer);
  return "failed (" + std::to_string(static_cast<int>(failed.trouble)) +
         (failed.unknown ? ", unknown" : "") + "): " + failed.text;
}

/// `answer` as a T. A failure of the test, and a default T, if it is something else.
template <typename T>
T expect(const std::optional<Answer>& answer) {
  if (answer && std::holds_alternative<T>(*answer)) return std::get<T>(*answer);
  ADD_FAILURE() << "unexpected answer: " << describe(answer);
  return T{};
}

inline Granted expect_granted(Store& store) {
  return expect<Granted>(ask(store, RequestKind::kAcquire));
}
inline Busy expect_busy(Store& store) { return expect<Busy>(ask(store, RequestKind::kAcquire)); }
inline void expect_renewed(Store& store, Token token) {
  expect<Renewed>(ask(store, RequestKind::kRenew, token));
}
inline void expect_released(Store& store) { expect<Released>(ask(store, RequestKind::kRelease)); }

inline Claim make_claim(const Key& key, const std::string& node, Duration ttl = 1s) {
  Claim claim;
  claim.key = key;
  claim.holder = {node + "/" + random_hex_128()};
  claim.ttl = ttl;
  claim.node = node;
  claim.host = "host-of-" + node;
  claim.pid = ::getpid();
  claim.command = "the job of " + node;
  return claim;
}

/// A key that no other test has.
inline Key fresh_key() { return {"test-" + random_hex_128()}; }

template <typename World>
class StoreContractTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

  std::unique_ptr<Store> open(const std::string& node, bool listening = false) {
    return open(make_claim(key_, node), listening);
  }
  std::unique_ptr<Store> open(const Claim& claim, bool listening = false) {
    return world_->open(claim, listening);
  }

  inline static std::unique_ptr<World> world_;
  const Key key_ = fresh_key();
};

TYPED_TEST_SUITE_P(StoreContractTest);

TYPED_TEST_P(StoreContractTest, GrantsAFreeKey) {
  auto a = this->open("a");
  EXPECT_GT(expect_granted(*a).token.value, 0);
}

TYPED_TEST_P(StoreContractTest, IsBusyForEverybodyElse) {
  auto a = this->open("a");
  auto b = this->open("b");
  expect_granted(*a);
  for (int i = 0; i < 3; ++i) {
    const Busy busy = expect_busy(*b);
    EXPECT_EQ(busy.leader, "a");
    EXPECT_GT(busy.retry_after, Duration::zero());
  }
}

TYPED_TEST_P(StoreContractTest, AcquireIsIdempotentForItsOwnId) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  EXPECT_EQ(expect_granted(*a).token, token);
}

TYPED_TEST_P(StoreContractTest, OtherKeysAreOtherLeases) {
  auto a = this->open("a");
  auto other = this->open(make_claim(fresh_key(), "b"));
  expect_granted(*a);
  expect_granted(*other);
}

TYPED_TEST_P(StoreContractTest, RenewsWhatItHolds) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  for (int i = 0; i < 3; ++i) expect_renewed(*a, token);
  EXPECT_EQ(expect_busy(*b).leader, "a");
}

TYPED_TEST_P(StoreContractTest, RenewOfAnothersKeyIsLost) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token old = expect_granted(*a).token;
  expect_released(*a);
  const Token token = expect_granted(*b).token;
  EXPECT_EQ(expect<Lost>(ask(*a, RequestKind::kRenew, old)).leader, "b");
  expect_renewed(*b, token);
}

TYPED_TEST_P(StoreContractTest, AReleasedKeyIsFreeAtOnce) {
  auto a = this->open("a");
  auto b = this->open("b");
  expect_granted(*a);
  expect_busy(*b);
  expect_released(*a);
  expect_granted(*b);
}

TYPED_TEST_P(StoreContractTest, ReleaseNeverDeletesAnothers) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  expect_released(*b);
  EXPECT_EQ(expect_busy(*b).leader, "a");
  expect_renewed(*a, token);
}

TYPED_TEST_P(StoreContractTest, ReleaseOfAStrangerIsReleased) {
  auto a = this->open("a");
  expect_released(*a);
  expect_released(*a);
}

TYPED_TEST_P(StoreContractTest, TokensOnlyGrow) {
  Token last;
  for (const std::string node : {"a", "b", "a", "c", "b"}) {
    auto store = this->open(node);
    const Token token = expect_granted(*store).token;
    EXPECT_GT(token, last);
    last = token;
    expect_released(*store);
  }
}

TYPED_TEST_P(StoreContractTest, ADelayedRenewalDoesNotResurrectAReleasedLease) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  expect_released(*a);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
  expect_granted(*b);
}

TYPED_TEST_P(StoreContractTest, WaiterGetsAHintOnRelease) {
  auto a = this->open("a");
  auto b = this->open("b", true);
  const Token token = expect_granted(*a).token;
  expect_busy(*b);
  EXPECT_FALSE(await_hint(*b, 50ms));
  expect_renewed(*a, token);
  EXPECT_FALSE(await_hint(*b, 50ms));
  expect_released(*a);
  EXPECT_TRUE(await_hint(*b));
  EXPECT_FALSE(b->take_hint()) << "once after each sign";
  expect_granted(*b);
}

TYPED_TEST_P(StoreContractTest, AbandonReleases) {
  auto a = this->open("a");
  auto b = this->open("b", true);
  expect_granted(*a);
  expect_busy(*b);
  a->abandon();
  EXPECT_TRUE(await_hint(*b));
  expect_granted(*b);
}

TYPED_TEST_P(StoreContractTest, ACancelledRequestIsNeverReported) {
  auto a = this->open("a");
  a->send(Request{RequestKind::kAcquire, 1, {}}, BootClock::now());
  a->cancel();
  EXPECT_FALSE(await_answer(*a, 50ms));
  expect_granted(*a);
  a->cancel();
  expect_released(*a);
}

REGISTER_TYPED_TEST_SUITE_P(StoreContractTest, GrantsAFreeKey, IsBusyForEverybodyElse,
                            AcquireIsIdempotentForItsOwnId, OtherKeysAreOtherLeases,
                            RenewsWhatItHolds, RenewOfAnothersKeyIsLost, AReleasedKeyIsFreeAtOnce,
                            ReleaseNeverDeletesAnothers, ReleaseOfAStrangerIsReleased,
                            TokensOnlyGrow, ADelayedRenewalDoesNotResurrectAReleasedLease,
                            WaiterGetsAHintOnRelease, AbandonReleases,
                            ACancelledRequestIsNeverReported);

template <typename World>
class ExpiringStoreContractTest : public StoreContractTest<World> {};

TYPED_TEST_SUITE_P(ExpiringStoreContractTest);

TYPED_TEST_P(ExpiringStoreContractTest, FreeAfterTtl) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Time granted_after = BootClock::now();
  expect_granted(*a);
  const Duration wait = expect_busy(*b).retry_after;
  EXPECT_GT(wait, 900ms);
  EXPECT_LT(wait, 1050ms);
  EXPECT_FALSE(await_hint(*b, wait));
  expect_granted(*b);
  EXPECT_GE(BootClock::now() - granted_after, 1s);
}

TYPED_TEST_P(ExpiringStoreContractTest, RenewalLastsAWholeTtl) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  await_hint(*a, 600ms);
  expect_renewed(*a, token);
  EXPECT_GT(expect_busy(*b).retry_after, 900ms);
  await_hint(*b, 600ms);
  EXPECT_EQ(expect_busy(*b).leader, "a");
}

TYPED_TEST_P(ExpiringStoreContractTest, AWaitHonoursTheHoldersTtl) {
  auto a = this->open(make_claim(this->key_, "a", 3s));
  auto b = this->open("b");
  expect_granted(*a);
  EXPECT_GT(expect_busy(*b).retry_after, 2900ms);
  expect_released(*a);
}

TYPED_TEST_P(ExpiringStoreContractTest, RebuildsAVanishedLease) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  this->world_->lose_lease(this->key_);
  expect_renewed(*a, token);
  EXPECT_EQ(expect_busy(*b).leader, "a");
  expect_released(*a);
  EXPECT_GT(expect_granted(*b).token, token);
}

TYPED_TEST_P(ExpiringStoreContractTest, CandidatesWaitUntilTheVanishedLeaseWouldHaveEnded) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Time granted_after = BootClock::now();
  const Token token = expect_granted(*a).token;
  this->world_->lose_lease(this->key_);
  const Busy busy = expect_busy(*b);
  EXPECT_EQ(busy.leader, "a");
  EXPECT_GT(busy.retry_after, 900ms);
  EXPECT_LT(busy.retry_after, 1050ms);
  await_hint(*b, busy.retry_after);
  EXPECT_GT(expect_granted(*b).token, token);
  EXPECT_GE(BootClock::now() - granted_after, 1s);
}

TYPED_TEST_P(ExpiringStoreContractTest, AVanishedLeaseIsWaitedForFromItsLastRenewal) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  await_hint(*a, 500ms);
  expect_renewed(*a, token);
  this->world_->lose_lease(this->key_);
  EXPECT_GT(expect_busy(*b).retry_after, 900ms);
}

TYPED_TEST_P(ExpiringStoreContractTest, ARenewalNeverTakesBackALaterLease) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  await_hint(*a, 1010ms);
  expect_granted(*b);
  this->world_->lose_lease(this->key_);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
}

TYPED_TEST_P(ExpiringStoreContractTest, AnExpiredLeaseThatNobodyTookIsRenewed) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  await_hint(*a, 1010ms);
  expect_renewed(*a, token);
}

TYPED_TEST_P(ExpiringStoreContractTest, ReleasingAVanishedLeaseFreesTheKey) {
  auto a = this->open("a");
  auto b = this->open("b");
  expect_granted(*a);
  this->world_->lose_lease(this->key_);
  expect_busy(*b);
  expect_released(*a);
  expect_granted(*b);
}

REGISTER_TYPED_TEST_SUITE_P(ExpiringStoreContractTest, FreeAfterTtl, RenewalLastsAWholeTtl,
                            AWaitHonoursTheHoldersTtl, RebuildsAVanishedLease,
                            CandidatesWaitUntilTheVanishedLeaseWouldHaveEnded,
                            AVanishedLeaseIsWaitedForFromItsLastRenewal,
                            ARenewalNeverTakesBackALaterLease,
                            AnExpiredLeaseThatNobodyTookIsRenewed,
                            ReleasingAVanishedLeaseFreesTheKey);

// A file whose leases do not expire only runs the first suite.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ExpiringStoreContractTest);

}  // namespace cluster_leader
