#include "base/list.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

TEST(ListTest, NamesSoManyAndCountsTheOthers) {
  EXPECT_EQ(list_of({}, 2), "");
  EXPECT_EQ(list_of({"a"}, 2), "a");
  EXPECT_EQ(list_of({"a", "b"}, 2), "a, b");
  EXPECT_EQ(list_of({"a", "b", "c"}, 2), "a, b and 1 more");
}

}  // namespace
}  // namespace cluster_leader
