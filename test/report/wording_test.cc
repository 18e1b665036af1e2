#include "report/wording.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

TEST(WordingTest, AFailureSaysWhereTheAddressComesFromAndOtherMessagesDoNot) {
  const ServerName server{"redis://redis:6379", "the default host"};
  EXPECT_EQ(describe_key("job-a", server), "key job-a at redis://redis:6379");
  EXPECT_EQ(describe_failure("job-a", server, "connection refused"),
            "key job-a at redis://redis:6379 (the default host): connection refused");
  EXPECT_EQ(describe_failure({"redis://h:1", "from REDIS_URL"}, "connection refused"),
            "redis://h:1 (from REDIS_URL): connection refused");
}

}  // namespace
}  // namespace cluster_leader
