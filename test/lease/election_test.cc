// What an elector reports about a key, one test for each sentence.
#include "lease/election.h"

#include <gtest/gtest.h>

#include "lease/supervisor_fixture.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const HolderId kOwn{"web-1/a"};
const HolderId kOther{"web-2/b"};
const HolderId kThird{"web-3/c"};

constexpr Failed reset() { return {Trouble::kUnreachable, {}, true, {}}; }

Leadership follower(const HolderId& holder, Token token = {}) {
  return {ElectionState::kFollower, holder, token};
}
const Leadership kNobody{ElectionState::kNone, {}, {}};
const Leadership kNoServer{ElectionState::kDown, {}, {}};
const Leadership kUs{ElectionState::kLeader, kOwn, Token{5}};

class ElectionTest : public WaitingSupervisorTest {
 protected:
  ElectionTest() { policy.patience = kForever; }

  Leadership view;

  void begin() {
    view = {};
    campaign();
    happens(Tick{});
  }

  void happens(const Event& event) {
    feed(event);
    view = after_step(view, *supervisor, kOwn);
  }

  void receives(const Answer& what) {
    if (!supervisor->state().in_flight) wait_for_request();
    answer(what);
    view = after_answer(view, *supervisor, kOwn, what);
  }

  void learns_of(const HolderId& holder, Token token = {}) {
    view = after_acquisition(view, *supervisor, kOwn, holder, token);
  }

  void learns_of_release_by(const HolderId& holder) {
    happens(Hinted{});
    view = after_release(view, *supervisor, kOwn, holder);
  }

  /// Moves the clock on until the next request is sent.
  void wait_for_request() {
    while (!supervisor->state().in_flight) {
      now = supervisor->wake_at();
      happens(Tick{});
    }
  }

  void follow() {
    begin();
    receives(Busy{kOther, seconds(8), Token{4}});
    ASSERT_EQ(view, follower(kOther, Token{4}));
  }

  void lead() {
    begin();
    receives(Granted{Token{5}});
    happens(JobStarted{});
    ASSERT_EQ(view, kUs);
  }

  /// Lets all renewals time out until the job gets its stop signal.
  void let_slip() {
    while (supervisor->phase() == Phase::kRunning) {
      EXPECT_EQ(view, kUs);
      now = supervisor->wake_at();
      happens(Tick{});
    }
  }
};

TEST_F(ElectionTest, NothingIsReportedBeforeTheFirstAnswer) {
  begin();
  EXPECT_EQ(view, Leadership{});
}

TEST_F(ElectionTest, CandidateLeadsOnceItsJobRuns) {
  begin();
  receives(Granted{Token{5}});
  EXPECT_EQ(view.state, ElectionState::kUnknown) << "the job has not started yet";
  happens(JobStarted{});
  EXPECT_EQ(view, kUs);
  receives(Renewed{});
  EXPECT_EQ(view, kUs);
}

