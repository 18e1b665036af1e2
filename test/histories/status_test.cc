// Which exit statuses the checker of fault histories takes for right.
#include "histories/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "histories/invented.h"

namespace cluster_leader::histories {
namespace {

class StatusTest : public ::testing::Test, protected Invented {
 protected:
  bool is_right(int run) const { return !fault_of_status(record, run); }
};

TEST_F(StatusTest, IsTheJobsOwn) {
  const int one = lease(0, 1, 100, 200);
  EXPECT_TRUE(is_right(one));
  run(one).status = 3;
  EXPECT_FALSE(is_right(one));
  life_of(one).finished = 3;
  EXPECT_TRUE(is_right(one));
  life_of(one).finished.reset();
  EXPECT_FALSE(is_right(one)) << "the job was killed";
}

TEST_F(StatusTest, OfAFollowerThatHasRunAJobIsWrong) {
  EXPECT_TRUE(is_right(idle(100, 110, 75)));
  const int one = lease(0, 1, 100, 200);
  run(one).status = 75;
  EXPECT_FALSE(is_right(one));
}

TEST_F(StatusTest, IsZeroOnlyOfAJob) { EXPECT_FALSE(is_right(idle(100, 110, 0))); }

TEST_F(StatusTest, Is69OnlyIfAServerMayNotHaveAnswered) {
  const int one = idle(4000, 4100, 69);
  EXPECT_FALSE(is_right(one));
  fault(FaultKind::kFreeze, 3900, 4050);
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, Is69InADirectoryWhoseFilesSomebodyHasLockedWhoWasStopped) {
  const int one = idle(4000, 4100, 69);
  fault(FaultKind::kStopFront, 3900, 4050, 0);
  EXPECT_FALSE(is_right(one));
  record.topology = Topology::kFile;
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, Is69IfTheVotesOfAQuorumAreSplitBetweenTwo) {
  record.servers = 3;
  const int one = idle(4000, 4100, 69);
  run(one).said = "the servers' votes are split; n0 has one too";
  EXPECT_FALSE(is_right(one)) << "nobody else had asked";
  lease(0, 1, 4050, 4060);
  EXPECT_TRUE(is_right(one));
  record.servers = 1;
  EXPECT_FALSE(is_right(one));
}

TEST_F(StatusTest, Is69OnlyBeforeAJob) {
  fault(FaultKind::kFreeze, 90, 150);
  const int one = lease(0, 1, 100, 200);
  run(one).status = 69;
  EXPECT_FALSE(is_right(one));
}

TEST_F(StatusTest, Is79OnlyIfSomethingHasHappened) {
  const int one = lease(0, 1, 2000, 2200);
  run(one).status = 79;
  run(one).outcome = "lost";
  EXPECT_FALSE(is_right(one));
  fault(FaultKind::kCutBoth, 2050, 2150, -1, 0, 1);
  EXPECT_FALSE(is_right(one)) << "that was another's network";
  fault(FaultKind::kCutBoth, 2050, 2150, -1, 0, 0);
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, IsSupersededOnlyIfSomebodySupersedes) {
  const int one = lease(0, 1, 2000, 2200);
  run(one).status = 79;
  run(one).outcome = "superseded";
  EXPECT_FALSE(is_right(one));
  run(0).kind = Kind::kSupersede;
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, IsAKillOnlyOfWhatWasKilled) {
  const int one = lease(0, 1, 2000, 2200);
  run(one).status = 1000 + SIGKILL;
  EXPECT_FALSE(is_right(one));
  fault(FaultKind::kKillFront, 2100, 2100, one);
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, IsAnothersOnlyIfThatHasEndedWithIt) {
  const int one = idle(100, 300, 3);
  run(one).outcome = "joined";
  EXPECT_FALSE(is_right(one));
  const int other = lease(0, 1, 150, 250);
  life_of(other).finished = 3;
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, IsAnothersKillOnlyIfThatWasKilled) {
  const int one = idle(100, 300, 128 + SIGKILL);
  run(one).outcome = "joined";
  EXPECT_FALSE(is_right(one));
  const int other = lease(0, 1, 150, 250);
  fault(FaultKind::kKillJob, 200, 200, other);
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, IsNeverOneOfOurOwnErrors) {
  fault(FaultKind::kFreeze, 90, 150);
  for (const int status : {1, 64, 70, 71, 77, 78, 126, 127, 1000 + SIGSEGV, 1000 + SIGABRT}) {
    EXPECT_FALSE(is_right(idle(100, 110, status))) << status;
  }
}

TEST_F(StatusTest, OfElectIsWrongUnlessItWasToldToEnd) {
  const int one = idle(100, 110, 0);
  run(one).kind = Kind::kElect;
  EXPECT_FALSE(is_right(one));
  run(one).was_told_to_end = true;
  EXPECT_TRUE(is_right(one));
}

TEST_F(StatusTest, OfARunThatDoesNotEndIsWrong) {
  const int one = idle(100, 110, 75);
  run(one).ended.reset();
  EXPECT_FALSE(is_right(one));
}

}  // namespace
}  // namespace cluster_leader::histories
