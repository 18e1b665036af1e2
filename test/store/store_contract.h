#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.h"
#include "store/store.h"

// The contract of every Store, as typed tests over a "world": a type with a default constructor and
//
//   std::unique_ptr<Store> open(const Candidate& candidate);
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

/// A candidate and its candidacy in a test.
struct Contender {
  Candidate candidate;
  Candidacy candidacy;
};

/// For what must come, however busy the machine is.
inline constexpr Duration kPatience = 30s;

/// A store with the loop around it, which drops answers that nobody waits for, as a supervisor
/// does. Events of one candidacy are kept while a test waits for another. Most tests know one
/// candidacy only, which is number 0.
class LoopedStore {
 public:
  explicit LoopedStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  std::size_t add(const Candidacy& candidacy) {
    const std::size_t number = store_->add(candidacy.key);
    store_->set_holder(number, candidacy.holder);
    in_flight_.resize(number + 1);
    return number;
  }
  void set_holder(HolderId holder, std::size_t candidacy = 0) {
    store_->set_holder(candidacy, std::move(holder));
  }
  /// Gives `request` the next number.
  void send(Request request, std::size_t candidacy = 0) {
    request.attempt = in_flight_[candidacy] = ++attempts_;
    store_->send(candidacy, request, BootClock::now());
  }
  void send(RequestKind kind, Token token = {}, std::size_t candidacy = 0) {
    send(Request{kind, 0, token, {}, {}}, candidacy);
  }
  void cancel(std::size_t candidacy = 0) {
    in_flight_[candidacy] = 0;
    store_->cancel(candidacy);
  }
  void abandon(std::size_t candidacy = 0) {
    in_flight_[candidacy] = 0;
    store_->abandon(candidacy);
  }
  std::string stage(std::size_t candidacy = 0) const { return store_->stage(candidacy); }
  Time wake_at() const { return store_->wake_at(); }

  /// One turn of the loop, which waits until `deadline` at most.
  Time turn(Time deadline) {
    store_->watch(poller_);
    const Time now = poller_.wait(std::min(store_->wake_at(), deadline));
    store_->advance(poller_, now);
    while (auto event = store_->next()) record(std::move(*event));
    return now;
  }

  /// The answer to `candidacy`; nothing if there is none in `patience`.
  std::optional<Answer> await_answer(Duration patience = kPatience, std::size_t candidacy = 0) {
    auto answered = await<Answered>(patience, candidacy);
    if (!answered) return std::nullopt;
    return std::move(answered->answer);
  }
  /// Waits for a notice to `candidacy`.
  std::optional<Notice> await_notice(Duration patience = kPatience, std::size_t candidacy = 0) {
    return await<Notice>(patience, candidacy);
  }
  std::optional<Notice> take_notice(std::size_t candidacy = 0) { return take<Notice>(candidacy); }

  std::optional<Answer> ask(RequestKind kind, Token token = {}, Duration patience = kPatience,
                            std::size_t candidacy = 0) {
    send(kind, token, candidacy);
    return await_answer(patience, candidacy);
  }

 private:
  void record(StoreEvent event) {
    if (const auto* answered = std::get_if<Answered>(&event.what)) {
      std::uint64_t& awaited = in_flight_[event.candidacy];
      if (answered->attempt != awaited) return;
      EXPECT_NE(awaited, 0U) << "an answer without a number";
      awaited = 0;
    }
    heard_.push_back(std::move(event));
  }

  template <typename T>
  std::optional<T> take(std::size_t candidacy) {
    const auto found = std::find_if(heard_.begin(), heard_.end(), [&](const StoreEvent& event) {
      return event.candidacy == candidacy && std::holds_alternative<T>(event.what);
    });
    if (found == heard_.end()) return std::nullopt;
    T what = std::get<T>(std::move(found->what));
    heard_.erase(found);
    return what;
  }

  template <typename T>
  std::optional<T> await(Duration patience, std::size_t candidacy) {
    const Time end = BootClock::now() + patience;
    for (;;) {
      if (auto what = take<T>(candidacy)) return what;
      if (turn(end) >= end) return take<T>(candidacy);
    }
  }

  std::unique_ptr<Store> store_;
  Poller poller_;
  std::deque<StoreEvent> heard_;
  std::vector<std::uint64_t>
      in_flight_;  ///< by candidacy: the request whose answer is to come; or 0
  std::uint64_t attempts_ = 0;
};

inline std::optional<Answer> await_answer(LoopedStore& store, Duration patience = kPatience) {
  return store.await_answer(patience);
}

