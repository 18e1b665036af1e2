#include "options/similar.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

const std::vector<std::string> kOptions = {"--key",           "--ttl",          "--server",
                                           "--sentinel-user", "--metrics-file", "--wait"};

std::string meant(const std::string& mistyped) {
  return most_similar(mistyped, kOptions).value_or("");
}

TEST(SimilarTest, ALetterMayBeMissingOrWrongOrInTheWrongPlace) {
  EXPECT_EQ(meant("--kye"), "--key");
  EXPECT_EQ(meant("--ke"), "--key");
  EXPECT_EQ(meant("--keys"), "--key");
  EXPECT_EQ(meant("--tll"), "--ttl");
  EXPECT_EQ(meant("--severr"), "--server");
  EXPECT_EQ(meant("---key"), "--key");
}

TEST(SimilarTest, TheBeginningOfOneWordIsEnough) {
  EXPECT_EQ(meant("--metrics"), "--metrics-file");
  EXPECT_EQ(meant("--sent"), "--sentinel-user");
  EXPECT_EQ(meant("--se"), "") << "it may be either";
}

TEST(SimilarTest, WhatIsTooDifferentIsNoMistake) {
  EXPECT_EQ(meant("--colour"), "");
  EXPECT_EQ(meant("--x"), "");
  EXPECT_EQ(meant("--"), "");
  EXPECT_EQ(meant(""), "");
  EXPECT_EQ(meant("--key" + std::string(1000, 'x')), "") << "a value, not a name";
}

}  // namespace
}  // namespace cluster_leader
