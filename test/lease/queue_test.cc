#include "lease/queue.h"

#include <gtest/gtest.h>

#include <string>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTtl = 10s;
constexpr Time kNow = Time(100s);

Queue queue_of(const std::string& holders, Time now = kNow) {
  Queue queue;
  for (const char holder : holders) queue.stand({std::string(1, holder)}, kTtl, now, 0);
  return queue;
}

/// Those in line; whoever was passed over is in brackets.
std::string order_of(const Queue& queue) {
  std::string order;
  for (const Place& place : queue.places()) {
    order += place.is_passed_over ? '(' + place.holder.value + ')' : place.holder.value;
  }
  return order;
}

TEST(QueueTest, WaitersAreInOrderOfArrivalHoweverOftenTheyAsk) {
  Queue queue = queue_of("abc");
  for (const char* holder : {"c", "a", "b"}) queue.stand({holder}, kTtl, kNow + 1s, 0);
  EXPECT_EQ(order_of(queue), "abc");
  EXPECT_EQ(queue.ahead_of({"c"}), 2U);
  EXPECT_EQ(queue.ahead_of({"somebody else"}), 3U);
}

TEST(QueueTest, APlaceLapsesAfterTwoMissedAsks) {
  Queue queue = queue_of("ab");
  queue.stand({"b"}, kTtl, kNow + kTtl, 0);
  queue.sweep(kNow + 2 * kTtl);
  EXPECT_EQ(order_of(queue), "ab");
  queue.sweep(kNow + 2 * kTtl + 1s);
  EXPECT_EQ(order_of(queue), "b");
}

TEST(QueueTest, OnlyTheFirstAsksAsSoonAsTheLeaseEnds) {
  const Queue queue = queue_of("abc");
  EXPECT_EQ(queue.pause_of({"a"}, {4s}, kTtl).length, 4s);
  EXPECT_EQ(queue.pause_of({"b"}, {4s}, kTtl).length, 4750ms);
  EXPECT_EQ(queue.pause_of({"c"}, {4s}, kTtl).length, 5s);
  EXPECT_EQ(queue.pause_of({"c"}, {9500ms}, kTtl).length, kTtl);
}

TEST(QueueTest, TheFirstHasASecondBeforeTheNextMayTakeTheKey) {
  Queue queue = queue_of("abc");
  const Time late_at = queue.note_free({{7}, kNow}, kNow);
  EXPECT_LE(queue.turn_of({"a"}, late_at), kNow);
  EXPECT_EQ(queue.turn_of({"b"}, late_at), kNow + 1s);
  EXPECT_EQ(queue.turn_of({"c"}, late_at), kNow + 1250ms);
  EXPECT_EQ(queue.turn_of({"somebody else"}, late_at), kNow + 1500ms);
}

// Whoever asks first after a server was away is no earlier than those before it.
TEST(QueueTest, WhoeverFindsAKeyFreeLongAfterItsLeaseGivesTheFirstAStep) {
  Queue queue = queue_of("ab");
  const Time late_at = queue.note_free({{7}, kNow - 5s}, kNow);
  EXPECT_EQ(queue.turn_of({"b"}, late_at), kNow + kStep);
  queue.leave({"a"});
  EXPECT_LE(queue.turn_of({"b"}, late_at), kNow);
}

TEST(QueueTest, TheFirstAreWokenEachForItsTurn) {
  Queue queue = queue_of("abcdefghijklm");
  queue.note_free({{7}, kNow}, kNow);
  const auto woken = queue.woken(kNow);
  ASSERT_EQ(woken.size(), kWoken);
  EXPECT_EQ(woken[0].holder, HolderId{"a"});
  EXPECT_EQ(woken[0].delay, 0s);
  EXPECT_EQ(woken[1].delay, 1s);
  EXPECT_EQ(woken[9].delay, 3s);
}

TEST(QueueTest, WhoeverWasPassedOverGetsItsPlaceBack) {
  Queue queue = queue_of("abcd");
  EXPECT_EQ(queue.serve({"c"}, kNow), (std::vector<HolderId>{{"a"}, {"b"}}));
  EXPECT_EQ(order_of(queue), "(a)(b)d");
  EXPECT_EQ(queue.ahead_of({"d"}), 0U);
  queue.stand({"e"}, kTtl, kNow, 0);
  queue.stand({"b"}, kTtl, kNow + 1s, 0);
  EXPECT_EQ(order_of(queue), "(a)bde");
  EXPECT_EQ(queue.ahead_of({"d"}), 1U);
  queue.sweep(kNow + kGrace);
  EXPECT_EQ(order_of(queue), "bde");
}

