// What a job learns of its lease, and what a run in it makes of that.
#include "supervise/lease_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace cluster_leader {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::StartsWith;

const HolderId kOuter{"web 1/000102030405060708090a0b0c0d0e0f"};
const HolderId kInner{"web 1/f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"};
const HolderId kOther{"web 1/ffffffffffffffffffffffffffffffff"};

class LeaseEnvironmentTest : public ::testing::Test {
 protected:
  ~LeaseEnvironmentTest() override {
    ::unsetenv("CLUSTER_LEADER_HOLDER");
    ::unsetenv("CLUSTER_LEADER_OUTER");
    ::unsetenv("CLUSTER_LEADER_SLOT");
  }

  /// Makes this process one of the job of `holder`.
  void enter(const HolderId& holder) {
    const auto environment = lease_environment(common_, "job-a", holder, Token{1}, 0);
    ::unsetenv("CLUSTER_LEADER_OUTER");
    for (const std::string& entry : environment) {
      const std::size_t at = entry.find('=');
      ::setenv(entry.substr(0, at).c_str(), entry.substr(at + 1).c_str(), 1);
    }
  }

  LeaseEnvironment common_{.node = "web 1"};
};

TEST_F(LeaseEnvironmentTest, OutsideOfAJobNoLeaseIsOurs) {
  EXPECT_FALSE(runs_under(kOuter));
  EXPECT_FALSE(runs_under({}));
  EXPECT_THAT(lease_environment(common_, "job-a", kOuter, Token{1}, 0),
              Not(Contains(StartsWith("CLUSTER_LEADER_OUTER="))));
}

TEST_F(LeaseEnvironmentTest, AJobRunsUnderItsLeaseAndThoseAroundIt) {
  enter(kOuter);
  EXPECT_TRUE(runs_under(kOuter));
  EXPECT_FALSE(runs_under(kInner));
  enter(kInner);
  EXPECT_TRUE(runs_under(kOuter));
  EXPECT_TRUE(runs_under(kInner));
  EXPECT_FALSE(runs_under(kOther));
}

TEST_F(LeaseEnvironmentTest, TheLeasesAroundAJobReachWhatRunsInItWithoutALease) {
  enter(kOuter);
  const auto environment = lease_environment(common_, "job-b", kInner, Token{}, 0);
  EXPECT_THAT(environment, Contains("CLUSTER_LEADER_OUTER=" + kOuter.value));
  EXPECT_THAT(environment, Not(Contains(StartsWith("CLUSTER_LEADER_HOLDER="))));
}

TEST_F(LeaseEnvironmentTest, TheSlotIsThatOfTheLeaseEvenIfThereIsOnlyOne) {
  ::setenv("CLUSTER_LEADER_SLOT", "7", 1);
  for (const std::uint32_t slot : {0U, 2U}) {
    EXPECT_THAT(lease_environment(common_, "job-a", kInner, Token{1}, slot),
                Contains("CLUSTER_LEADER_SLOT=" + std::to_string(slot)));
  }
  EXPECT_THAT(lease_environment(common_, "job-a", kInner, Token{}, 0),
              Not(Contains(StartsWith("CLUSTER_LEADER_SLOT="))))
      << "without a lease there is none";
}

TEST_F(LeaseEnvironmentTest, AHookRunsUnderNoLeaseOfItsOwn) {
  enter(kOuter);
  enter(kInner);
  ::setenv("CLUSTER_LEADER_STATE", "leader", 1);
  EXPECT_FALSE(runs_under(kInner)) << "a leader does not wait for its hooks";
  EXPECT_TRUE(runs_under(kOuter));
  ::unsetenv("CLUSTER_LEADER_STATE");
}

TEST_F(LeaseEnvironmentTest, AKeyThatIsKeptAfterTheJobHasNoJob) {
  enter(kOuter);
  EXPECT_FALSE(runs_under(held_after(kOuter)));
  EXPECT_FALSE(runs_under(parked_for(kOuter.value)));
}

TEST_F(LeaseEnvironmentTest, WhatOthersWriteAtAKeyIsNoLeaseOfOurs) {
  enter(kOuter);
  for (const char* value : {"web 1", "web", "1", "000102030405060708090a0b0c0d0e0f",
                            "/000102030405060708090a0b0c0d0e0f"}) {
    EXPECT_FALSE(runs_under({value})) << value;
  }
}

}  // namespace
}  // namespace cluster_leader
