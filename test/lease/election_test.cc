// What an elector says about a key, a test for each sentence.
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
  return {Standing::kFollower, holder, token};
}
const Leadership kNobody{Standing::kNone, {}, {}};
const Leadership kNoServer{Standing::kDown, {}, {}};
const Leadership kUs{Standing::kLeader, kOwn, Token{5}};

class ElectionTest : public WaitingSupervisorTest {
 protected:
  ElectionTest() { policy.patience = kForever; }

  Leadership view;

  void begin() {
    view = {};
    stand();
    happens(Tick{});
  }

  void happens(const Event& event) {
    feed(event);
    view = after_step(view, *supervisor, kOwn);
  }

  void hears(const Answer& what) {
    if (!supervisor->state().in_flight) wait_for_request();
    answer(what);
    view = after_answer(view, *supervisor, kOwn, what);
  }

  void hears_of(const HolderId& taker, Token token = {}) {
    view = after_taken(view, *supervisor, kOwn, taker, token);
  }

  void hears_of_release_by(const HolderId& giver) {
    happens(Hinted{});
    view = after_given_back(view, *supervisor, kOwn, giver);
  }

  /// Turns the clock on until the next request is sent.
  void wait_for_request() {
    while (!supervisor->state().in_flight) {
      now = supervisor->wake_at();
      happens(Tick{});
    }
  }

  void follow() {
    begin();
    hears(Busy{kOther, seconds(8), Token{4}});
    ASSERT_EQ(view, follower(kOther, Token{4}));
  }

  void lead() {
    begin();
    hears(Granted{Token{5}});
    happens(JobStarted{});
    ASSERT_EQ(view, kUs);
  }

  /// Lets all renewals time out until the job is told to stop.
  void let_slip() {
    while (supervisor->phase() == Phase::kRunning) {
      EXPECT_EQ(view, kUs);
      now = supervisor->wake_at();
      happens(Tick{});
    }
  }
};

TEST_F(ElectionTest, NothingIsSaidBeforeTheFirstAnswer) {
  begin();
  EXPECT_EQ(view, Leadership{});
}

TEST_F(ElectionTest, LeaderIsWhoseJobRuns) {
  begin();
  hears(Granted{Token{5}});
  EXPECT_EQ(view.standing, Standing::kUnknown) << "the job is not there yet";
  happens(JobStarted{});
  EXPECT_EQ(view, kUs);
  hears(Renewed{});
  EXPECT_EQ(view, kUs);
}