TEST(QueueTest, WhoeverHasNoPlacePassesOverAll) {
  Queue queue = queue_of("ab");
  EXPECT_EQ(queue.serve({"somebody else"}, kNow).size(), 2U);
  EXPECT_EQ(order_of(queue), "(a)(b)");
}

TEST(QueueTest, TheTurnsOfALeaseAreNotThoseOfTheNext) {
  Queue queue = queue_of("a");
  EXPECT_EQ(queue.late_at({{0}}, kNow), std::nullopt);
  queue.note_free({{7}, kNow}, kNow);
  EXPECT_EQ(queue.late_at({{7}}, kNow + 1s), kNow + kTurn);
  EXPECT_EQ(queue.late_at({{8}}, kNow + 1s), std::nullopt);
}

TEST(QueueTest, AsManyAsThereAreFreeSlotsMayTakeOneAtOnce) {
  Queue queue = queue_of("abcd");
  queue.note_free({{7}, kNow}, kNow);
  const Time late_at = kNow + kTurn;
  queue.note_free({{8}, kNow + 1s, 1}, kNow + 1s);
  EXPECT_LE(queue.turn_of({"b"}, late_at, 2), kNow);
  EXPECT_EQ(queue.turn_of({"c"}, late_at, 2), kNow + 1s);
  EXPECT_EQ(queue.turn_of({"d"}, late_at, 2), kNow + 1250ms);
  const auto woken = queue.woken(kNow);
  ASSERT_EQ(woken.size(), 4U);
  EXPECT_EQ(woken[1].delay, 0s);
  EXPECT_EQ(woken[2].delay, 1s);
}

TEST(QueueTest, WhoeverTakesOneOfSeveralSlotsPassesOverOnlyWhoeverIsLate) {
  Queue queue = queue_of("abcd");
  queue.note_free({{7}, kNow}, kNow);
  queue.note_free({{8}, kNow + 1s, 1}, kNow + 1s);
  EXPECT_EQ(queue.serve({"c"}, kNow + 1s, 0, 2), (std::vector<HolderId>{{"a"}}));
  EXPECT_EQ(order_of(queue), "(a)bd");
  EXPECT_EQ(queue.late_at({{8}, {}, 1}, kNow + 1s), kNow + 1s + kTurn) << "that is the turn of b";
  EXPECT_EQ(queue.late_at({{7}}, kNow + 1s), std::nullopt);
}

// The first in line is still late when it should be.
TEST(QueueTest, WhoeverIsSecondDoesNotUseUpTheTurnOfTheFirst) {
  Queue queue = queue_of("abc");
  queue.note_free({{7}, kNow}, kNow);
  queue.note_free({{8}, kNow + 500ms, 1}, kNow + 500ms);
  EXPECT_TRUE(queue.serve({"b"}, kNow + 500ms, 0, 2).empty());
  EXPECT_EQ(order_of(queue), "ac");
  EXPECT_EQ(queue.late_at({{8}, {}, 1}, kNow + 500ms), kNow + kTurn);
}

TEST(QueueTest, WhoeverIsNotTheFirstAsksWhenSoManyLeasesHaveEnded) {
  const Queue queue = queue_of("abc");
  EXPECT_EQ(queue.pause_of({"a"}, {5s, 4s}, kTtl).length, 4s);
  EXPECT_EQ(queue.pause_of({"b"}, {4500ms, 4s}, kTtl).length, 4500ms);
  EXPECT_EQ(queue.pause_of({"b"}, {6s, 4s}, kTtl).length, 4750ms);
  EXPECT_EQ(queue.pause_of({"c"}, {4100ms, 4s}, kTtl).length, 4850ms);
}

TEST(QueueTest, AClockThatWasSetBackMakesNobodyWait) {
  Queue queue;
  queue.note_free({{7}, kNow + 100s}, kNow + 100s);
  EXPECT_EQ(queue.late_at({{7}}, kNow), kNow + kTurn);
  EXPECT_EQ(queue.note_free({{8}, kNow + 100s}, kNow), kNow + kTurn);
}

}  // namespace
}  // namespace cluster_leader
