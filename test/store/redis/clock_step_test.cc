// A RedisStore on servers whose clock is set, or that lose their data, while a candidate watches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "store/redis/names.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

template <typename Program>
class ClockStepTest : public testing::Test {
 protected:
  std::unique_ptr<LoopedStore> open(const std::string& node, Duration ttl) {
    return open_at(server_.tcp(), make_contender(key_, node, ttl));
  }
  static Young expect_suspect(LoopedStore& store, const std::string& why) {
    Young young = expect<Young>(ask(store, RequestKind::kAcquire));
    EXPECT_THAT(describe(young), HasSubstr(why));
    return young;
  }
  /// The lock is gone, and the record says that the lease has ended.
  void end_lease() {
    server_.command({"DEL", key_.value});
    server_.command({"HSET", record_name(key_), "until", "1"});
  }

  ClockServer server_{Program::path()};
  const Key key_ = fresh_key();
};

TYPED_TEST_SUITE(ClockStepTest, Programs, NameOfProgram);

TYPED_TEST(ClockStepTest, AStepForwardGivesTheKeyToNobodyWhoHasWatchedIt) {
  auto a = this->open("a", 10s);
  auto b = this->open("b", 10s);
  const Token token = expect_granted(*a).token;
  expect_busy(*b);
  this->server_.set_clock(11s);
  const Young young = this->expect_suspect(*b, "the server's clock was set forward by 11 s");
  EXPECT_GT(young.rest, 9s);
  EXPECT_LE(young.rest, 10002ms);
  expect_renewed(*a, token);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
}

TYPED_TEST(ClockStepTest, AfterAStepForwardADeadHoldersTtlIsWaitedForWhateverHintsCome) {
  auto a = this->open("a", 1s);
  auto b = this->open("b", 1s);
  expect_granted(*a);
  expect_busy(*b);
  this->server_.set_clock(11s);
  const Time noticed_at = BootClock::now();
  this->expect_suspect(*b, "forward by 11 s");
  pass(*b, 300ms);
  const Duration rest = this->expect_suspect(*b, "forward by 11 s").rest;
  EXPECT_LE(rest, 702ms);
  pass(*b, rest);
  expect_granted(*b);
  EXPECT_GE(BootClock::now() - noticed_at, 1s);
  EXPECT_LE(BootClock::now() - noticed_at, 3s);
}

TYPED_TEST(ClockStepTest, AStepForwardIsNoticedWhileTheKeyIsHeld) {
  auto a = this->open("a", 10s);
  auto b = this->open("b", 10s);
  expect_granted(*a);
  expect_busy(*b);
  this->server_.set_clock(5s);
  EXPECT_LE(expect_busy(*b).retry_after, 5100ms);
  // Five seconds too early.
  this->end_lease();
  this->expect_suspect(*b, "forward by 5 s");
}

TYPED_TEST(ClockStepTest, ALongerTtlOfTheHolderIsWaitedFor) {
  auto a = this->open("a", 20s);
  auto b = this->open("b", 1s);
  expect_granted(*a);
  expect_busy(*b);
  this->server_.set_clock(30s);
  EXPECT_GT(this->expect_suspect(*b, "forward by 30 s").rest, 19s);
}

TYPED_TEST(ClockStepTest, AKeyThatWasReleasedIsGrantedWhateverTheClock) {
  auto a = this->open("a", 10s);
  auto b = this->open("b", 10s);
  expect_granted(*a);
  expect_busy(*b);
  this->server_.set_clock(5s);
  expect_released(*a);
  expect_granted(*b);
}

TYPED_TEST(ClockStepTest, ALeaseOfOnesOwnIsNoMatterOfTheClock) {
  auto a = this->open("a", 10s);
  auto b = this->open("b", 10s);
  expect_granted(*a);
  expect_busy(*b);
  expect_released(*a);
  const Token token = expect_granted(*b).token;
  this->server_.set_clock(5s);
  EXPECT_EQ(expect_granted(*b).token, token);
}

