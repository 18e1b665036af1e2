// A RedisStore whose name, or load balancer, comes to lead to another server while the old one goes
// on as before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/redis/store.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/certificates.h"
#include "support/command.h"
#include "support/grown_server.h"
#include "support/relay.h"
#include "support/replication.h"
#include "support/resp_proxy.h"
#include "support/tls_redis.h"

namespace cluster_leader {
namespace {

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

constexpr Duration kTtl = 2s;
/// A connection that is as old as this is not relied on for a grant.
constexpr Duration kOld = 600ms;

class RedisMovingTest : public testing::Test {
 protected:
  explicit RedisMovingTest(std::vector<std::string> arguments = {})
      : old_(arguments), new_(std::move(arguments)) {
    replicate(old_, new_);
  }

  static Contender contender(const std::string& node) {
    Contender contender = make_contender({"k"}, node);
    contender.candidate.ttl = kTtl;
    return contender;
  }

  /// From now on, new connections lead to the replica, which is a primary.
  void move() {
    promote(old_, new_);
    balancer_.lead_to(new_.port());
  }

  /// Renews every fifth of the ttl for as long as `time`.
  static void hold(LoopedStore& store, Token token, Duration time) {
    const Time end = BootClock::now() + time;
    while (BootClock::now() < end) {
      expect_renewed(store, token);
      pass(store, kTtl / 5);
    }
  }

  static std::string holder(const Server& server) { return server.text({"GET", "k"}); }

