#include "store/redis/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cluster_leader {
namespace {

const Endpoint kAsked = {"10.0.0.1", 6379};

TEST(SlotsTest, TheSlotOfAKeyIsThatOfItsTag) {
  // From the cluster specification, and from CLUSTER KEYSLOT.
  EXPECT_EQ(slot_of("123456789"), 0x31C3);
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of("{foo}bar"), slot_of("foo"));
  EXPECT_EQ(slot_of("a{foo}{bar}"), slot_of("foo"));
  EXPECT_EQ(slot_of("a}b"), 7866);
  EXPECT_EQ(slot_of("{}x"), 10595);
}

TEST(SlotsTest, EachSlotHasATag) {
  for (std::size_t slot = 0; slot < kSlots; slot += 97) {
    const auto number = static_cast<std::uint16_t>(slot);
    EXPECT_EQ(slot_of("cluster-leader:primary:" + tag_for(number)), number);
  }
}

TEST(RedirectionTest, SaysWhereAndForHowLong) {
  auto to = redirection_in("MOVED 3999 127.0.0.1:6381", kAsked);
  ASSERT_TRUE(to);
  EXPECT_TRUE(to->is_for_good);
  EXPECT_EQ(to->slot, 3999);
  EXPECT_EQ(to->node, (Endpoint{"127.0.0.1", 6381}));
  to = redirection_in("ASK 0 node-2.example.org:7000", kAsked);
  ASSERT_TRUE(to);
  EXPECT_FALSE(to->is_for_good);
  EXPECT_EQ(to->node, (Endpoint{"node-2.example.org", 7000}));
}

TEST(RedirectionTest, AnIpv6AddressHasNoBrackets) {
  EXPECT_EQ(redirection_in("MOVED 1 fd00::3:6379", kAsked)->node, (Endpoint{"fd00::3", 6379}));
}

TEST(RedirectionTest, WithoutAHostItIsTheOneThatWasAsked) {
  EXPECT_EQ(redirection_in("MOVED 1 :6380", kAsked)->node, (Endpoint{"10.0.0.1", 6380}));
  EXPECT_EQ(redirection_in("MOVED 1 ?:6380", kAsked)->node, (Endpoint{"10.0.0.1", 6380}));
}

TEST(RedirectionTest, NothingElseIsOne) {
  for (const char* error :
       {"", "MOVED", "MOVED ", "MOVED 1", "MOVED 1 host", "MOVED 1 host:", "MOVED 1 host:0",
        "MOVED 1 host:65536", "MOVED 16384 host:1", "MOVED -1 host:1", "MOVED x host:1",
        "MOVED 1 ho/st:1", "MOVED 1 a b:1", "MOVED:1", "TRYAGAIN host:1", "ERR MOVED 1 host:1",
        "ASKING 1 host:1"}) {
    EXPECT_FALSE(redirection_in(error, kAsked)) << error;
  }
}

TEST(SlotsTest, TheLowestSlotOfANodeIsInAnyOfItsRanges) {
  const auto range = [](std::uint16_t first, std::uint16_t last, const char* id,
                        std::uint16_t port) {
    return SlotRange{first, last, id, {"10.0.0.1", port}, {}};
  };
  const std::vector<SlotRange> ranges = {range(100, 200, "a", 1), range(0, 99, "b", 2),
                                         range(40, 60, "a", 1), range(300, 400, "b", 1)};
  EXPECT_EQ(lowest_slot_beside(150, ranges), 40);
  EXPECT_EQ(lowest_slot_beside(99, ranges), 0);
  // Nodes without addresses of their own differ by their id.
  EXPECT_EQ(lowest_slot_beside(300, ranges), 300);
  EXPECT_FALSE(lowest_slot_beside(250, ranges));
  EXPECT_FALSE(lowest_slot_beside(0, {}));
}

}  // namespace
}  // namespace cluster_leader
