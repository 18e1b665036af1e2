// A RedisStore on the server that Sentinels name. The Sentinels are fakes that say what the test
// tells them; the servers are real.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "store/redis/sentinel_watch.h"
#include "store/redis/store.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/command.h"
#include "support/grown_server.h"
#include "support/replication.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

constexpr Duration kTtl = 2s;
/// Longer than one answer takes, and shorter than an attempt.
constexpr Duration kAWhile = 150ms;

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

/// A Sentinel, as far as a client can see it.
class FakeSentinel {
 public:
  FakeSentinel(const Server& any, std::string id)
      : id_(std::move(id)),
        proxy_(any.tcp(), [this](int, const RespProxy::Words& words) { return answer(words); }) {}

  void name(const Server& server) { named_ = server.port(); }
  void forget_the_monitor() { named_ = 0; }
  /// Answers so many more questions about the primary, and then none.
  void answer_only(int questions) { budget_ = questions; }
  void answer_again() { budget_ = kUnlimited; }
  void require_password() { requires_password_ = true; }
  void speak_resp2() { speaks_resp2_ = true; }
  void take_the_id(std::string id) { id_ = std::move(id); }
  /// Says that it knows these.
  void know(const FakeSentinel& one, const FakeSentinel& other) {
    others_ = "*2\r\n" + one.described() + other.described();
  }

  Endpoint endpoint() const { return {"127.0.0.1", proxy_.location().port}; }
  int connections() const { return proxy_.connections(); }
  int questions() const { return questions_; }

 private:
  static constexpr int kUnlimited = 1'000'000;

  std::string described() const {
    return "*6\r\n" + bulk("ip") + bulk("127.0.0.1") + bulk("port") +
           bulk(std::to_string(endpoint().port)) + bulk("runid") + bulk(id_);
  }

  std::optional<std::string> answer(const RespProxy::Words& words) {
    if (words[0] == "AUTH") {
      requires_password_ = words.back() != "pw";
      return "+OK\r\n";
    }
    if (requires_password_) return "-NOAUTH Authentication required.\r\n";
    if (words[0] == "HELLO" && speaks_resp2_) return "-ERR unknown command 'HELLO'\r\n";
    if (words[0] == "HELLO") {
      return "%2\r\n" + bulk("mode") + bulk("sentinel") + bulk("proto") + ":3\r\n";
    }
    if (words[0] == "ROLE") return "*2\r\n" + bulk("sentinel") + "*0\r\n";
    if (words[0] == "INFO") return bulk("");
    if (words[1] == "MYID") return bulk(id_);
    if (words[1] == "SENTINELS") return others_;
    ++questions_;
    if (budget_-- <= 0) return "";
    if (named_ == 0) return speaks_resp2_ ? "*-1\r\n" : "_\r\n";
    return "*2\r\n" + bulk("127.0.0.1") + bulk(std::to_string(named_));
  }

  std::string id_;
  std::string others_ = "*0\r\n";
  std::atomic<int> named_ = 0;
  std::atomic<int> budget_ = kUnlimited;
  std::atomic<int> questions_ = 0;
  std::atomic<bool> requires_password_ = false;
  std::atomic<bool> speaks_resp2_ = false;
  RespProxy proxy_;
};

class SentinelStoreTest : public testing::Test {
 protected:
  SentinelStoreTest() {
    replicate(old_, new_);
    name(old_);
  }

  SentinelLocation location(std::size_t count = 3) const {
    SentinelLocation location;
    for (std::size_t i = 0; i < count; ++i) location.sentinels.push_back(all_[i]->endpoint());
    location.monitor = "mymaster";
    return location;
  }

  static std::unique_ptr<LoopedStore> open(const SentinelLocation& location,
                                           const std::string& node = "a", bool listening = false) {
    Contender contender = make_contender({"k"}, node);
    contender.candidate.ttl = kTtl;
    contender.candidate.listens = listening;
    auto store =
        std::make_unique<LoopedStore>(std::make_unique<RedisStore>(location, contender.candidate));
    store->add(contender.candidacy);
    return store;
  }

  void name(const Server& server) {
    for (FakeSentinel* one : all_) one->name(server);
  }
  static std::string holder(const Server& server) { return server.text({"GET", "k"}); }
  static long long logins(const Server& server) { return server.calls("hello"); }

