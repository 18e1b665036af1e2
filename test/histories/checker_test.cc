// The checker of fault histories, over invented ones: each breaks one promise, or has what LIMITS
// excuses, and nothing more.
#include "histories/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "histories/invented.h"

namespace cluster_leader::histories {
namespace {

using Rules = std::vector<std::string>;

class CheckerTest : public ::testing::Test, protected Invented {
 protected:
  Rules broken() const {
    Rules rules;
    for (const Violation& one : check(record).violations) rules.push_back(one.rule);
    std::sort(rules.begin(), rules.end());
    return rules;
  }
  std::map<Limit, int> excused() const { return check(record).excused; }
  void expect_excused(Limit limit) const {
    EXPECT_EQ(broken(), Rules{});
    EXPECT_EQ(excused(), (std::map<Limit, int>{{limit, 1}}));
  }
  /// A job that goes on until 1450 ms. After a fault at 1300 ms a newcomer asks, whose job begins
  /// at 1350 ms.
  void newcomer_after(FaultKind kind, int amount_ms = 0) {
    lease(0, 1, 1000, 1450);
    fault(kind, 1300, 1301, -1, amount_ms);
    const int newcomer = lease(1, 2, 1350, 1500);
    run(newcomer).started = at(1302);
  }
  /// A job that is stopped, or its keeper, from 1100 to 3000 ms. Somebody else gets the key at
  /// 2400 ms.
  void another_while_stopped(FaultKind kind) {
    const int held = lease(0, 1, 1000, 3050);
    lose(held);
    fault(kind, 1100, 3000, held);
    silence(0, 1100, 3100);
    lease(1, 2, 2400, 2500);
  }
};

TEST_F(CheckerTest, FindsNothingInAHistoryWithoutFaults) {
  lease(0, 1, 100, 200);
  lease(1, 2, 210, 300);
  lease(0, 3, 310, 400);
  EXPECT_EQ(broken(), Rules{});
  EXPECT_EQ(excused(), (std::map<Limit, int>{}));
  EXPECT_EQ(check(record).jobs, 4);
}

TEST_F(CheckerTest, FindsTwoJobsAtOnce) {
  lease(0, 1, 100, 200);
  lease(1, 2, 190, 300);
  const Verdict verdict = check(record);
  EXPECT_EQ(broken(), Rules{"overlap"});
  EXPECT_EQ(verdict.overlaps, 1);
  EXPECT_EQ(verdict.longest_overlap, std::chrono::milliseconds(10));
}

TEST_F(CheckerTest, FindsOneThatOutlivesSeveralOthers) {
  const int first = lease(0, 1, 100, 500);
  run(first).ended = at(600);
  lease(1, 2, 200, 250);
  lease(1, 3, 300, 350);
  EXPECT_EQ(broken(), (Rules{"overlap", "overlap"}));
}

TEST_F(CheckerTest, FindsADescendantThatOverlaps) {
  const int first = lease(0, 1, 100, 200);
  descendant(first, 120, 260);
  run(first).ended = at(270);
  lease(1, 2, 250, 300);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, JobsOfDifferentSlotsMayOverlap) {
  lease(0, 1, 100, 200);
  const int other = lease(1, 1, 150, 300);
  life_of(other).slot = 1;
  EXPECT_EQ(broken(), Rules{});
}

TEST_F(CheckerTest, JobsOfOneLeaseMayFollowEachOther) {
  const int elect = lease(0, 1, 100, 200);
  descendant(elect, 150, 240);
  run(elect).ended = at(250);
  EXPECT_EQ(broken(), Rules{});
  EXPECT_EQ(check(record).jobs, 2);
}

TEST_F(CheckerTest, FindsATokenThatDoesNotGrow) {
  lease(0, 7, 100, 200);
  lease(1, 6, 210, 300);
  EXPECT_EQ(broken(), Rules{"token"});
}

TEST_F(CheckerTest, FindsATokenThatTwoHave) {
  lease(0, 7, 100, 200);
  lease(1, 7, 210, 300);
  EXPECT_EQ(broken(), Rules{"token"});
}

TEST_F(CheckerTest, ATokenMayGoBackIfDataIsLostAndTheClockWasSetBack) {
  fault(FaultKind::kClockBack, 50, 50, -1, 1000);
  lease(0, 7, 100, 200);
  fault(FaultKind::kFlushAll, 203, 204);
  lease(1, 6, 210, 300);
  expect_excused(Limit::kTokenBack);
}

TEST_F(CheckerTest, WhoIsNewerIsKnownThoughTheTokenWentBack) {
  fault(FaultKind::kClockBack, 900, 900, -1, 5000);
  lease(0, 7, 1000, 1450);
  fault(FaultKind::kFlushAll, 1300, 1301);
  const int newer = lease(1, 6, 1350, 1500);
  run(newer).started = at(1302);
  EXPECT_EQ(broken(), Rules{});
  EXPECT_EQ(excused()[Limit::kDataLost], 1);
  run(newer).started = at(1100);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, ATokenMustGrowIfOnlyOneOfThemHappens) {
  lease(0, 7, 100, 200);
  fault(FaultKind::kFlushAll, 203, 204);
  lease(1, 6, 210, 300);
  EXPECT_EQ(broken(), Rules{"token"});
  record.incidents.clear();
  fault(FaultKind::kClockBack, 203, 204, -1, 1000);
  EXPECT_EQ(broken(), Rules{"token"});
}

TEST_F(CheckerTest, FlushAllExcusesANewcomerBeforeTheNextRenewal) {
  const int held = lease(0, 1, 1000, 1450);
  lose(held);
  fault(FaultKind::kFlushAll, 1300, 1301);
  silence(1, 1200, 1310);
  lease(1, 2, 1350, 1500);
  run(2).started = at(1302);
  expect_excused(Limit::kDataLost);
}

TEST_F(CheckerTest, FlushAllDoesNotExcuseWhoHadAskedBefore) {
  lease(0, 1, 1000, 1450);
  fault(FaultKind::kFlushAll, 1300, 1301);
  const int newer = lease(1, 2, 1350, 1500);
  run(newer).started = at(1100);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, FlushAllExcusesWhoHadAskedBeforeOnceANewcomerHasHadTheKey) {
  const int held = lease(0, 1, 1000, 1550);
  lose(held);
  fault(FaultKind::kFlushAll, 1300, 1301);
  const int newcomer = lease(1, 2, 1350, 1400);
  run(newcomer).started = at(1302);
  const int waiter = lease(1, 3, 1450, 1600);
  run(waiter).started = at(1100);
  EXPECT_EQ(broken(), Rules{});
  EXPECT_EQ(excused()[Limit::kDataLost], 2);
  // Not if the newcomer is none.
  run(newcomer).started = at(1100);
  EXPECT_EQ(broken(), (Rules{"overlap", "overlap"}));
}

TEST_F(CheckerTest, FlushAllDoesNotExcuseAJobThatOutlivesTheNextRenewal) {
  lease(0, 1, 1000, 2200);
  fault(FaultKind::kFlushAll, 1300, 1301);
  lease(1, 2, 1350, 2000);
  run(2).started = at(1302);
  EXPECT_EQ(broken(), Rules{"overlap"});
  // Unless it could not be sent.
  fault(FaultKind::kCutBoth, 1310, 2100, -1, 0, 0);
  EXPECT_EQ(broken(), Rules{});
}

TEST_F(CheckerTest, FlushAllDoesNotExcuseWhatWasThereBefore) {
  lease(0, 1, 1000, 1200);
  lease(1, 2, 1100, 1250);
  fault(FaultKind::kFlushAll, 1300, 1301);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, ALockThatIsDeletedExcusesNothing) {
  newcomer_after(FaultKind::kDeleteLock);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, ARestartExcusesNothing) {
  lease(0, 1, 1000, 1450);
  fault(FaultKind::kRestartEmpty, 1200, 1301);
  lease(1, 2, 1350, 1500);
  run(2).started = at(1302);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, AClockThatJumpsAheadExcusesANewcomer) {
  newcomer_after(FaultKind::kClockForward, 1200);
  expect_excused(Limit::kClockAhead);
}

TEST_F(CheckerTest, WhoHadAskedBeforeOughtToNoticeALargeStep) {
  lease(0, 1, 1000, 1450);
  fault(FaultKind::kClockForward, 1300, 1301, -1, 1200);
  const int newer = lease(1, 2, 1350, 1500);
  run(newer).started = at(1100);
  EXPECT_EQ(broken(), Rules{"overlap"});
  // But not one of half a second.
  record.incidents.back().amount_ms = 490;
  expect_excused(Limit::kClockAhead);
}

TEST_F(CheckerTest, AStepThatTheMarginCoversExcusesNothing) {
  newcomer_after(FaultKind::kClockForward, 100);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, AClockSetBackExcusesNothing) {
  newcomer_after(FaultKind::kClockBack, 5000);
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, AServerThatSeemsOlderThanItIsExcusesAGrant) {
  lease(0, 1, 1000, 1500);
  fault(FaultKind::kRestartEmpty, 1100, 1200);
  fault(FaultKind::kClockForward, 1290, 1300, -1, 3000);
  const int newer = lease(1, 2, 1350, 1600);
  run(newer).started = at(900);
  expect_excused(Limit::kSeemsOlder);
  record.incidents.back().amount_ms = 900;
  EXPECT_EQ(broken(), Rules{"overlap"});
}

TEST_F(CheckerTest, AFrozenMachineExcusesWhatItsJobDoes) {
  another_while_stopped(FaultKind::kStopBoth);
  EXPECT_EQ(broken(), Rules{});
  // The overlap, and that it was alive a ttl after the last answer.
  EXPECT_EQ(excused()[Limit::kMachineFrozen], 2);
}

TEST_F(CheckerTest, AStoppedKeeperExcusesNothing) {
  another_while_stopped(FaultKind::kStopKeeper);
  EXPECT_THAT(broken(), ::testing::UnorderedElementsAre("overlap", "deadline"));
}

TEST_F(CheckerTest, FindsAJobThatOutlivesItsLeaseThoughNobodyElseHasIt) {
  const int held = lease(0, 1, 1000, 2500);
  descendant(held, 1010, 2510);
  silence(0, 1100, 2600);
  EXPECT_EQ(broken(), (Rules{"deadline", "deadline"}));
}

TEST_F(CheckerTest, BothKilledExcusesDescendantsButNotTheFirstProcess) {
  const int held = lease(0, 1, 1000, 1505);
  run(held).status = 1000 + SIGKILL;
  run(held).ended = at(1501);
  fault(FaultKind::kKillBoth, 1500, 1501, held);
  descendant(held, 1010, 4000);
  record.survivors = 1;
  lease(1, 2, 2600, 2700);
  EXPECT_EQ(broken(), Rules{});
  EXPECT_EQ(excused()[Limit::kBothKilled], 2);
  life_of(held).last = at(1700);
  EXPECT_EQ(broken(), Rules{"orphan"});
}

TEST_F(CheckerTest, APausedPrimaryOfAClusterExcusesOneAnswerUntilTheNextRenewal) {
  record.topology = Topology::kCluster;
  record.answers.clear();
  fault(FaultKind::kFreeze, 500, 2000);
  const int taken = lease(0, 1, 2010, 2300);
  lose(taken);
  lease(1, 2, 1900, 2400);
  expect_excused(Limit::kTakenBack);
  life_of(taken).last = at(2900);
  run(taken).ended = at(2910);
  record.lives.back().last = at(2880);
  record.runs.back().ended = at(2890);
  EXPECT_EQ(broken(), Rules{"overlap"});
  record.topology = Topology::kSentinel;
  life_of(taken).last = at(2300);
  EXPECT_EQ(broken(), Rules{"overlap"}) << "that limit is of a Cluster";
}

TEST_F(CheckerTest, InAQuorumOneServerThatLosesItsDataExcusesNothing) {
  become_quorum();
  lease(0, 1, 1000, 2050);
  fault(FaultKind::kFlushAll, 1700, 1701);
  lease(1, 2, 1800, 2100);
  EXPECT_EQ(broken(), Rules{"overlap"});
  // A majority does.
  fault(FaultKind::kFlushAll, 1750, 1751);
  record.incidents.back().server = 2;
  expect_excused(Limit::kDataLost);
}

TEST_F(CheckerTest, InAQuorumWhoseClocksAreApartALossMayTakeTheTokenBack) {
  become_quorum();
  fault(FaultKind::kClockForward, 500, 500, -1, 2100);
  lease(0, 7, 1000, 1200);
  lease(1, 6, 1300, 1400);
  EXPECT_EQ(broken(), Rules{"token"}) << "nothing was lost";
  fault(FaultKind::kFlushAll, 1100, 1101);
  expect_excused(Limit::kClocksApart);
  record.incidents.front().amount_ms = 1900;
  EXPECT_EQ(broken(), Rules{"token"}) << "they are not far enough apart";
  record.incidents.front().amount_ms = 2100;
  record.servers = 1;
  EXPECT_EQ(broken(), Rules{"token"}) << "that limit is of a quorum";
}

TEST_F(CheckerTest, FindsWhatOutlivesItsRun) {
  const int done = lease(0, 1, 100, 200);
  descendant(done, 120, 240);
  EXPECT_EQ(broken(), Rules{"orphan"});
}

TEST_F(CheckerTest, FindsWhatIsLeftAtTheEnd) {
  record.survivors = 2;
  EXPECT_EQ(broken(), Rules{"orphan"});
}

TEST_F(CheckerTest, FindsThatNobodyLeadsAgain) {
  record.lives.clear();
  EXPECT_THAT(broken(), ::testing::Contains("leader"));
}

TEST_F(CheckerTest, FindsThatSomebodyLeadsTooLate) {
  life_of(0).first = at(7200);
  life_of(0).last = at(7300);
  run(0).ended = at(7310);
  EXPECT_EQ(broken(), Rules{"leader"});
  // Not if the server has just started.
  fault(FaultKind::kRestartEmpty, 4800, 4900);
  EXPECT_EQ(broken(), Rules{});
  // Its clock, set back, makes it younger.
  life_of(0).first = at(10500);
  life_of(0).last = at(10600);
  run(0).ended = at(10610);
  record.answers.clear();
  EXPECT_EQ(broken(), Rules{"leader"});
  fault(FaultKind::kClockBack, 4950, 4950, -1, 3000);
  EXPECT_EQ(broken(), Rules{});
}

}  // namespace
}  // namespace cluster_leader::histories