/// Turns the loop until asking again may be worth while; false if nothing says so in `patience`.
inline bool await_hint(LoopedStore& store, Duration patience = kPatience) {
  const Time end = BootClock::now() + patience;
  while (const auto notice = store.await_notice(std::max(end - BootClock::now(), Duration()))) {
    if (notice->kind != Notice::Kind::kTaken) return true;
  }
  EXPECT_FALSE(store.await_answer(0s)) << "an answer that nobody asked for";
  return false;
}

/// Only waits.
inline void pass(LoopedStore& store, Duration time) {
  const Time end = BootClock::now() + time;
  while (store.turn(end) < end) {
  }
}

/// A store that is still taking back what an earlier attempt got refuses the same id for a moment,
/// which a quorum may need after any answer that is not a grant. So an acquire is repeated until it
/// has.
inline std::optional<Answer> ask(LoopedStore& store, RequestKind kind, Token token = {},
                                 Duration patience = 5s) {
  const Time end = BootClock::now() + patience;
  for (;;) {
    auto answer = store.ask(kind, token, patience);
    const auto* failed = answer ? std::get_if<Failed>(&*answer) : nullptr;
    const bool is_taking_back = failed != nullptr && failed->id_spent && !failed->unknown;
    if (!is_taking_back || kind != RequestKind::kAcquire) return answer;
    if (store.turn(BootClock::now() + 10ms) >= end) return answer;
  }
}

/// What an answer is, for the messages of failed tests.
inline std::string describe(const std::optional<Answer>& answer) {
  if (!answer) return "no answer";
  if (auto* granted = std::get_if<Granted>(&*answer)) {
    return "granted " + std::to_string(granted->token.value);
  }
  if (std::holds_alternative<Voted>(*answer)) return "voted";
  if (auto* busy = std::get_if<Busy>(&*answer)) {
    return "busy: " + busy->holder.value + ", " + std::to_string(ceil_ms(busy->retry_after)) +
           " ms";
  }
  if (std::holds_alternative<Renewed>(*answer)) return "renewed";
  if (auto* lost = std::get_if<Lost>(&*answer)) return "lost to '" + lost->holder.value + "'";
  if (std::holds_alternative<Released>(*answer)) return "released";
  if (std::holds_alternative<Done>(*answer)) return "done";
  if (const auto* young = std::get_if<Young>(&*answer)) return describe(*young);
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

/// The answer to a request of one of many candidacies, as a T.
template <typename T>
T expect_for(LoopedStore& store, std::size_t candidacy, RequestKind kind, Token token = {}) {
  return expect<T>(store.ask(kind, token, 5s, candidacy));
}

inline Granted expect_granted(LoopedStore& store) {
  return expect<Granted>(ask(store, RequestKind::kAcquire));
}
inline Busy expect_busy(LoopedStore& store) {
  return expect<Busy>(ask(store, RequestKind::kAcquire));
}
/// Until then at least, but for the fractions of a millisecond that an answer leaves out.
inline void expect_busy_until(LoopedStore& store, Time until) {
  const Duration wait = expect_busy(store).retry_after;
  EXPECT_GE(BootClock::now() + wait, until - 2ms);
}
inline void expect_renewed(LoopedStore& store, Token token) {
  expect<Renewed>(ask(store, RequestKind::kRenew, token));
}
inline void expect_released(LoopedStore& store) {
  expect<Released>(ask(store, RequestKind::kRelease));
}

/// The node label of the holder.
template <typename T>
std::string node_in(const T& answer) {
  return node_of(answer.holder.value);
}

inline HolderId fresh_holder(const std::string& node) { return {node + "/" + random_hex_128()}; }

inline Candidate make_candidate(const std::string& node, Duration ttl = 1s) {
  Candidate candidate;
  candidate.ttl = ttl;
  candidate.node = node;
  candidate.host = "host-of-" + node;
  candidate.pid = ::getpid();
  candidate.label = "the job of " + node;
  return candidate;
}

inline Contender make_contender(const Key& key, const std::string& node, Duration ttl = 1s) {
  return {make_candidate(node, ttl), {key, fresh_holder(node)}};
}

/// A key that no other test has.
inline Key fresh_key() { return {"test-" + random_hex_128()}; }

/// Whether the token of a lease that is acquired twice under one id may be that of the second time.
template <typename World>
constexpr bool kMayRenewToken = requires {
  World::kMayRenewToken;
};

template <typename World>
class StoreContractTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

  /// If it listens, it hears all that happens to its key, as `elect` does.
  std::unique_ptr<LoopedStore> open(const std::string& node, bool listening = false) {
    Contender contender = make_contender(key_, node);
    if (listening) contender.candidate.identity = node + "/identity";
    return open(std::move(contender), listening);
  }
  std::unique_ptr<LoopedStore> open(Contender contender, bool listening = false) {
    contender.candidate.listens = listening;
    auto store = std::make_unique<LoopedStore>(world_->open(contender.candidate));
    store->add(contender.candidacy);
    return store;
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
    EXPECT_EQ(node_in(busy), "a");
    EXPECT_GT(busy.retry_after, Duration::zero());
  }
}