TEST_F(ElectionTest, JobThatCouldNotBeStartedLeavesNobody) {
  follow();
  hears(Granted{Token{5}});
  happens(StartFailed{});
  hears(Released{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, FollowerNamesTheHolder) {
  follow();
  hears(Busy{kThird, seconds(8), Token{6}});
  EXPECT_EQ(view, follower(kThird, Token{6}));
}

TEST_F(ElectionTest, TokenOfAHolderIsNotForgotten) {
  follow();
  hears(Busy{kOther, seconds(8), {}});
  EXPECT_EQ(view, follower(kOther, Token{4}));
  hears_of(kOther);
  EXPECT_EQ(view, follower(kOther, Token{4}));
}

TEST_F(ElectionTest, NobodyLeadsAKeyThatIsParkedOrHeldOrTaken) {
  for (const HolderId& holder : {HolderId{}, parked_for("web-2/x"), held_after(kOther)}) {
    follow();
    hears(Busy{holder, seconds(8), Token{4}});
    EXPECT_EQ(view, kNobody) << holder.value;
  }
  follow();
  hears(Done{{0, 1, 2}, "web-2", Token{4}});
  EXPECT_EQ(view, kNobody) << "a run that ended well forbids another";
}

TEST_F(ElectionTest, NobodyLeadsFromTheMomentTheJobIsToldToStop) {
  lead();
  happens(ResignAsked{});
  EXPECT_EQ(view, kNobody);
  hears(Renewed{});
  EXPECT_EQ(view, kNobody);
  happens(TreeGone{});
  hears(Released{});
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

TEST_F(ElectionTest, JobThatIsToBeStartedAgainStillLeads) {
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
  hears(reset());
  EXPECT_EQ(view, kUs);
  happens(ResignAsked{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, WhatAJobLeavesBehindThatIsToBeStartedAgainChangesNothing) {
  policy.restarts = true;
  lead();
  happens(JobExited{});
  ASSERT_EQ(supervisor->phase(), Phase::kStopping);
  EXPECT_EQ(view, kUs);
  happens(ResignAsked{});
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
  hears(Lost{kOther});
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, TroubleChangesNothingForALeaderUntilItsJobIsStopped) {
  lead();
  let_slip();
  EXPECT_EQ(view, kNoServer);
  EXPECT_EQ(now, Time(seconds(1000)) + seconds(7)) << "long before anybody else can lead";
  lead();
  hears(Failed{Trouble::kNotServing, {}, false, seconds(9)});
  hears(Failed{Trouble::kDenied, {}, false, {}});
  EXPECT_EQ(view, kUs);
}

TEST_F(ElectionTest, LeaderThatLostItsLeaseNamesWhoeverHasIt) {
  lead();
  hears(Lost{kOther});
  EXPECT_EQ(view, follower(kOther));
  for (const HolderId& holder : {HolderId{}, parked_for("web-2/x")}) {
    lead();
    hears(Lost{holder});
    EXPECT_EQ(view, kNobody);
  }
}

TEST_F(ElectionTest, OneFailureIsNoChangeOfState) {
  follow();
  for (int i = 0; i < 3; ++i) {
    hears(reset());
    EXPECT_EQ(view, follower(kOther, Token{4}));
    hears(Busy{kOther, seconds(8), Token{4}});
    EXPECT_EQ(view, follower(kOther, Token{4}));
  }
  begin();
  hears(reset());
  EXPECT_EQ(view, Leadership{});
}

TEST_F(ElectionTest, SecondFailureInARowIsAnOutage) {
  follow();
  hears(reset());
  hears(reset());
  EXPECT_EQ(view, kNoServer);
  hears(reset());
  EXPECT_EQ(view, kNoServer);
  hears(Busy{kOther, seconds(8), Token{4}});
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

TEST_F(ElectionTest, ServerThatCannotTellForLongIsAnOutage) {
  follow();
  hears(Failed{Trouble::kNotServing, "started 2 s ago", false, seconds(9)});
  EXPECT_EQ(view, kNoServer);
  follow();
  hears(Failed{Trouble::kNotServing, "LOADING", false, milliseconds(100)});
  EXPECT_EQ(view, follower(kOther, Token{4})) << "it is asked again at once";
  hears(Failed{Trouble::kNotServing, "LOADING", false, milliseconds(100)});
  EXPECT_EQ(view, kNoServer);
}

TEST_F(ElectionTest, TroubleThatDoesNotMendIsAnOutageAtOnce) {
  for (const Trouble trouble : {Trouble::kDenied, Trouble::kMisconfigured}) {
    follow();
    hears(Failed{trouble, {}, false, {}});
    EXPECT_EQ(view, kNoServer);
  }
}

TEST_F(ElectionTest, OutageIsOverWhenTheLeaseIsOursAgain) {
  lead();
  let_slip();
  hears(Renewed{});
  EXPECT_EQ(view, kNobody) << "the job is being stopped";
  happens(TreeGone{});
  hears(reset());
  hears(reset());
  EXPECT_EQ(view, kNoServer);
  hears(Released{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, LateGrantThatIsHandedBackLeavesNobody) {
  follow();
  wait_for_request();
  supervisor->step(Tick{}, now);
  now += seconds(6);  // nobody woke us in between
  hears(Granted{Token{5}});
  hears(Released{});
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, TakerIsFollowedBeforeAnybodyAsks) {
  follow();
  hears_of(kThird);
  EXPECT_EQ(view, follower(kThird));
  hears(Busy{kThird, seconds(8), Token{6}});
  EXPECT_EQ(view, follower(kThird, Token{6}));
  begin();
  hears_of(kOther);
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, WhoeverHasTheLeaseWaitsForItsOwnRenewal) {
  lead();
  hears_of(kOther);
  EXPECT_EQ(view, kUs);
  happens(ResignAsked{});
  hears_of(kOther);
  EXPECT_EQ(view, kNobody) << "the key is still ours";
}

TEST_F(ElectionTest, OwnAcquisitionIsNobodyElses) {
  begin();
  hears_of(kOwn);
  EXPECT_EQ(view, Leadership{});
  follow();
  hears_of(kOwn);
  EXPECT_EQ(view, follower(kOther, Token{4}));
}

TEST_F(ElectionTest, TakerThatWasFasterThanTheAnswerToARelease) {
  lead();
  happens(ResignAsked{});
  happens(TreeGone{});
  hears_of(kOther);
  EXPECT_EQ(view, follower(kOther));
  hears(Released{});
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, HintIsNoProofThatTheServerIsBack) {
  follow();
  hears(reset());
  hears(reset());
  hears_of(kThird);
  EXPECT_EQ(view, kNoServer);
}

TEST_F(ElectionTest, RestingCandidateHearsWhoLeads) {
  begin();
  supervisor.emplace(timeline, policy, 7, kNever);
  happens(Tick{});
  hears_of(kOther);
  EXPECT_EQ(view, follower(kOther));
  happens(Hinted{});
  EXPECT_EQ(view, follower(kOther));
}

TEST_F(ElectionTest, RestingCandidateHearsThatTheLeaderHasGone) {
  begin();
  supervisor.emplace(timeline, policy, 7, kNever);
  happens(Tick{});
  hears_of(kOther);
  hears_of_release_by(kThird);
  EXPECT_EQ(view, follower(kOther)) << "that was another lease";
  hears_of_release_by({});
  EXPECT_EQ(view, follower(kOther)) << "whose it was is not known";
  hears_of_release_by(kOther);
  EXPECT_EQ(view, kNobody);
}

TEST_F(ElectionTest, CandidateThatAsksAtOnceWaitsForTheAnswer) {
  follow();
  hears_of_release_by(kOther);
  EXPECT_EQ(view.standing, Standing::kFollower);
  lead();
  hears_of_release_by(kOwn);
  EXPECT_EQ(view, kUs);
}

TEST_F(ElectionTest, WhatWasSaidOutlivesTheTerm) {
  follow();
  hears(Failed{Trouble::kDenied, {}, false, {}});
  ASSERT_EQ(supervisor->phase(), Phase::kDone);
  supervisor.emplace(timeline, policy, 7, now + timeline.ttl);
  happens(Tick{});
  EXPECT_EQ(view, kNoServer) << "nobody has said otherwise";
}

TEST(RestTest, IsATtlAfterEveryTermButALostOne) {
  const Timeline timeline = Timeline::of(seconds(10));
  Backoff backoff(1);
  for (const Outcome outcome :
       {Outcome::kFollower, Outcome::kJoined, Outcome::kFailed, Outcome::kAborted,
        Outcome::kNotStarted, Outcome::kJobEnded, Outcome::kResigned, Outcome::kFrontGone}) {
    EXPECT_EQ(rest_after(outcome, timeline, backoff), seconds(10));
  }
}

TEST(RestTest, IsShortAfterALossAndLongerAfterEachFurtherOne) {
  const Timeline timeline = Timeline::of(seconds(10));
  Backoff backoff(1);
  EXPECT_LE(rest_after(Outcome::kLost, timeline, backoff), timeline.retry_min);
  for (int i = 0; i < 20; ++i) rest_after(Outcome::kLost, timeline, backoff);
  const Duration longest = rest_after(Outcome::kLost, timeline, backoff);
  EXPECT_GE(longest, timeline.retry_max / 2);
  EXPECT_LE(longest, timeline.retry_max);
  rest_after(Outcome::kResigned, timeline, backoff);
  EXPECT_LE(rest_after(Outcome::kLost, timeline, backoff), timeline.retry_min);
}

}  // namespace
}  // namespace cluster_leader