TEST_F(ElectionTest, NobodyLeadsWhenTheJobCannotBeStarted) {
  follow();
  receives(Granted{Token{5}});
  happens(StartFailed{});
  receives(Released{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, FollowerNamesTheHolder) {
  follow();
  receives(Busy{kThird, seconds(8), Token{6}});
  EXPECT_EQ(view, follower(kThird, Token{6}));
}

TEST_F(ElectionTest, TokenOfTheHolderIsRemembered) {
  follow();
  receives(Busy{kOther, seconds(8), {}});
  EXPECT_EQ(view, follower(kOther, Token{4}));
  learns_of(kOther);
  EXPECT_EQ(view, follower(kOther, Token{4}));
}

TEST_F(ElectionTest, NobodyLeadsAKeyThatIsFreeParkedOrHeld) {
  for (const HolderId& holder : {HolderId{}, parked_for("web-2/x"), held_after(kOther)}) {
    follow();
    receives(Busy{holder, seconds(8), Token{4}});
    EXPECT_EQ(view, kNobody) << holder.value;
  }
  follow();
  receives(Done{{0, 1, 2}, "web-2", Token{4}});
  EXPECT_EQ(view, kNobody) << "a recent success forbids another run";
}

TEST_F(ElectionTest, NobodyLeadsFromTheMomentTheJobIsToldToStop) {
  lead();
  happens(ResignRequested{});
  EXPECT_EQ(view, kNobody);
  receives(Renewed{});
  EXPECT_EQ(view, kNobody);
  happens(TreeGone{});
  receives(Released{});
  EXPECT_EQ(view, kNobody);
  lead();
  happens(JobExited{});
  EXPECT_EQ(view, kNobody);
  lead();
  happens(FrontGone{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, NobodyLeadsWhenTheJobHasEnded) {
  lead();
  happens(TreeGone{kWell});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, CandidateLeadsUntilItsJobIsStartedAgain) {
  policy.restarts = true;
  lead();
  happens(TreeGone{kWell});
  EXPECT_EQ(supervisor->phase(), Phase::kGranted);
  EXPECT_EQ(view, kUs);
  now = supervisor->wake_at();
  happens(Tick{});
  happens(JobStarted{});
  EXPECT_EQ(view, kUs);
  happens(TreeGone{kWell});
  receives(reset());
  EXPECT_EQ(view, kUs);
  happens(ResignRequested{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, CandidateLeadsWhileDescendantsOfAJobThatRestartsAreStopped) {
  policy.restarts = true;
  lead();
  happens(JobExited{});
  ASSERT_EQ(supervisor->phase(), Phase::kStopping);
  EXPECT_EQ(view, kUs);
  happens(ResignRequested{});
  EXPECT_EQ(view, kNobody);
  lead();
  happens(JobExited{});
  now += timeline.kill_after;
  happens(Tick{});
  ASSERT_EQ(supervisor->phase(), Phase::kKilling);
  EXPECT_EQ(view, kUs);
  happens(StopForwarded{});
  EXPECT_EQ(view, kNobody) << "it will not be started again";
  lead();
  happens(JobExited{});
  receives(Lost{kOther});
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, LeaderLeadsThroughTroubleUntilItsJobIsStopped) {
  lead();
  let_slip();
  EXPECT_EQ(view, kNoServer);
  EXPECT_EQ(now, Time(seconds(1000)) + seconds(7)) << "long before anyone else can lead";
  lead();
  receives(Failed{Trouble::kNotServing, {}, false, seconds(9)});
  receives(Failed{Trouble::kDenied, {}, false, {}});
  EXPECT_EQ(view, kUs);
}

TEST_F(ElectionTest, LeaderThatLostItsLeaseNamesTheNewHolder) {
  lead();
  receives(Lost{kOther});
  EXPECT_EQ(view, follower(kOther));
  for (const HolderId& holder : {HolderId{}, parked_for("web-2/x")}) {
    lead();
    receives(Lost{holder});
    EXPECT_EQ(view, kNobody);
  }
}

TEST_F(ElectionTest, OneFailureDoesNotChangeTheState) {
  follow();
  for (int i = 0; i < 3; ++i) {
    receives(reset());
    EXPECT_EQ(view, follower(kOther, Token{4}));
    receives(Busy{kOther, seconds(8), Token{4}});
    EXPECT_EQ(view, follower(kOther, Token{4}));
  }
  begin();
  receives(reset());
  EXPECT_EQ(view, Leadership{});
}

TEST_F(ElectionTest, SecondFailureInARowIsAnOutage) {
  follow();
  receives(reset());
  receives(reset());
  EXPECT_EQ(view, kNoServer);
  receives(reset());
  EXPECT_EQ(view, kNoServer);
  receives(Busy{kOther, seconds(8), Token{4}});
  EXPECT_EQ(view, follower(kOther, Token{4}));
}

TEST_F(ElectionTest, SilenceIsAnOutage) {
  follow();
  wait_for_request();
  EXPECT_EQ(view, follower(kOther, Token{4}));
  now = supervisor->wake_at();
  happens(Tick{});
  EXPECT_EQ(view, kNoServer);
}

TEST_F(ElectionTest, LongUnavailabilityIsAnOutage) {
  follow();
  receives(Failed{Trouble::kNotServing, "started 2 s ago", false, seconds(9)});
  EXPECT_EQ(view, kNoServer);
  follow();
  receives(Failed{Trouble::kNotServing, "LOADING", false, milliseconds(100)});
  EXPECT_EQ(view, follower(kOther, Token{4})) << "it is retried at once";
  receives(Failed{Trouble::kNotServing, "LOADING", false, milliseconds(100)});
  EXPECT_EQ(view, kNoServer);
}

TEST_F(ElectionTest, PermanentTroubleIsAnOutageAtOnce) {
  for (const Trouble trouble : {Trouble::kDenied, Trouble::kMisconfigured}) {
    follow();
    receives(Failed{trouble, {}, false, {}});
    EXPECT_EQ(view, kNoServer);
  }
}

TEST_F(ElectionTest, OutageEndsWhenTheLeaseIsRenewed) {
  lead();
  let_slip();
  receives(Renewed{});
  EXPECT_EQ(view, kNobody) << "the job is being stopped";
  happens(TreeGone{});
  receives(reset());
  receives(reset());
  EXPECT_EQ(view, kNoServer);
  receives(Released{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, NobodyLeadsAfterALateGrantIsHandedBack) {
  follow();
  wait_for_request();
  supervisor->step(Tick{}, now);
  now += seconds(6);  // not woken in between
  receives(Granted{Token{5}});
  receives(Released{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, NewHolderIsFollowedAtTheHint) {
  follow();
  learns_of(kThird);
  EXPECT_EQ(view, follower(kThird));
  receives(Busy{kThird, seconds(8), Token{6}});
  EXPECT_EQ(view, follower(kThird, Token{6}));
  begin();
  learns_of(kOther);
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, HolderWaitsForItsOwnRenewal) {
  lead();
  learns_of(kOther);
  EXPECT_EQ(view, kUs);
  happens(ResignRequested{});
  learns_of(kOther);
  EXPECT_EQ(view, kNobody) << "we still hold the key";
}

TEST_F(ElectionTest, HintOfItsOwnAcquisitionIsIgnored) {
  begin();
  learns_of(kOwn);
  EXPECT_EQ(view, Leadership{});
  follow();
  learns_of(kOwn);
  EXPECT_EQ(view, follower(kOther, Token{4}));
}

/// A key with several leases.
class SharedElectionTest : public ElectionTest {
 protected:
  SharedElectionTest() { policy.slots = 3; }
};

TEST_F(SharedElectionTest, ALeaderKnowsItsSlot) {
  begin();
  receives(Granted{Token{5}, 2});
  happens(JobStarted{});
  EXPECT_EQ(view, kUs);
  EXPECT_EQ(view.slot, 2U);
}

TEST_F(SharedElectionTest, OfSeveralHoldersNoneIsTheLeader) {
  begin();
  for (const HolderId& holder : {kOther, kThird, held_after(kOther), HolderId{}}) {
    receives(Busy{holder, seconds(8), Token{4}});
    EXPECT_EQ(view, follower(HolderId{}));
  }
}

TEST_F(SharedElectionTest, WhoTakesOrReleasesOneLeaseSaysNothingAboutTheOthers) {
  begin();
  learns_of(kOther);
  EXPECT_EQ(view, Leadership{});
  receives(Busy{kOther, seconds(8), Token{4}});
  // Before it asks, as when others are to try first.
  view = after_release(view, *supervisor, kOwn, HolderId{});
  EXPECT_EQ(view, follower(HolderId{}));
}

TEST_F(SharedElectionTest, WhoHasLostItsLeaseDoesNotKnowWhoLeads) {
  begin();
  receives(Granted{Token{5}, 2});
  happens(JobStarted{});
  receives(Lost{kOther});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, NewHolderIsFollowedThoughTheReleaseIsAnsweredLater) {
  lead();
  happens(ResignRequested{});
  happens(TreeGone{});
  learns_of(kOther);
  EXPECT_EQ(view, follower(kOther));
  receives(Released{});
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, HintDoesNotEndAnOutage) {
  follow();
  receives(reset());
  receives(reset());
  learns_of(kThird);
  EXPECT_EQ(view, kNoServer);
}

TEST_F(ElectionTest, CandidateThatCoolsDownLearnsWhoLeads) {
  begin();
  supervisor.emplace(timeline, policy, 7, kNever);
  happens(Tick{});
  learns_of(kOther);
  EXPECT_EQ(view, follower(kOther));
  happens(Hinted{});
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, CandidateThatCoolsDownLearnsThatTheLeaderHasReleased) {
  begin();
  supervisor.emplace(timeline, policy, 7, kNever);
  happens(Tick{});
  learns_of(kOther);
  learns_of_release_by(kThird);
  EXPECT_EQ(view, follower(kOther)) << "that was another lease";
  learns_of_release_by({});
  EXPECT_EQ(view, follower(kOther)) << "the hint does not say whose lease it was";
  learns_of_release_by(kOther);
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, CandidateThatTriesAtOnceWaitsForTheAnswer) {
  follow();
  learns_of_release_by(kOther);
  EXPECT_EQ(view.state, ElectionState::kFollower);
  lead();
  learns_of_release_by(kOwn);
  EXPECT_EQ(view, kUs);
}

TEST_F(ElectionTest, StateOutlivesTheTerm) {
  follow();
  receives(Failed{Trouble::kDenied, {}, false, {}});
  ASSERT_EQ(supervisor->phase(), Phase::kDone);
  supervisor.emplace(timeline, policy, 7, now + timeline.ttl);
  happens(Tick{});
  EXPECT_EQ(view, kNoServer) << "nothing else is known";
}

TEST(CoolDownTest, LastsATtlExceptAfterALostLease) {
  const Timeline timeline = Timeline::of(seconds(10));
  Backoff backoff(1);
  for (const Outcome outcome :
       {Outcome::kFollower, Outcome::kJoined, Outcome::kFailed, Outcome::kAborted,
        Outcome::kNotStarted, Outcome::kJobEnded, Outcome::kResigned, Outcome::kFrontGone}) {
    EXPECT_EQ(cool_down_after(outcome, timeline, backoff), seconds(10));
  }
}

TEST(CoolDownTest, IsShortAfterALostLeaseAndGrowsWithEachFurtherOne) {
  const Timeline timeline = Timeline::of(seconds(10));
  Backoff backoff(1);
  EXPECT_LE(cool_down_after(Outcome::kLost, timeline, backoff), timeline.retry_min);
  for (int i = 0; i < 20; ++i) cool_down_after(Outcome::kLost, timeline, backoff);
  const Duration longest = cool_down_after(Outcome::kLost, timeline, backoff);
  EXPECT_GE(longest, timeline.retry_max / 2);
  EXPECT_LE(longest, timeline.retry_max);
  cool_down_after(Outcome::kResigned, timeline, backoff);
  EXPECT_LE(cool_down_after(Outcome::kLost, timeline, backoff), timeline.retry_min);
}

}  // namespace
}  // namespace cluster_leader