TYPED_TEST_P(StoreContractTest, AcquireIsIdempotentForItsOwnId) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  const Token again = expect_granted(*a).token;
  EXPECT_TRUE(again == token || (kMayRenewToken<TypeParam> && again > token));
}

TYPED_TEST_P(StoreContractTest, OtherKeysAreOtherLeases) {
  auto a = this->open("a");
  auto other = this->open(make_contender(fresh_key(), "b"));
  expect_granted(*a);
  expect_granted(*other);
}

TYPED_TEST_P(StoreContractTest, RenewsWhatItHolds) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  for (int i = 0; i < 3; ++i) expect_renewed(*a, token);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
}

TYPED_TEST_P(StoreContractTest, RenewOfAnothersKeyIsLost) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token old = expect_granted(*a).token;
  expect_released(*a);
  const Token token = expect_granted(*b).token;
  EXPECT_EQ(node_in(expect<Lost>(ask(*a, RequestKind::kRenew, old))), "b");
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
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
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
  // It may hear of it as everybody does, and as the next in line.
  static_cast<void>(await_hint(*b, 20ms));
  EXPECT_FALSE(await_hint(*b, 20ms)) << "once after each sign";
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
  a->send(RequestKind::kAcquire);
  a->cancel();
  EXPECT_FALSE(await_answer(*a, 50ms));
  expect_granted(*a);
  a->cancel();
  expect_released(*a);
}

TYPED_TEST_P(StoreContractTest, CandidaciesOfOneStoreKeepTheirAnswersApart) {
  auto rival = this->open(make_contender(this->key_, "rival"));
  expect_granted(*rival);
  auto a = this->open("a");
  const std::size_t mine = a->add({fresh_key(), fresh_holder("a")});
  const std::size_t other = a->add({fresh_key(), fresh_holder("a")});
  for (const std::size_t candidacy : {std::size_t{0}, mine, other}) {
    a->send(RequestKind::kAcquire, {}, candidacy);
  }
  EXPECT_EQ(node_in(expect<Busy>(a->await_answer())), "rival");
  const Token token = expect<Granted>(a->await_answer(kPatience, mine)).token;
  expect<Granted>(a->await_answer(kPatience, other));
  a->send(RequestKind::kRenew, token, mine);
  a->send(RequestKind::kRelease, {}, other);
  a->send(RequestKind::kAcquire);
  expect<Renewed>(a->await_answer(kPatience, mine));
  expect<Released>(a->await_answer(kPatience, other));
  expect<Busy>(a->await_answer());
}

TYPED_TEST_P(StoreContractTest, AThousandCandidaciesAreEachGrantedRenewedAndReleased) {
  constexpr std::size_t kCandidacies = 1000;
  auto store = this->open("a");
  std::vector<Key> keys = {this->key_};
  while (keys.size() < kCandidacies) {
    keys.push_back(fresh_key());
    EXPECT_EQ(store->add({keys.back(), fresh_holder("a")}), keys.size() - 1);
  }
  std::vector<Token> tokens(kCandidacies);
  // All at once, and again those that a busy machine has not served in time.
  const auto ask_for_all = [&](RequestKind kind, const auto& takes) {
    std::vector<std::size_t> asking(kCandidacies);
    std::iota(asking.begin(), asking.end(), std::size_t{0});
    for (const Time end = BootClock::now() + kPatience; !asking.empty();) {
      for (const std::size_t candidacy : asking) store->send(kind, tokens[candidacy], candidacy);
      std::erase_if(asking, [&](std::size_t candidacy) {
        const auto answer = store->await_answer(kPatience, candidacy);
        const auto* const failed = answer ? std::get_if<Failed>(&*answer) : nullptr;
        const bool is_late = failed != nullptr && BootClock::now() < end;
        if (!is_late) takes(candidacy, answer);
        if (is_late && failed->id_spent) store->set_holder(fresh_holder("a"), candidacy);
        return !is_late;
      });
    }
  };
  ask_for_all(RequestKind::kAcquire, [&](std::size_t candidacy, const auto& answer) {
    tokens[candidacy] = expect<Granted>(answer).token;
  });
  ask_for_all(RequestKind::kRenew,
              [](std::size_t, const auto& answer) { expect<Renewed>(answer); });
  for (const std::size_t candidacy : {std::size_t{0}, std::size_t{500}, kCandidacies - 1}) {
    auto rival = this->open(make_contender(keys[candidacy], "rival"));
    // All of them together may have taken a slow machine longer than the ttl.
    expect_for<Renewed>(*store, candidacy, RequestKind::kRenew, tokens[candidacy]);
    EXPECT_EQ(node_in(expect_busy(*rival)), "a");
    expect_for<Released>(*store, candidacy, RequestKind::kRelease);
    EXPECT_GT(expect_granted(*rival).token, tokens[candidacy]);
  }
}