  GrownServer old_;
  GrownServer new_;
  FakeSentinel first_{old_, "first"};
  FakeSentinel second_{old_, "second"};
  FakeSentinel third_{old_, "third"};
  const std::array<FakeSentinel*, 3> all_ = {&first_, &second_, &third_};
};

TEST_F(SentinelStoreTest, ALeaseIsOnTheServerThatTheyNameOverOneConnectionToEach) {
  auto store = open(location());
  const Token token = expect_granted(*store).token;
  EXPECT_THAT(holder(old_), testing::StartsWith("a/"));
  const int before = first_.questions();
  for (int i = 0; i < 10; ++i) expect_renewed(*store, token);
  // Two answers are a majority, so the question about the grant may have come to this one later.
  EXPECT_LE(first_.questions(), before + 11) << "one question for each renewal";
  for (const FakeSentinel* one : all_) EXPECT_EQ(one->connections(), 1);
  EXPECT_EQ(logins(old_), 1);
  expect_released(*store);
}

TEST_F(SentinelStoreTest, OneSentinelIsNoMajority) {
  second_.answer_only(0);
  third_.answer_only(0);
  auto store = open(location());
  const Failed failed = expect_failed(*store);
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_THAT(failed.text, HasSubstr("only 1 of 3 Sentinels answer"));
  EXPECT_FALSE(failed.unknown);
  EXPECT_EQ(logins(old_), 0);
  second_.answer_again();
  expect_granted(*store);
}

TEST_F(SentinelStoreTest, TheOthersAreLearnedAndCount) {
  first_.know(second_, third_);
  second_.answer_only(0);
  third_.answer_only(0);
  auto store = open(location(1));
  EXPECT_THAT(expect_failed(*store).text, HasSubstr("only 1 of 3 Sentinels answer"));
  // The one in the URL is cut off, and names the old primary for ever.
  for (FakeSentinel* one : {&second_, &third_}) {
    one->name(new_);
    one->answer_again();
  }
  promote(old_, new_);
  const auto young = ask(*store, RequestKind::kAcquire);
  ASSERT_TRUE(young && std::holds_alternative<Young>(*young));
  EXPECT_EQ(logins(old_), 0);
  EXPECT_EQ(logins(new_), 1);
}

TEST_F(SentinelStoreTest, TwoNamesOfOneSentinelCountOnce) {
  second_.take_the_id("first");
  third_.answer_only(0);
  auto store = open(location());
  EXPECT_THAT(expect_failed(*store).text, HasSubstr("only 1 of 3 Sentinels answer"));
}

TEST_F(SentinelStoreTest, ARenewalCountsOnlyIfAMajorityNamesTheServerAfterwards) {
  auto store = open(location());
  const Token token = expect_granted(*store).token;
  second_.answer_only(0);
  third_.answer_only(0);
  store->send(RequestKind::kRenew, token);
  EXPECT_FALSE(store->await_answer(kAWhile));
  EXPECT_THAT(store->stage(), HasSubstr("1 of 3 have answered"));
  store->cancel();
  second_.answer_again();
  expect_renewed(*store, token);
}

TEST_F(SentinelStoreTest, AGrantCountsOnlyIfAMajorityNamesTheServerAfterIt) {
  // They are asked for the server, and again after the grant.
  for (FakeSentinel* one : all_) one->answer_only(1);
  auto store = open(location());
  store->send(RequestKind::kAcquire);
  EXPECT_FALSE(store->await_answer(kAWhile));
  EXPECT_THAT(holder(old_), testing::StartsWith("a/"));
  EXPECT_EQ(first_.questions(), 2);
  for (FakeSentinel* one : all_) one->answer_again();
  const auto answer = store->await_answer();
  EXPECT_TRUE(answer && std::holds_alternative<Granted>(*answer)) << "it asks again by itself";
}

TEST_F(SentinelStoreTest, AHolderRenewsAtOnceOnTheServerThatIsNamedNow) {
  auto store = open(location());
  const Token token = expect_granted(*store).token;
  expect_renewed(*store, token);
  promote(old_, new_);
  name(new_);
  const long long before = old_.calls("pexpire");
  expect_renewed(*store, token);
  expect_renewed(*store, token);
  EXPECT_LE(old_.calls("pexpire"), before + 2) << "it was asked once more, and left";
  EXPECT_EQ(new_.calls("eval") + new_.calls("evalsha") > 0, true);
  expect_released(*store);
  EXPECT_EQ(holder(new_), "(nil)");
  EXPECT_THAT(holder(old_), testing::StartsWith("a/")) << "there it ends with its ttl";
}

