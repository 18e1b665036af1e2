// The rules of one lease, one test for each sentence, on a clock that the test moves.
#include "lease/supervisor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lease/supervisor_fixture.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(SupervisorTest, UncontendedRunIsOneAcquireAndOneRelease) {
  campaign();
  answer(Granted{Token{5}});
  EXPECT_EQ(supervisor->token(), Token{5});
  feed(JobStarted{});
  feed(TreeGone{kWell});
  answer(Released{});
  EXPECT_EQ(take_did(), "aJf.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
  EXPECT_EQ(supervisor->wake_at(), kNever);
}

TEST_F(SupervisorTest, LeaseCountsFromBeforeTheRequestWasSent) {
  campaign();
  const Time sent_at = now;
  now += milliseconds(900);
  answer(Granted{Token{5}});
  EXPECT_EQ(supervisor->kill_at(), sent_at + seconds(9));
  feed(JobStarted{});
  take_did();
  pass(sent_at + seconds(2) - now);
  EXPECT_EQ(take_did(), "r") << "the first renewal is a heartbeat after the acquire was sent";
  now += milliseconds(300);
  answer(Renewed{});
  EXPECT_EQ(supervisor->kill_at(), sent_at + seconds(2) + seconds(9));
}

TEST_F(SupervisorTest, RenewsEveryHeartbeat) {
  run_job();
  for (int i = 0; i < 20; ++i) {
    pass(seconds(2));
    ASSERT_EQ(take_did(), "r");
    answer(Renewed{});
  }
}

TEST_F(SupervisorTest, StopsThenKillsTheJobBeforeTheLeaseExpires) {
  run_job();
  const Time sent_at = now;
  pass(seconds(7) - milliseconds(1));
  EXPECT_EQ(take_did().find_first_of("TK"), std::string::npos);
  pass(milliseconds(1));
  EXPECT_NE(take_did().find('T'), std::string::npos);
  pass(seconds(2) - milliseconds(1));
  EXPECT_EQ(take_did().find('K'), std::string::npos);
  pass(milliseconds(1));
  EXPECT_NE(take_did().find('K'), std::string::npos);
  EXPECT_EQ(now, sent_at + timeline.ttl - timeline.margin);
  feed(TreeGone{kWell});
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(SupervisorTest, SeveralRetriesFitBeforeTheJobIsStopped) {
  run_job();
  pass(seconds(7));
  const std::string done = take_did();
  EXPECT_GE(std::count(done.begin(), done.end(), 'r'), 3) << done;
  EXPECT_EQ(std::count(done.begin(), done.end(), 'r'),
            std::count(done.begin(), done.end(), 'c') + 1);
}

TEST_F(SupervisorTest, OneAnsweredRenewalOfManyIsEnough) {
  run_job();
  pass(seconds(6));
  ASSERT_TRUE(supervisor->state().in_flight);
  const Time sent_at = supervisor->state().in_flight->sent_at;
  answer(Renewed{});
  take_did();
  EXPECT_EQ(supervisor->kill_at(), sent_at + seconds(9));
  EXPECT_EQ(supervisor->phase(), Phase::kRunning);
}

TEST_F(SupervisorTest, RenewalAfterTheStopSignalKeepsTheKeyButNotTheJob) {
  run_job();
  pass(seconds(7));
  const Time stopped_at = now;
  while (!supervisor->state().in_flight) pass(milliseconds(10));
  answer(Renewed{});
  take_did();
  EXPECT_EQ(supervisor->phase(), Phase::kStopping);
  EXPECT_EQ(supervisor->kill_at(), stopped_at + timeline.kill_after);
  pass(timeline.kill_after);
  EXPECT_NE(take_did().find('K'), std::string::npos);
  feed(TreeGone{kWell});
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(SupervisorTest, KillDeadlineWinsOverAnAnswerInTheSameTurn) {
  run_job();
  pass(seconds(2));
  take_did();
  now += seconds(7);  // the process was stopped for that long
  answer(Renewed{});
  EXPECT_EQ(take_did()[0], 'K');
}

TEST_F(SupervisorTest, LostLeaseKillsTheJobAtOnce) {
  run_job();
  pass(seconds(2));
  take_did();
  answer(Lost{{"web-2/1"}});
  EXPECT_EQ(take_did(), "K");
  pass(seconds(60));
  EXPECT_EQ(take_did(), "") << "a lost lease is not renewed";
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), ".") << "a lost lease is not released";
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(SupervisorTest, AnswerToAnEarlierRequestIsIgnored) {
  run_job();
  pass(seconds(2));
  const std::uint64_t first = supervisor->state().last_attempt;
  pass(seconds(2));
  ASSERT_GT(supervisor->state().last_attempt, first);
  const auto before = supervisor->state();
  feed(Answered{first, Renewed{}});
  EXPECT_EQ(supervisor->state(), before);
  feed(Answered{first, Lost{}});
  EXPECT_EQ(supervisor->state(), before);
}

TEST_F(SupervisorTest, ErrorDoesNotRenewTheLease) {
  run_job();
  pass(seconds(2));
  const Time kill_at = supervisor->kill_at();
  answer(Failed{Trouble::kNotServing, "LOADING", false, milliseconds(200)});
  EXPECT_EQ(supervisor->kill_at(), kill_at);
  EXPECT_EQ(supervisor->phase(), Phase::kRunning);
  take_did();
  pass(milliseconds(501));
  EXPECT_EQ(take_did(), "r");
  answer(Failed{Trouble::kDenied, "NOAUTH", false, {}});
  EXPECT_EQ(supervisor->phase(), Phase::kRunning) << "a holder keeps running until its deadline";
}

TEST_F(SupervisorTest, ReleasesOnlyWhenTheWholeJobIsDead) {
  run_job();
  feed(JobExited{});
  EXPECT_EQ(take_did(), "T") << "descendants that outlive the main process are stopped";
  pass(timeline.kill_after);
  EXPECT_EQ(take_did(), "Kr");
  pass(seconds(1));
  EXPECT_EQ(take_did().find('f'), std::string::npos);
  if (supervisor->state().in_flight) answer(Renewed{});
  take_did();
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), "f");
  answer(Released{});
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
}

