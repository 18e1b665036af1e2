#include "supervise/keeper_death.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace cluster_leader {
namespace {

using ::testing::HasSubstr;
using How = KeeperEnd::How;

KeeperDeath death(How how, int signal = 0, const std::string& failure = {}) {
  return keeper_death({how, signal, failure, {}});
}

TEST(KeeperDeathTest, EachHasItsTextAndItsStatus) {
  const KeeperDeath killed = death(How::kKilled, SIGKILL);
  EXPECT_EQ(killed.text, "the keeper was killed by SIGKILL");
  EXPECT_EQ(killed.status, kExitLost);
  const KeeperDeath slow = death(How::kTooSlow);
  EXPECT_THAT(slow.text, HasSubstr("too slow"));
  EXPECT_EQ(slow.status, kExitLost);
  const KeeperDeath refused = death(How::kRefused, 0, "pipe2: Too many open files");
  EXPECT_THAT(refused.text, HasSubstr("the operating system refused"));
  EXPECT_THAT(refused.text, HasSubstr(": pipe2: Too many open files"));
  EXPECT_EQ(refused.status, kExitOs);
  const KeeperDeath failed = death(How::kFailed, 0, "vector::_M_range_check");
  EXPECT_THAT(failed.text, HasSubstr("failed"));
  EXPECT_THAT(failed.text, HasSubstr(": vector::_M_range_check"));
  EXPECT_EQ(failed.status, kExitBug);
  const KeeperDeath crashed = death(How::kFailed, SIGSEGV);
  EXPECT_THAT(crashed.text, HasSubstr("crashed with SIGSEGV"));
  EXPECT_EQ(crashed.status, kExitBug);
}

}  // namespace
}  // namespace cluster_leader
