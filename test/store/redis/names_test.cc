#include "store/redis/names.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cluster_leader {

namespace {

/// CRC-16/XMODEM of the hash tag, as the cluster specification has it, without our hash_tag().
int slot(const std::string& key) {
  std::string tag = key;
  const std::size_t open = key.find('{');
  if (open != key.npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != key.npos && close > open + 1) tag = key.substr(open + 1, close - open - 1);
  }
  std::uint16_t crc = 0;
  for (const unsigned char byte : tag) {
    crc = static_cast<std::uint16_t>(crc ^ (byte << 8));
    for (int i = 0; i < 8; ++i) {
      crc = static_cast<std::uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc % 16384;
}

const std::vector<std::string> kKeys = {"a",          "nodered:leader",
                                        "{a}",        "{{a}}",
                                        "{a}b",       "b{a}",
                                        "x{a}y{b}",   "{a",
                                        "a{",         "{",
                                        "{a{b}c",     "}",
                                        "a}b",        "{}",
                                        "{}a",        "a{}{b}",
                                        "}{",         "}a{b}",
                                        "{a}}",       "::{a}",
                                        ":{a}",       "{:a}",
                                        "{{}",        "{}}",
                                        "\xc3\xa4",   "a b\nc",
                                        "record:{a}", "{record:{a}}"};

}  // namespace

TEST(RedisNamesTest, TheSlotFunctionOfThisTestIsTheSpecifications) {
  EXPECT_EQ(slot("123456789"), 0x31C3 % 16384);
  EXPECT_EQ(slot("foo"), 12182);
}

TEST(RedisNamesTest, AKeyOfItsOwnKindHasAReadableRecord) {
  EXPECT_EQ(record_name({"nodered:leader"}), "cluster-leader:record:{nodered:leader}");
  EXPECT_EQ(record_name({"{app}:leader"}), "cluster-leader:record::{app}:leader");
  EXPECT_EQ(events_channel({"nodered:leader"}), "cluster-leader:events:{nodered:leader}");
}

TEST(RedisNamesTest, ARecordSharesTheSlotOfItsKeyWhereAnyNameCan) {
  for (const std::string& key : kKeys) {
    if (can_share_tag(key)) {
      EXPECT_EQ(slot(record_name({key})), slot(key)) << key;
      EXPECT_EQ(slot(events_channel({key})), slot(key)) << key;
    } else {
      EXPECT_NE(key.find('}'), key.npos) << key;
    }
  }
  EXPECT_TRUE(can_share_tag("{a}}"));
  EXPECT_FALSE(can_share_tag("a}b"));
  EXPECT_FALSE(can_share_tag("{}a"));
}

TEST(RedisNamesTest, AChannelNamesItsKey) {
  for (const std::string& key : kKeys) {
    EXPECT_EQ(key_of_channel(events_channel({key})), key);
  }
  for (const char* stranger : {"", "x", "cluster-leader:events:", "cluster-leader:events:{"}) {
    EXPECT_EQ(key_of_channel(stranger), "") << stranger;
  }
}

TEST(RedisNamesTest, DifferentKeysHaveDifferentRecords) {
  std::map<std::string, std::string> owners;
  for (const std::string& key : kKeys) {
    const auto [owner, is_new] = owners.emplace(record_name({key}), key);
    EXPECT_TRUE(is_new) << key << " and " << owner->second;
  }
}

}  // namespace cluster_leader