TEST_F(SupervisorTest, ReleaseWaitsForARenewalInFlight) {
  run_job();
  pass(seconds(2));
  take_did();
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), "");
  answer(Renewed{});
  EXPECT_EQ(take_did(), "f");
}

TEST_F(SupervisorTest, ReleaseIsRetriedAndThenLeftToTheTtl) {
  run_job();
  feed(TreeGone{kWell});
  answer(Failed{Trouble::kUnreachable, "reset", true, {}});
  pass(seconds(1));
  EXPECT_EQ(take_did(), "ff");
  pass(seconds(1));
  const std::string done = take_did();
  EXPECT_EQ(done.substr(done.size() - 2), "c.") << "a plain release would free the key too early";
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
}

TEST_F(SupervisorTest, DeniedReleaseIsNotRetried) {
  run_job();
  feed(TreeGone{kWell});
  answer(Failed{Trouble::kDenied, "NOPERM", false, {}});
  EXPECT_EQ(take_did(), "f.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
}

TEST_F(SupervisorTest, FollowerSendsOneAcquireOnly) {
  campaign();
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  EXPECT_EQ(take_did(), "a.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(SupervisorTest, UnansweredAcquireIsReleased) {
  campaign();
  answer(Failed{Trouble::kUnreachable, "reset", true, {}});
  pass(milliseconds(11));
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  EXPECT_EQ(take_did(), "aaA.");
}

TEST_F(SupervisorTest, SilentServerFailsWithinTheConnectTimeoutAndTheAcquireIsReleased) {
  campaign();
  pass(timeline.connect);
  EXPECT_EQ(take_did(), "aA.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
  EXPECT_EQ(supervisor->trouble(), Trouble::kUnreachable);
}

TEST_F(SupervisorTest, RefusedConnectionIsRetriedForTheConnectTimeout) {
  campaign();
  const Time began = now;
  while (supervisor->phase() == Phase::kCandidate) {
    if (supervisor->state().in_flight) answer(Failed{Trouble::kUnreachable, "refused", false, {}});
    pass(milliseconds(1));
  }
  const std::string done = take_did();
  EXPECT_GE(std::count(done.begin(), done.end(), 'a'), 4);
  EXPECT_EQ(done.find('A'), std::string::npos) << "nothing was sent that must be released";
  EXPECT_LE(now - began, timeline.connect + milliseconds(1));
}

TEST_F(SupervisorTest, WrongPasswordIsNotRetried) {
  for (const Trouble trouble : {Trouble::kDenied, Trouble::kMisconfigured}) {
    campaign();
    answer(Failed{trouble, "", false, {}});
    EXPECT_EQ(take_did(), "a.");
    EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
    EXPECT_EQ(supervisor->trouble(), trouble);
  }
}

TEST_F(SupervisorTest, WaitBeyondPatienceEndsAtOnce) {
  campaign();
  answer(Young{seconds(2), seconds(9)});
  EXPECT_EQ(take_did(), "a.");
  EXPECT_EQ(supervisor->trouble(), Trouble::kNotServing);
}

TEST_F(WaitingSupervisorTest, RetriesWhenTheLeaseMayHaveExpired) {
  campaign();
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  take_did();
  pass(seconds(8) - milliseconds(1));
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "a");
}

TEST_F(WaitingSupervisorTest, RetriesAtAHint) {
  campaign();
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  take_did();
  feed(Hinted{});
  EXPECT_EQ(take_did(), "a");
}

TEST_F(WaitingSupervisorTest, HintBeforeTheAnswerCausesARetry) {
  campaign();
  feed(Hinted{});
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  EXPECT_EQ(take_did(), "aa");
  answer(Busy{{"web-3/1"}, seconds(8), {}});
  EXPECT_EQ(take_did(), "") << "one hint causes one request";
}

TEST_F(WaitingSupervisorTest, AHintForALaterTurnIsTriedThen) {
  campaign();
  answer(Busy{.holder = {"web-2/1"}, .retry_after = seconds(8), .place = 2});
  take_did();
  feed(Hinted{seconds(1)});
  EXPECT_EQ(take_did(), "");
  pass(seconds(1));
  EXPECT_EQ(take_did(), "a");
  // While a request is in flight, the turn is not forgotten.
  feed(Hinted{seconds(2)});
  answer(Busy{.holder = {"web-3/1"}, .retry_after = seconds(8), .place = 2});
  pass(seconds(2) - milliseconds(1));
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "a");
}

TEST_F(WaitingSupervisorTest, LeavesTheQueueWhenItGivesUp) {
  campaign();
  answer(Busy{.holder = {"web-2/1"}, .retry_after = seconds(8), .place = 3});
  take_did();
  feed(AbortRequested{});
  EXPECT_EQ(take_did(), "L.");
}

TEST_F(WaitingSupervisorTest, LeavesNoQueueInWhichItHasNoPlace) {
  campaign();
  answer(Busy{.holder = {"web-2/1"}, .retry_after = seconds(8), .place = 3});
  pass(seconds(8));
  answer(Done{});
  EXPECT_EQ(take_did(), "aa.");
}

TEST_F(WaitingSupervisorTest, RetriesOnceMoreBeforePatienceEnds) {
  campaign();
  answer(Busy{{"web-2/1"}, std::chrono::hours(1), {}});
  take_did();
  pass(seconds(60) - timeline.attempt - milliseconds(1));
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "a");
  answer(Busy{{"web-2/1"}, std::chrono::hours(1), {}});
  pass(timeline.attempt);
  EXPECT_EQ(take_did(), ".");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(WaitingSupervisorTest, IsAFollowerWhenPatienceEnds) {
  campaign();
  for (int i = 0; i < 7; ++i) {
    answer(Busy{{"web-2/1"}, seconds(9), {}});
    pass(seconds(9));
  }
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(WaitingSupervisorTest, PatienceWithABusyKeyMayBeShorterThanWithTheServer) {
  policy.busy_patience = milliseconds(300);
  campaign();
  pass(milliseconds(299));
  EXPECT_EQ(supervisor->phase(), Phase::kCandidate) << "the server may still answer";
  pass(milliseconds(200));
  EXPECT_EQ(take_did(), "a");
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  EXPECT_EQ(take_did(), ".");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(WaitingSupervisorTest, PatienceWithABusyKeyCountsFromTheBeginning) {
  policy.busy_patience = milliseconds(300);
  campaign();
  pass(milliseconds(100));
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  pass(milliseconds(199));
  EXPECT_EQ(supervisor->phase(), Phase::kCandidate);
  pass(milliseconds(1));
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(WaitingSupervisorTest, ReportsTheTroubleWhenPatienceEndsWithoutAServer) {
  campaign();
  answer(Busy{{"web-2/1"}, seconds(9), {}});
  pass(seconds(60));
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
  EXPECT_EQ(supervisor->trouble(), Trouble::kUnreachable);
}

TEST_F(WaitingSupervisorTest, OutlastsAYoungServer) {
  campaign();
  answer(Young{seconds(2), seconds(9)});
  EXPECT_EQ(supervisor->contact(), Contact::kNone);
  take_did();
  pass(seconds(9));
  EXPECT_EQ(take_did(), "a");
}

TEST_F(SupervisorTest, WaitsForAYoungServerForAsLongAsItMayAndThenForNobody) {
  policy.young_patience = seconds(120);
  campaign();
  answer(Young{seconds(2), seconds(119)});
  EXPECT_EQ(supervisor->phase(), Phase::kCandidate);
  take_did();
  pass(seconds(118));
  EXPECT_EQ(take_did(), "");
  pass(seconds(1));
  EXPECT_EQ(take_did(), "a");
  answer(Busy{{"somebody"}, seconds(3), {}});
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(SupervisorTest, AFreeKeyOfOthersInLineIsAskedForAgainSinceTheyMayBeDead) {
  policy.young_patience = seconds(120);
  campaign();
  take_did();
  answer(Busy{.holder = {}, .retry_after = seconds(3), .is_free = true});
  EXPECT_EQ(supervisor->outcome(), Outcome::kNone);
  pass(seconds(1));
  EXPECT_EQ(take_did(), "a");
  answer(Busy{.holder = {}, .retry_after = seconds(2), .is_free = true});
  pass(seconds(1));
  EXPECT_EQ(take_did(), "a");
  answer(Busy{{"somebody"}, seconds(3), {}});
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(SupervisorTest, WhoeverDoesNotWaitIsAFollowerOfThoseInLine) {
  campaign();
  answer(Busy{.holder = {}, .retry_after = seconds(1), .is_free = true});
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(SupervisorTest, WhoeverDoesNotWaitDoesNotWaitForAYoungServerEither) {
  campaign();
  answer(Young{seconds(10), seconds(1)});
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
}

TEST_F(WaitingSupervisorTest, WhoeverNoLongerCampaignsDoesNotWaitForAYoungServer) {
  campaign();
  answer(Young{seconds(2), seconds(9)});
  EXPECT_TRUE(supervisor->is_server_young());
  feed(ResignRequested{});
  EXPECT_EQ(supervisor->phase(), Phase::kDone);
  EXPECT_FALSE(supervisor->is_server_young());
  EXPECT_EQ(supervisor->contact(), Contact::kAnswered);
}

TEST_F(SupervisorTest, AServerThatIsTooYoungForItsPatienceEndsTheTermAtOnce) {
  policy.young_patience = seconds(120);
  campaign();
  answer(Young{seconds(2), seconds(120)});
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
  EXPECT_EQ(supervisor->trouble(), Trouble::kNotServing);
  EXPECT_TRUE(supervisor->is_server_young());
}

TEST_F(SupervisorTest, AServerThatDiesWhileItIsYoungIsGivenUpOnceItHadTime) {
  policy.young_patience = seconds(120);
  campaign();
  answer(Young{seconds(2), seconds(9)});
  pass(seconds(9));
  answer(Failed{Trouble::kUnreachable, "refused", false, {}});
  pass(timeline.connect);
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
  EXPECT_EQ(supervisor->trouble(), Trouble::kUnreachable);
}

TEST_F(WaitingSupervisorTest, RetriesAYoungServerAtAHint) {
  campaign();
  answer(Young{seconds(2), seconds(9)});
  pass(seconds(1));
  take_did();
  feed(Hinted{});
  EXPECT_EQ(take_did(), "a");
  // A hint that comes before the answer may be newer than the answer.
  feed(Hinted{});
  answer(Young{seconds(3), seconds(8)});
  EXPECT_EQ(take_did(), "a");
  // A failure ends that.
  answer(Failed{Trouble::kUnreachable, "broke", true, {}});
  feed(Hinted{});
  EXPECT_EQ(take_did(), "");
}

TEST_F(WaitingSupervisorTest, WaitsWithoutALimitOnRequest) {
  policy.patience = kForever;
  campaign();
  for (int i = 0; i < 1000; ++i) {
    answer(Busy{{"web-2/1"}, std::chrono::hours(24), {}});
    pass(std::chrono::hours(24));
  }
  EXPECT_EQ(supervisor->phase(), Phase::kCandidate);
}

TEST_F(SupervisorTest, AbortBeforeTheAnswerReleasesTheAcquire) {
  campaign();
  feed(AbortRequested{});
  EXPECT_EQ(take_did(), "aA.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kAborted);
}

TEST_F(WaitingSupervisorTest, AbortWhileWaitingReleasesNothing) {
  campaign();
  answer(Busy{{"web-2/1"}, seconds(8), {}});
  feed(AbortRequested{});
  EXPECT_EQ(take_did(), "a.");
}

TEST_F(SupervisorTest, AbortBetweenGrantAndStartReleases) {
  campaign();
  answer(Granted{Token{5}});
  feed(AbortRequested{});
  answer(Released{});
  EXPECT_EQ(take_did(), "aJx.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kAborted);
}

TEST_F(SupervisorTest, JobThatCannotBeStartedReleases) {
  campaign();
  answer(Granted{Token{5}});
  feed(StartFailed{});
  answer(Released{});
  EXPECT_EQ(take_did(), "aJx.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kNotStarted);
}

TEST_F(SupervisorTest, GrantThatComesTooLateForAJobIsHandedBack) {
  policy.patience = seconds(30);
  campaign();
  supervisor->step(Tick{}, now);
  now += seconds(6);  // not woken in between
  answer(Granted{Token{5}});
  EXPECT_EQ(take_did(), "ax");
  answer(Released{});
  pass(milliseconds(11));
  EXPECT_EQ(take_did(), "Na") << "a copy of the release may still arrive";
}

TEST_F(SupervisorTest, RequestsForALeaseNameItsSlot) {
  policy.slots = 3;
  campaign();
  answer(Granted{Token{5}, 2});
  EXPECT_EQ(supervisor->slot(), 2U);
  feed(JobStarted{});
  pass(seconds(2));
  EXPECT_EQ(last_request.kind, RequestKind::kRenew);
  EXPECT_EQ(last_request.slot, 2U);
  answer(Renewed{});
  feed(TreeGone{kWell});
  EXPECT_EQ(last_request.kind, RequestKind::kFinish);
  EXPECT_EQ(last_request.slot, 2U);
}

TEST_F(SupervisorTest, TheSlotIsThatOfTheLastGrant) {
  policy.slots = 3;
  policy.patience = seconds(30);
  campaign();
  now += seconds(6);  // too late for a job
  answer(Granted{Token{5}, 2});
  EXPECT_EQ(last_request.kind, RequestKind::kRelease);
  EXPECT_EQ(last_request.slot, 2U);
  answer(Released{});
  pass(milliseconds(11));
  answer(Granted{Token{6}, 0});
  feed(StartFailed{});
  EXPECT_EQ(last_request.kind, RequestKind::kRelease);
  EXPECT_EQ(last_request.slot, 0U);
}

TEST_F(SupervisorTest, UnansweredReleaseIsRetriedUnderTheSameId) {
  policy.patience = seconds(30);
  campaign();
  now += seconds(6);
  answer(Granted{Token{5}});
  take_did();
  answer(Failed{Trouble::kUnreachable, "broke", true, {}});
  pass(milliseconds(11));
  EXPECT_EQ(take_did(), "x");
  answer(Released{});
  pass(milliseconds(11));
  EXPECT_EQ(take_did(), "Na");
}

TEST_F(SupervisorTest, AcquireWithALostAnswerIsRetriedUnderTheSameId) {
  campaign();
  answer(Failed{Trouble::kUnreachable, "broke", true, {}});
  pass(milliseconds(11));
  EXPECT_EQ(take_did(), "aa");
}

TEST_F(SupervisorTest, SpentIdIsNotUsedAgain) {
  campaign();
  answer(Failed{Trouble::kUnreachable, "broke", true, {}, /*id_spent=*/true});
  pass(milliseconds(11));
  EXPECT_EQ(take_did(), "aNa");
}

TEST_F(SupervisorTest, RequestsOfALaterTermHaveLaterNumbers) {
  campaign();
  const std::uint64_t first = last_request.attempt;
  feed(AbortRequested{});
  const Supervisor earlier = *supervisor;
  supervisor.emplace(timeline, policy, 7, now);
  supervisor->continue_numbers_of(earlier);
  EXPECT_FALSE(supervisor->has_asked());
  feed(Tick{});
  EXPECT_TRUE(supervisor->has_asked());
  EXPECT_GT(last_request.attempt, first);
}

TEST_F(WaitingSupervisorTest, JobIsNotStartedTooLateAndTheCandidateCampaignsAgain) {
  campaign();
  answer(Granted{Token{5}});
  now += seconds(6);
  feed(Tick{});
  EXPECT_EQ(take_did(), "aJx");
  EXPECT_EQ(supervisor->phase(), Phase::kCandidate);
  answer(Released{});
  pass(milliseconds(11));
  answer(Granted{Token{6}});
  EXPECT_EQ(take_did(), "NaJ");
}

TEST_F(SupervisorTest, JobWithASlowStartKeepsRunningIfThereIsTime) {
  campaign();
  answer(Granted{Token{5}});
  feed(Tick{});
  take_did();
  now += milliseconds(6500);  // after the last time to start, before the stop
  feed(JobStarted{});
  EXPECT_EQ(take_did(), "r");
  EXPECT_EQ(supervisor->phase(), Phase::kRunning);
  answer(Renewed{});
  pass(seconds(1));
  EXPECT_EQ(take_did(), "");
}

TEST_F(SupervisorTest, JobWhoseStartOutlastsTheLeaseIsKilledAtOnce) {
  campaign();
  answer(Granted{Token{5}});
  feed(Tick{});
  take_did();
  now += milliseconds(9500);
  feed(JobStarted{});
  EXPECT_EQ(take_did()[0], 'K');
  feed(TreeGone{kWell});
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(SupervisorTest, LateFailureToStartReleasesToo) {
  campaign();
  answer(Granted{Token{5}});
  feed(Tick{});
  take_did();
  now += seconds(8);
  feed(StartFailed{});
  EXPECT_EQ(take_did(), "x");
  EXPECT_EQ(supervisor->outcome(), Outcome::kNotStarted);
}

TEST_F(SupervisorTest, JobIsNotStartedTooLateAndTheTermEndsWithoutPatience) {
  campaign();
  answer(Granted{Token{5}});
  now += seconds(6);
  feed(Tick{});
  EXPECT_EQ(take_did(), "aJA.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
}

TEST_F(SupervisorTest, ForwardedStopSetsNoDeadline) {
  run_job();
  feed(StopForwarded{});
  for (int i = 0; i < 10; ++i) {
    pass(seconds(2));
    answer(Renewed{});
  }
  EXPECT_EQ(take_did(), "rrrrrrrrrr");
}

TEST_F(SupervisorTest, ForwardedStopIsFollowedByAKillIfKillAfterIsSet) {
  policy.kill_after_forwarded = true;
  run_job();
  feed(StopForwarded{});
  pass(timeline.kill_after - milliseconds(1));
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "Kr");
  feed(TreeGone{kWell});
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded) << "the job's own status counts";
}

TEST_F(SupervisorTest, DeathOfTheFrontKillsAtOnceAndReleases) {
  run_job();
  feed(FrontGone{});
  EXPECT_EQ(take_did(), "K");
  feed(TreeGone{kWell});
  answer(Released{});
  EXPECT_EQ(take_did(), "f.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFrontGone);
}

TEST_F(SupervisorTest, ResultOfAJobThatEndedByItselfIsStored) {
  run_job();
  feed(TreeGone{RunResult{3, 100, 200}});
  EXPECT_EQ(last_request.kind, RequestKind::kFinish);
  EXPECT_EQ(last_request.result, (RunResult{3, 100, 200}));
  EXPECT_EQ(last_request.token, Token{5});
}

TEST_F(SupervisorTest, JobThatWasToldToEndHasNoResult) {
  const Event reasons[] = {StopForwarded{}, FrontGone{}};
  for (const Event& reason : reasons) {
    run_job();
    feed(reason);
    feed(TreeGone{RunResult{143, 100, 200}});
    EXPECT_EQ(last_request.kind, RequestKind::kFinish) << "for its hold";
    EXPECT_EQ(last_request.result, std::nullopt);
    EXPECT_EQ(last_request.stopped, (RunResult{143, 100, 200})) << "for people";
    take_did();
  }
  run_job();
  pass(seconds(7));  // the lease is not renewed
  while (supervisor->state().in_flight) pass(milliseconds(1));
  feed(TreeGone{RunResult{0, 100, 200}});
  EXPECT_EQ(last_request.kind, RequestKind::kFinish);
  EXPECT_EQ(last_request.result, std::nullopt);
}

TEST_F(SupervisorTest, FailedExecutionIsOnlyReleased) {
  run_job();
  feed(TreeGone{});
  EXPECT_EQ(last_request.kind, RequestKind::kRelease);
}

TEST_F(SupervisorTest, FollowsWhenARecentSuccessForbidsAnotherRun) {
  campaign();
  answer(Done{{0, 100, 200}, "web-2", Token{4}});
  EXPECT_EQ(take_did(), "a.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

class JoiningSupervisorTest : public SupervisorTest {
 protected:
  JoiningSupervisorTest() {
    policy.patience = seconds(60);
    policy.busy_patience = kForever;
    policy.join = true;
  }
};

TEST_F(JoiningSupervisorTest, WaitsForTheResultOfTheFirstRunThatItSaw) {
  campaign();
  EXPECT_EQ(last_request.awaited, Token{});
  answer(Busy{{"web-2/1"}, seconds(8), Token{4}});
  feed(Hinted{});
  EXPECT_EQ(last_request.awaited, Token{4});
  answer(Busy{{"web-3/1"}, seconds(8), Token{9}});
  feed(Hinted{});
  EXPECT_EQ(last_request.awaited, Token{4}) << "the result of a later run will do as well";
  answer(Done{{7, 100, 200}, "web-3", Token{9}});
  EXPECT_EQ(take_did(), "aaa.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kJoined);
}

TEST_F(JoiningSupervisorTest, TakesOverFromARunThatLeftNoResult) {
  campaign();
  answer(Busy{{"web-2/1"}, seconds(8), Token{4}});
  pass(seconds(8));
  answer(Granted{Token{5}});
  EXPECT_EQ(take_did(), "aaJ");
}

TEST_F(JoiningSupervisorTest, IsAFollowerIfTheRunOutlastsItsPatience) {
  campaign();
  for (int i = 0; i < 8; ++i) {
    answer(Busy{{"web-2/1"}, seconds(8), Token{4}});
    pass(seconds(8));
  }
  EXPECT_EQ(supervisor->outcome(), Outcome::kFollower);
}

TEST_F(SupervisorTest, WithoutALeaseNothingIsRequestedAndNothingIsDue) {
  supervisor = Supervisor::without_lease(timeline, policy, now);
  feed(Tick{});
  feed(JobStarted{});
  EXPECT_EQ(supervisor->wake_at(), kNever);
  now += std::chrono::hours(24 * 365);
  feed(Tick{});
  feed(JobExited{});
  pass(timeline.kill_after);
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), "TK.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
}

}  // namespace
}  // namespace cluster_leader