TYPED_TEST_P(StoreContractTest, AnAbandonedCandidacyCanBeUsedUnderAnotherHolderId) {
  auto a = this->open("a");
  auto b = this->open("b");
  const std::size_t beside = a->add({fresh_key(), fresh_holder("a")});
  const Token kept = expect_for<Granted>(*a, beside, RequestKind::kAcquire).token;
  // Its answer comes when there is another holder id, if it comes.
  a->send(RequestKind::kAcquire);
  a->abandon();
  const HolderId next = fresh_holder("a");
  a->set_holder(next);
  a->send(RequestKind::kAcquire);
  const Token token = expect<Granted>(a->await_answer()).token;
  EXPECT_FALSE(a->await_answer(50ms)) << "one request, one answer";
  EXPECT_EQ(expect_busy(*b).holder, next);
  const Token again = expect_granted(*a).token;
  EXPECT_TRUE(again == token || (kMayRenewToken<TypeParam> && again > token))
      << "it was the answer of the earlier term";
  expect_renewed(*a, token);
  expect_for<Renewed>(*a, beside, RequestKind::kRenew, kept);
}

TYPED_TEST_P(StoreContractTest, AnswersAfterCancelAreNotReported) {
  auto a = this->open("a");
  const std::size_t other = a->add({fresh_key(), fresh_holder("a")});
  for (int round = 0; round < 3; ++round) {
    a->set_holder(fresh_holder("a"));
    a->send(RequestKind::kAcquire);
    a->send(RequestKind::kAcquire, {}, other);
    a->abandon();
    expect<Granted>(a->await_answer(kPatience, other));
    EXPECT_FALSE(a->await_answer(10ms));
    expect_for<Released>(*a, other, RequestKind::kRelease);
  }
}

TYPED_TEST_P(StoreContractTest, NoticesReachTheirCandidacyOnly) {
  auto a = this->open("a");
  const Key second = fresh_key();
  const std::size_t second_of_a = a->add({second, fresh_holder("a")});
  expect_granted(*a);
  expect_for<Granted>(*a, second_of_a, RequestKind::kAcquire);
  auto b = this->open("b", true);
  const std::size_t second_of_b = b->add({second, fresh_holder("b")});
  expect_busy(*b);
  expect_for<Busy>(*b, second_of_b, RequestKind::kAcquire);
  expect_for<Released>(*a, second_of_a, RequestKind::kRelease);
  const auto notice = b->await_notice(2s, second_of_b);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree);
  EXPECT_FALSE(b->await_notice(20ms));
  // It may hear of it as everybody does, and as the next in line.
  static_cast<void>(b->await_notice(20ms, second_of_b));
  expect_released(*a);
  ASSERT_TRUE(b->await_notice());
  EXPECT_FALSE(b->await_notice(20ms, second_of_b));
}

TYPED_TEST_P(StoreContractTest, ACandidacyThatListensLearnsWhoAcquiredTheKey) {
  auto a = this->open("a");
  auto c = this->open("c", true);
  expect_granted(*a);
  // In line before c.
  const Contender b = make_contender(this->key_, "b");
  auto taker = this->open(b, true);
  expect_busy(*taker);
  expect_busy(*c);
  expect_released(*a);
  ASSERT_TRUE(await_hint(*c));
  const Token token = expect_granted(*taker).token;
  auto notice = c->await_notice();
  while (notice && notice->kind != Notice::Kind::kTaken) notice = c->await_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->holder, b.candidacy.holder);
  EXPECT_EQ(notice->token, token);
  // Neither a renewal nor an answer that is asked for twice is news.
  expect_renewed(*taker, token);
  expect_granted(*taker);
  EXPECT_FALSE(c->await_notice(50ms));
}

