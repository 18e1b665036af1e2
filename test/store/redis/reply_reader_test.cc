#include "store/redis/reply_reader.h"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace cluster_leader {
namespace {

using Fault = ReplyReader::Fault;

constexpr std::size_t kMiB = std::size_t{1} << 20U;

/// What this process has allocated, in bytes.
std::size_t allocated() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// How a reader fares with these bytes in packets of that size.
Fault fault_after(const std::string& bytes, std::size_t packet = 4096) {
  const auto reader = ReplyReader::create();
  for (std::size_t at = 0; at < bytes.size(); at += packet) {
    reader->feed(std::string_view(bytes).substr(at, packet));
    while (reader->next()) {
    }
  }
  return reader->fault();
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(ReplyReaderTest, AClaimOfTooMuchIsRejectedAsSoonAsItHasArrived) {
  for (const std::string claim :
       {"*2147483647\r\n", "%2147483647\r\n", ">2147483647\r\n", "~2147483647\r\n",
        "|2147483647\r\n", "*131073\r\n", "*99999999999999999999\r\n",
        "*3\r\n:1\r\n*2147483647\r\n", "*2\r\n*131071\r\n", "$2147483647\r\n", "$536870912\r\n",
        "$4194305\r\n", "=2147483647\r\n", "!2147483647\r\n", "$99999999999999999999",
        "*1\r\n$2147483647\r\n", "$2147483647\r\nabc", "%1\r\n+a\r\n$536870912\r\n"}) {
    for (const std::size_t packet : {claim.size(), std::size_t{1}, claim.size() - 3}) {
      EXPECT_EQ(fault_after(claim, packet), Fault::kNotRedis) << claim << " by " << packet;
    }
  }
}

TEST(ReplyReaderTest, NoReplyNeedsMuchMemoryWhateverItClaims) {
  // Arrays whose elements are arrays, each of a size that is allowed; and many long strings.
  const std::string many = "*65536\r\n" + repeated("_\r\n", 65536);
  const std::string texts = "$1000000\r\n" + std::string(1'000'000, 'x') + "\r\n";
  for (const std::string& bytes :
       {"*65536\r\n" + repeated(many, 40), repeated("*65536\r\n", 5000),
        "*1000\r\n" + repeated(texts, 40), "$4000000\r\n" + std::string(8 * kMiB, 'x'),
        "+" + std::string(8 * kMiB, 'x')}) {
    const auto reader = ReplyReader::create();
    const std::size_t before = allocated();
    std::size_t most = before;
    for (std::size_t at = 0; at < bytes.size() && reader->fault() == Fault::kNone; at += kMiB) {
      reader->feed(std::string_view(bytes).substr(at, kMiB));
      while (reader->next()) {
      }
      most = std::max(most, allocated());
    }
    EXPECT_EQ(reader->fault(), Fault::kNotRedis) << bytes.substr(0, 20);
    EXPECT_LT((most - before) / kMiB, 24U) << bytes.substr(0, 20);
  }
}

TEST(ReplyReaderTest, DeeplyNestedArraysAreRejectedEvenIfTheyArriveAtOnce) {
  const auto nested = [](std::size_t depth) { return repeated("*1\r\n", depth) + ":1\r\n"; };
  EXPECT_EQ(fault_after(nested(16), kMiB), Fault::kNone);
  EXPECT_EQ(fault_after(nested(17), kMiB), Fault::kNotRedis);
  // To free it needs more stack than there is.
  EXPECT_EQ(fault_after(nested(250'000), kMiB), Fault::kNotRedis);
}

TEST(ReplyReaderTest, AFaultStays) {
  const auto reader = ReplyReader::create();
  reader->feed("*2147483647\r\n");
  EXPECT_FALSE(reader->next());
  reader->feed("+OK\r\n");
  EXPECT_FALSE(reader->next());
  EXPECT_EQ(reader->fault(), Fault::kNotRedis);
}

TEST(ReplyReaderTest, RepliesAreReadHoweverTheyAreSplit) {
  const std::string bytes =
      "$-1\r\n*-1\r\n$0\r\n\r\n*0\r\n%1\r\n$1\r\na\r\n*2\r\n:1\r\n,1.5\r\n=5\r\ntxt:a\r\n_\r\n#"
      "t\r\n"
      "(3492890328409238509324850943850943825024385\r\n~1\r\n+x\r\n";
  for (const std::size_t packet : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
    EXPECT_EQ(fault_after(bytes, packet), Fault::kNone);
  }
}

TEST(ReplyReaderTest, TheLongestRepliesThatServersSendAreRead) {
  EXPECT_EQ(fault_after("*131072\r\n" + repeated(":1\r\n", 131072)), Fault::kNone);
  EXPECT_EQ(fault_after("$4194304\r\n" + std::string(4 * kMiB, 'x') + "\r\n"), Fault::kNone);
  // CLUSTER SLOTS with 5,000 ranges of a primary and two replicas.
  const std::string name = "$40\r\n" + std::string(40, 'a') + "\r\n";
  const std::string node = "*4\r\n$12\r\n10.0.100.100\r\n:6379\r\n" + name + "*0\r\n";
  const std::string range = "*5\r\n:16382\r\n:16383\r\n" + repeated(node, 3);
  EXPECT_EQ(fault_after("*5000\r\n" + repeated(range, 5000)), Fault::kNone);
}

TEST(ReplyReaderTest, EachReplyHasTheWholeBound) {
  // Many large replies after each other, as status gets them.
  const std::string reply = "*2\r\n$3\r\n123\r\n*1\r\n$1000000\r\n" + std::string(1'000'000, 'x') +
                            "\r\n*100000\r\n" + repeated(":1\r\n", 100'000);
  EXPECT_EQ(fault_after(repeated(reply, 10)), Fault::kNone);
}

}  // namespace
}  // namespace cluster_leader