TYPED_TEST(ClockStepTest, AServerThatWasSlowHasNotSetItsClock) {
  auto a = this->open("a", 10s);
  auto b = this->open("b", 10s);
  expect_granted(*a);
  expect_busy(*b);
  this->end_lease();
  this->server_.pause();
  b->send(RequestKind::kAcquire);
  EXPECT_FALSE(await_answer(*b, 700ms));
  this->server_.resume();
  expect<Granted>(await_answer(*b));
}

TYPED_TEST(ClockStepTest, AClockThatWasSetBackCostsAFollowerNothing) {
  auto a = this->open("a", 3s);
  auto b = this->open("b", 3s);
  const Time granted_at = BootClock::now();
  expect_granted(*a);
  expect_busy(*b);
  pass(*b, 1500ms);
  this->server_.set_clock(-30min);
  const Duration wait = expect_busy(*b).retry_after;
  EXPECT_LE(wait, 2300ms) << "the rest of the lease and the tolerance";
  pass(*b, wait);
  expect_granted(*b);
  EXPECT_LE(BootClock::now() - granted_at, 5s) << "ttl + 2 s";
}

TYPED_TEST(ClockStepTest, AClockThatWasSetBackDoesNotStretchALeaseThatVanished) {
  auto a = this->open("a", 3s);
  auto b = this->open("b", 3s);
  expect_granted(*a);
  expect_busy(*b);
  pass(*b, 1500ms);
  this->server_.command({"DEL", this->key_.value});
  this->server_.set_clock(-30min);
  EXPECT_LE(expect_busy(*b).retry_after, 2300ms);
  // Somebody who knows nothing of it.
  EXPECT_LE(expect_busy(*this->open("c", 3s)).retry_after, 2300ms);
}

TYPED_TEST(ClockStepTest, AClockThatWasSetBackToBeforeTheStartMakesTheServerWatched) {
  const Duration ttl = 10s;
  auto a = this->open("a", ttl);
  const Token token = expect_granted(*a).token;
  // It seems to have started in an hour.
  this->server_.set_clock(-2h);
  expect_renewed(*a, token);
  auto b = open_at(this->server_.tcp(), make_contender(fresh_key(), "b", ttl));
  const Young young = expect<Young>(ask(*b, RequestKind::kAcquire));
  EXPECT_THAT(describe(young), HasSubstr("its uptime makes no sense; was its clock set back?"));
  EXPECT_GT(young.rest, ttl);
  EXPECT_LE(young.rest, ttl + 1s);
  pass(*b, 1s);
  EXPECT_LE(expect<Young>(ask(*b, RequestKind::kAcquire)).rest, ttl);
}

TYPED_TEST(ClockStepTest, AServerThatLostItsDataGivesTheKeyToNobodyWhoHasWatchedIt) {
  auto a = this->open("a", 10s);
  auto b = this->open("b", 10s);
  const Token token = expect_granted(*a).token;
  expect_busy(*b);
  this->server_.command({"FLUSHALL"});
  const std::string why =
      "the server lost data: the last token went from " + std::to_string(token.value) + " to 0";
  EXPECT_GT(this->expect_suspect(*b, why).rest, 9s);
  this->expect_suspect(*b, why);
  expect_renewed(*a, token);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
}

TYPED_TEST(ClockStepTest, AfterLostDataADeadHoldersTtlIsWaitedForOnce) {
  auto a = this->open("a", 1s);
  auto b = this->open("b", 1s);
  expect_granted(*a);
  expect_busy(*b);
  this->server_.command({"FLUSHALL"});
  pass(*b, this->expect_suspect(*b, "lost data").rest);
  expect_granted(*b);
}

TYPED_TEST(ClockStepTest, WhatWasSeenOutlivesTheConnection) {
  auto a = this->open("a", 10s);
  auto b = this->open("b", 10s);
  expect_granted(*a);
  expect_busy(*b);
  this->server_.command({"CLIENT", "KILL", "TYPE", "normal"});
  this->server_.set_clock(11s);
  ask(*b, RequestKind::kAcquire);
  this->expect_suspect(*b, "forward by 11 s");
}

}  // namespace
}  // namespace cluster_leader