  GrownServer old_;
  GrownServer new_;
  Relay balancer_{old_.port()};
};

TEST_F(RedisMovingTest, AHolderIsOnTheNewServerHalfATtlAfterAMove) {
  auto store = open_at(balancer_.location(), contender("a"));
  const Token token = expect_granted(*store).token;
  hold(*store, token, kTtl);
  move();
  hold(*store, token, kTtl / 2);
  const long long before = old_.calls("pexpire");
  hold(*store, token, 2 * kTtl);
  EXPECT_EQ(old_.calls("pexpire"), before) << "it still renews on the old server";
  EXPECT_THAT(holder(new_), testing::StartsWith("a/"));
  EXPECT_EQ(holder(old_), "(nil)");
}

TEST_F(RedisMovingTest, AWaiterIsNotGrantedTheKeyThatIsFreeOnTheOldServerOnly) {
  auto holder = open_at(balancer_.location(), contender("a"));
  auto waiter = open_at(balancer_.location(), contender("b"), true);
  const Token token = expect_granted(*holder).token;
  EXPECT_EQ(node_in(expect_busy(*waiter)), "a");
  pass(*waiter, kOld);
  move();
  hold(*holder, token, 2 * kTtl);
  ASSERT_EQ(this->holder(old_), "(nil)");
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

TEST_F(RedisMovingTest, AnIdleWaiterIsToldThatItMustAskAfterTheMoveOfItsConnection) {
  Contender both = contender("a");
  auto store = open_at(balancer_.location(), both, true);
  store->add({{"other"}, {"a/other"}});
  auto rival = open_at(balancer_.location(), make_contender({"other"}, "b"));
  expect_granted(*rival);
  expect_for<Busy>(*store, 1, RequestKind::kAcquire);
  const Token token = expect_granted(*store).token;
  while (store->take_notice(1)) {
  }
  move();
  hold(*store, token, kTtl / 2);
  const auto notice = store->await_notice(1s, 1);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree);
}

TEST_F(RedisMovingTest, OnTheSameServerAGrantCountsAndTheConnectionStays) {
  auto holder = open_at(balancer_.location(), contender("a"));
  auto waiter = open_at(balancer_.location(), contender("b"), true);
  expect_granted(*holder);
  expect_busy(*waiter);
  pass(*waiter, kOld);
  expect_busy(*waiter);
  EXPECT_EQ(balancer_.connections(), 2) << "who is not granted anything does not connect anew";
  expect_released(*holder);
  const long long acquired = old_.calls("set");
  const Token token = expect_granted(*waiter).token;
  EXPECT_EQ(old_.calls("set"), acquired + 1);
  EXPECT_EQ(balancer_.connections(), 3);
  expect_renewed(*waiter, token);
  expect_released(*waiter);
  EXPECT_EQ(balancer_.connections(), 3);
}

TEST_F(RedisMovingTest, AFreshConnectionIsNotChecked) {
  const Time begin = BootClock::now();
  auto store = open_at(balancer_.location(), contender("a"));
  for (int i = 0; i < 3; ++i) {
    expect_granted(*store);
    expect_released(*store);
    store->set_holder({"a/" + std::to_string(i)});
  }
  // Unless the machine is so busy that it is no longer fresh.
  EXPECT_LE(balancer_.connections(), 1 + (BootClock::now() - begin) / kOld);
}

TEST_F(RedisMovingTest, WithoutANewConnectionAHolderKeepsTheOldOneAndNothingIsGranted) {
  auto holder = open_at(balancer_.location(), contender("a"));
  auto other = open_at(balancer_.location(), make_contender({"free"}, "b"));
  const Token token = expect_granted(*holder).token;
  expect_granted(*other);
  expect_released(*other);
  other->set_holder({"b/2"});
  pass(*other, kOld);
  balancer_.lead_to(0);
  const Failed failed = expect_failed(*other);
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_THAT(failed.text, testing::HasSubstr("new connection"));
  EXPECT_GT(failed.retry_after, 0s);
  EXPECT_TRUE(failed.id_spent);
  EXPECT_TRUE(eventually([&] {
    return old_.text({"GET", "free"}) == "(nil)";
  })) << "nobody else can have the key";
  const int before = balancer_.connections();
  hold(*holder, token, 2 * kTtl);
  EXPECT_EQ(holder->stage(), "waiting for an answer");
  EXPECT_GE(balancer_.connections(), before + 4) << "it tries again";
  balancer_.lead_to(old_.port());
  other->set_holder({"b/3"});
  expect_granted(*other);
}

TEST_F(RedisMovingTest, ACheckOutlivesTheAttemptsThatWaitForIt) {
  GrownServer silent;
  auto store = open_at(balancer_.location(), contender("a"));
  store->add({{"free"}, {"a/free"}});
  const Token token = expect_granted(*store).token;
  pass(*store, kOld);
  silent.pause();
  balancer_.lead_to(silent.port());
  store->send(RequestKind::kAcquire, {}, 1);
  EXPECT_FALSE(store->await_answer(100ms, 1));
  EXPECT_EQ(store->stage(1), "waiting for an answer");
  store->cancel(1);
  expect_renewed(*store, token);
  const int before = balancer_.connections();
  EXPECT_FALSE(store->ask(RequestKind::kAcquire, {}, 100ms, 1));
  EXPECT_EQ(balancer_.connections(), before) << "the check goes on";
  store->cancel(1);
  silent.resume();
}

TEST_F(RedisMovingTest, AClosedLineIsNotCheckedAllTheTime) {
  GrownServer server;
  auto store = open_at(server.tcp(), contender("a"));
  const Token token = expect_granted(*store).token;
  expect_renewed(*store, token);
  server.kill();
  store->send(RequestKind::kRenew, token);
  expect<Failed>(store->await_answer());
  pass(*store, kTtl / 2);
  EXPECT_EQ(store->wake_at(), kNever);
}

TEST_F(RedisMovingTest, WhoDoesNotSayWhichServerItIsIsTakenForAnother) {
  // With "-@dangerous", as many hosted services have it.
  RespProxy proxy(old_.tcp(), [](int, const RespProxy::Words& words) -> std::optional<std::string> {
    if (words[0] == "INFO") return "-NOPERM no permissions to run the 'info' command\r\n";
    return std::nullopt;
  });
  auto store = open_at(proxy.location(), contender("a"));
  const Token token = expect_granted(*store).token;
  hold(*store, token, 2 * kTtl);
  EXPECT_GE(proxy.connections(), 2);
  EXPECT_LE(proxy.connections(), 4) << "for every fifth check";
  expect_released(*store);
  EXPECT_EQ(holder(old_), "(nil)");
}

class RedisMovingInResp2Test : public RedisMovingTest {
 protected:
  RedisMovingInResp2Test() : RedisMovingTest({"--rename-command", "HELLO", ""}) {}
};

TEST_F(RedisMovingInResp2Test, TheEventsMoveToo) {
  auto waiter = open_at(balancer_.location(), contender("b"), true);
  auto holder = open_at(balancer_.location(), contender("a"));
  const Token token = expect_granted(*holder).token;
  expect_busy(*waiter);
  ASSERT_TRUE(waiter->await_notice(5s)) << "its events are subscribed to";
  pass(*waiter, kOld);
  move();
  hold(*holder, token, 2 * kTtl);
  ASSERT_EQ(this->holder(old_), "(nil)");
  expect_busy(*waiter);
  ASSERT_TRUE(waiter->await_notice(5s)) << "its events are subscribed to on the new server";
  pass(*waiter, 50ms);
  while (waiter->take_notice()) {
  }
  expect_released(*holder);
  const auto notice = waiter->await_notice(1s);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree);
}

/// Under TLS, a new connection is dear.
class RedisMovingUnderTlsTest : public RedisMovingTest {
 protected:
  RedisMovingUnderTlsTest() {
    replicate(primary_.server(), replica_.server());
    primary_.server().grow_up(kTtl);
  }

  Certificates certificates_;
  const Certificates::Files files_ = certificates_.sign({});
  TlsRedis primary_{TlsEnd::kStunnel, files_};
  TlsRedis replica_{TlsEnd::kStunnel, files_};
  Relay tls_balancer_{primary_.port()};
};

TEST_F(RedisMovingUnderTlsTest, BehindABalancerAHolderIsOnTheNewServerAfterTheFifthCheck) {
  RedisLocation location = tls_balancer_.location();
  location.host = "localhost";
  location.tls.emplace().ca = certificates_.ca();
  auto store = open_at(location, contender("a"));
  const Token token = expect_granted(*store).token;
  hold(*store, token, kTtl);
  EXPECT_EQ(tls_balancer_.connections(), 1) << "the name is looked up, which is enough";
  const Server& old_server = primary_.server();
  promote(old_server, replica_.server());
  tls_balancer_.lead_to(replica_.port());
  hold(*store, token, kTtl * 17 / 10);
  EXPECT_EQ(tls_balancer_.connections(), 2);
  const long long before = old_server.calls("pexpire");
  hold(*store, token, kTtl);
  EXPECT_EQ(old_server.calls("pexpire"), before) << "it still renews on the old server";
  EXPECT_THAT(holder(replica_.server()), testing::StartsWith("a/"));
}

}  // namespace
}  // namespace cluster_leader