TYPED_TEST_P(StoreContractTest, NoCandidacyIsNotifiedOfItsOwnActions) {
  auto a = this->open("a", true);
  for (int term = 0; term < 3; ++term) {
    const Token token = expect_granted(*a).token;
    expect_renewed(*a, token);
    expect_released(*a);
    a->set_holder(fresh_holder("a"));
  }
  expect_granted(*a);
  a->abandon();
  a->set_holder(fresh_holder("a"));
  expect_granted(*a);
  EXPECT_FALSE(a->await_notice(50ms));
}

TYPED_TEST_P(StoreContractTest, AHolderThatListensIsNotifiedOfTheNextOne) {
  auto a = this->open("a", true);
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  expect_renewed(*a, token);
  expect_released(*a);
  expect_granted(*b);
  const auto notice = a->await_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kTaken);
  EXPECT_EQ(node_of(notice->holder.value), "b");
}

REGISTER_TYPED_TEST_SUITE_P(
    StoreContractTest, GrantsAFreeKey, IsBusyForEverybodyElse, AcquireIsIdempotentForItsOwnId,
    OtherKeysAreOtherLeases, RenewsWhatItHolds, RenewOfAnothersKeyIsLost, AReleasedKeyIsFreeAtOnce,
    ReleaseNeverDeletesAnothers, ReleaseOfAStrangerIsReleased, TokensOnlyGrow,
    ADelayedRenewalDoesNotResurrectAReleasedLease, WaiterGetsAHintOnRelease, AbandonReleases,
    ACancelledRequestIsNeverReported, CandidaciesOfOneStoreKeepTheirAnswersApart,
    AThousandCandidaciesAreEachGrantedRenewedAndReleased,
    AnAbandonedCandidacyCanBeUsedUnderAnotherHolderId, AnswersAfterCancelAreNotReported,
    NoticesReachTheirCandidacyOnly, ACandidacyThatListensLearnsWhoAcquiredTheKey,
    NoCandidacyIsNotifiedOfItsOwnActions, AHolderThatListensIsNotifiedOfTheNextOne);

template <typename World>
class ExpiringStoreContractTest : public StoreContractTest<World> {};

TYPED_TEST_SUITE_P(ExpiringStoreContractTest);

TYPED_TEST_P(ExpiringStoreContractTest, FreeAfterTtl) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Time granted_after = BootClock::now();
  expect_granted(*a);
  const Duration wait = expect_busy(*b).retry_after;
  EXPECT_GE(BootClock::now() + wait, granted_after + 998ms);
  EXPECT_LT(wait, 1050ms);
  EXPECT_FALSE(await_hint(*b, wait));
  expect_granted(*b);
  EXPECT_GE(BootClock::now() - granted_after, 1s);
}

TYPED_TEST_P(ExpiringStoreContractTest, RenewalLastsAWholeTtl) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  pass(*a, 600ms);
  const Time renewed_after = BootClock::now();
  expect_renewed(*a, token);
  expect_busy_until(*b, renewed_after + 1s);
  pass(*b, 600ms);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
}

TYPED_TEST_P(ExpiringStoreContractTest, AWaitHonoursTheHoldersTtl) {
  auto a = this->open(make_contender(this->key_, "a", 3s));
  auto b = this->open("b");
  const Time granted_after = BootClock::now();
  expect_granted(*a);
  expect_busy_until(*b, granted_after + 3s);
  expect_released(*a);
}

TYPED_TEST_P(ExpiringStoreContractTest, RebuildsAVanishedLease) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  this->world_->lose_lease(this->key_);
  expect_renewed(*a, token);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
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
  EXPECT_EQ(node_in(busy), "a");
  EXPECT_GE(BootClock::now() + busy.retry_after, granted_after + 998ms);
  EXPECT_LT(busy.retry_after, 1050ms);
  pass(*b, busy.retry_after);
  EXPECT_GT(expect_granted(*b).token, token);
  EXPECT_GE(BootClock::now() - granted_after, 1s);
}

TYPED_TEST_P(ExpiringStoreContractTest, AVanishedLeaseIsWaitedForFromItsLastRenewal) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  pass(*a, 500ms);
  const Time renewed_after = BootClock::now();
  expect_renewed(*a, token);
  this->world_->lose_lease(this->key_);
  expect_busy_until(*b, renewed_after + 1s);
}

TYPED_TEST_P(ExpiringStoreContractTest, ARenewalNeverTakesBackALaterLease) {
  auto a = this->open("a");
  auto b = this->open("b");
  const Token token = expect_granted(*a).token;
  pass(*a, 1010ms);
  expect_granted(*b);
  this->world_->lose_lease(this->key_);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
}

TYPED_TEST_P(ExpiringStoreContractTest, AnExpiredLeaseThatNobodyTookIsRenewed) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  pass(*a, 1010ms);
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