TEST_F(SentinelStoreTest, AWaiterIsNotGrantedTheKeyOfAnOldPrimary) {
  auto holder = open(location(), "a");
  auto waiter = open(location(), "b", true);
  const Token token = expect_granted(*holder).token;
  EXPECT_EQ(node_in(expect_busy(*waiter)), "a");
  promote(old_, new_);
  name(new_);
  for (const Time end = BootClock::now() + kTtl; BootClock::now() < end;) {
    expect_renewed(*holder, token);
    pass(*waiter, kTtl / 5);
  }
  ASSERT_TRUE(eventually([&] { return this->holder(old_) == "(nil)"; }));
  EXPECT_EQ(node_in(expect_busy(*waiter)), "a");
  // From now on it hears what happens on the new server.
  pass(*waiter, 50ms);
  while (waiter->take_notice()) {
  }
  expect_released(*holder);
  const auto notice = waiter->await_notice(1s);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree);
}

TEST_F(SentinelStoreTest, AfterABrokenConnectionTheServerIsNotUsedWithoutAsking) {
  auto store = open(location());
  const Token token = expect_granted(*store).token;
  for (FakeSentinel* one : all_) one->answer_only(0);
  old_.command({"CLIENT", "KILL", "TYPE", "normal"});
  pass(*store, 50ms);
  const long long before = logins(old_);
  store->send(RequestKind::kRenew, token);
  EXPECT_FALSE(store->await_answer(kAWhile));
  EXPECT_EQ(logins(old_), before);
  store->cancel();
  for (FakeSentinel* one : all_) one->answer_again();
  EXPECT_TRUE(eventually([&] {
    const auto answer = ask(*store, RequestKind::kRenew, token);
    return answer && std::holds_alternative<Renewed>(*answer);
  }));
}

TEST_F(SentinelStoreTest, AMonitorThatNobodyKnowsIsAMistakeInTheUrl) {
  for (const bool resp2 : {false, true}) {
    for (FakeSentinel* one : all_) {
      one->forget_the_monitor();
      if (resp2) one->speak_resp2();
    }
    auto store = open(location());
    const Failed failed = expect_failed(*store);
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_THAT(failed.text, HasSubstr("do not monitor 'mymaster'"));
  }
  second_.name(old_);
  third_.name(old_);
  auto store = open(location());
  expect_granted(*store);
}

TEST_F(SentinelStoreTest, SentinelsMaySpeakResp2) {
  for (FakeSentinel* one : all_) one->speak_resp2();
  auto store = open(location());
  expect_renewed(*store, expect_granted(*store).token);
}

TEST_F(SentinelStoreTest, TheirPasswordIsNotTheServers) {
  for (FakeSentinel* one : all_) one->require_password();
  SentinelLocation with_password = location();
  with_password.server.credentials.password = "pw";
  old_.command({"CONFIG", "SET", "requirepass", "pw"});
  auto store = open(with_password);
  const Failed failed = expect_failed(*store);
  EXPECT_EQ(failed.trouble, Trouble::kDenied);
  EXPECT_THAT(failed.text, HasSubstr("--sentinel-password-file"));
  with_password.credentials.password = "pw";
  store = open(with_password);
  expect_granted(*store);
}

TEST_F(SentinelStoreTest, AServerThatIsNoPrimaryIsLeftAlone) {
  name(new_);
  auto store = open(location());
  const Failed failed = expect_failed(*store);
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("127.0.0.1:" + std::to_string(new_.port()) + ": "));
  name(old_);
  expect_granted(*store);
}

TEST_F(SentinelStoreTest, WhoAsksOnceDoesNotWaitForTheSlowest) {
  third_.answer_only(0);
  SentinelWatch sentinels(location(), 1s, Dialer::kAsking);
  const Time begin = BootClock::now();
  const auto found = find_primary(sentinels, begin + 5s);
  ASSERT_TRUE(std::holds_alternative<Endpoint>(found));
  EXPECT_EQ(std::get<Endpoint>(found).port, old_.port());
  EXPECT_LT(BootClock::now() - begin, 900ms);
}

}  // namespace
}  // namespace cluster_leader
