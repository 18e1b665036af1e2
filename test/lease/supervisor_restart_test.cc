// How a term ends early, and how a job is started again within a term.
#include <gtest/gtest.h>

#include <string>

#include "lease/supervisor.h"
#include "lease/supervisor_fixture.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_F(SupervisorTest, ResignedCandidateReleasesItsAcquire) {
  campaign();
  feed(ResignRequested{});
  EXPECT_EQ(take_did(), "aA.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kAborted);
}

TEST_F(SupervisorTest, ResignationBetweenGrantAndStartReleases) {
  campaign();
  answer(Granted{Token{5}});
  feed(ResignRequested{});
  answer(Released{});
  EXPECT_EQ(take_did(), "aJx.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kAborted);
}

TEST_F(SupervisorTest, ResignedJobIsStoppedThenKilledAndOnlyThenTheLeaseIsReleased) {
  run_job();
  feed(ResignRequested{});
  EXPECT_EQ(take_did(), "T");
  pass(timeline.kill_after - milliseconds(1));
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "Kr");
  answer(Renewed{});
  EXPECT_EQ(take_did(), "");
  feed(TreeGone{RunResult{143, 100, 200}});
  EXPECT_EQ(take_did(), "f");
  answer(Released{});
  EXPECT_EQ(take_did(), ".");
  EXPECT_EQ(supervisor->outcome(), Outcome::kResigned);
}

TEST_F(SupervisorTest, HolderThatIsAskedForItsKeyStopsItsJobAndThenReleases) {
  run_job();
  pass(timeline.heartbeat);
  answer(Renewed{StopRequest{"web-2"}});
  EXPECT_EQ(take_did(), "rT");
  // It goes on renewing until nothing of the job is alive, and is asked each time.
  feed(Hinted{});
  answer(Renewed{StopRequest{"web-2"}});
  EXPECT_EQ(take_did(), "r");
  pass(timeline.kill_after);
  EXPECT_EQ(take_did(), "Kr");
  answer(Renewed{StopRequest{"web-2"}});
  feed(TreeGone{RunResult{143, 100, 200}});
  EXPECT_EQ(take_did(), "f");
  EXPECT_EQ(last_request.result, std::nullopt);
  EXPECT_EQ(last_request.stopped, (RunResult{143, 100, 200}));
  answer(Released{});
  EXPECT_EQ(take_did(), ".");
  EXPECT_EQ(supervisor->outcome(), Outcome::kAskedBack);
}

TEST_F(SupervisorTest, HolderThatIsAskedForItsKeyWhileItsJobEndsKeepsItsResult) {
  run_job();
  feed(JobExited{});
  feed(Hinted{});
  answer(Renewed{StopRequest{"web-2"}});
  feed(TreeGone{kWell});
  EXPECT_EQ(last_request.result, kWell);
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
}

TEST_F(SupervisorTest, HolderThatIsAskedForItsKeyBeforeItsJobRunsStartsNone) {
  campaign();
  answer(Granted{Token{5}});
  pass(timeline.heartbeat);
  answer(Renewed{StopRequest{"web-2"}});
  EXPECT_EQ(take_did(), "aJrx");
  answer(Released{});
  EXPECT_EQ(supervisor->outcome(), Outcome::kAskedBack);
}

TEST_F(SupervisorTest, JobThatIsSupersededIsStoppedLikeOneThatIsAskedFor) {
  run_job();
  pass(timeline.heartbeat);
  answer(Renewed{StopRequest{"web-2", true}});
  EXPECT_EQ(take_did(), "rT");
  feed(TreeGone{kWell});
  answer(Released{});
  EXPECT_EQ(take_did(), "f.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kSuperseded);
}

TEST_F(WaitingSupervisorTest, CandidateThatIsSupersededFollows) {
  campaign();
  EXPECT_EQ(last_request.era, std::nullopt);
  answer(Busy{{"web-1/1"}, seconds(5), Token{4}, 7});
  pass(seconds(5));
  EXPECT_EQ(last_request.era, 7);
  // Only the era in which it came counts.
  answer(Busy{{"web-1/1"}, seconds(5), Token{4}, 9});
  pass(seconds(5));
  EXPECT_EQ(last_request.era, 7);
  answer(Superseded{"web-2"});
  EXPECT_EQ(take_did(), "aaa.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kSuperseded);
}

TEST_F(WaitingSupervisorTest, CandidateThatSupersedesIsAsNewAsTheLastAnswerSays) {
  policy.supersedes = true;
  campaign();
  answer(Busy{{"web-1/1"}, seconds(5), Token{4}, 7});
  pass(seconds(5));
  answer(Busy{{"web-1/1"}, seconds(5), Token{4}, 9});
  pass(seconds(5));
  EXPECT_EQ(last_request.era, 9);
}

TEST_F(SupervisorTest, ResignedJobHasNoResultEvenIfItEndsWell) {
  run_job();
  feed(ResignRequested{});
  feed(TreeGone{kWell});
  EXPECT_EQ(last_request.kind, RequestKind::kFinish);
  EXPECT_EQ(last_request.result, std::nullopt) << "so nothing is parked";
}

TEST_F(SupervisorTest, LeaseIsRenewedWhileAResignedJobStops) {
  timeline.kill_after = seconds(5);
  run_job();
  feed(ResignRequested{});
  take_did();
  pass(seconds(2));
  EXPECT_EQ(take_did(), "r");
  answer(Renewed{});
  pass(seconds(2));
  EXPECT_EQ(take_did(), "r");
}

TEST_F(SupervisorTest, LostLeaseKillsAResignedJobAtOnce) {
  run_job();
  pass(seconds(2));
  feed(ResignRequested{});
  EXPECT_EQ(take_did(), "rT");
  answer(Lost{});
  EXPECT_EQ(take_did(), "K");
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), ".");
  EXPECT_EQ(supervisor->outcome(), Outcome::kResigned);
}

TEST_F(SupervisorTest, ResignationChangesNothingOnceTheJobIsEnding) {
  run_job();
  feed(JobExited{});
  EXPECT_EQ(take_did(), "T");
  feed(ResignRequested{});
  pass(timeline.kill_after);
  EXPECT_EQ(take_did(), "Kr");
  feed(ResignRequested{});
  answer(Renewed{});
  feed(TreeGone{kWell});
  EXPECT_EQ(last_request.result, kWell);
  feed(ResignRequested{});
  answer(Released{});
  EXPECT_EQ(take_did(), "f.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
}

TEST_F(SupervisorTest, WithoutALeaseAResignedJobIsStoppedToo) {
  supervisor = Supervisor::without_lease(timeline, policy, now);
  feed(JobStarted{});
  feed(ResignRequested{});
  pass(timeline.kill_after);
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), "TK.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kResigned);
}

TEST_F(SupervisorTest, CandidateWhoseFrontHasDiedReleasesItsAcquire) {
  campaign();
  feed(FrontGone{});
  EXPECT_EQ(take_did(), "aA.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kFrontGone);
}

/// A job that is started again under the same lease whenever it ends by itself.
class RestartingSupervisorTest : public WaitingSupervisorTest {
 protected:
  RestartingSupervisorTest() { policy.restarts = true; }

  /// Moves the clock on by `d`, while the server answers each renewal at once.
  void pass_renewed(Duration d) {
    const Time end = now + d;
    while (supervisor->wake_at() <= end) {
      pass(supervisor->wake_at() - now);
      if (supervisor->state().in_flight) answer(Renewed{});
    }
    pass(end - now);
  }

  /// The job runs for `d` and ends by itself.
  void run_for(Duration d) {
    feed(JobStarted{});
    pass_renewed(d);
    take_did();
    feed(TreeGone{kWell});
  }

  /// How long it takes until the job is to be started again.
  Duration pause() {
    const Time ended = now;
    while (supervisor->phase() == Phase::kGranted && take_did().find('J') == std::string::npos) {
      pass_renewed(supervisor->wake_at() - now);
    }
    return now - ended;
  }

  /// Begins a pause of 8 s with no renewal in flight.
  void fail_often() {
    campaign();
    answer(Granted{Token{5}});
    for (const Duration d : {seconds(1), seconds(2), seconds(4)}) {
      run_for(milliseconds(10));
      ASSERT_EQ(pause(), d);
    }
    run_for(milliseconds(10));
    take_did();
  }
};

TEST_F(RestartingSupervisorTest, JobThatRanForASecondIsStartedAgainAtOnceUnderTheSameLease) {
  run_job();
  pass(seconds(1));
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), "J");
  feed(JobStarted{});
  EXPECT_EQ(supervisor->phase(), Phase::kRunning);
  EXPECT_EQ(supervisor->token(), Token{5});
  pass(seconds(1));
  EXPECT_EQ(take_did(), "r");
}

TEST_F(RestartingSupervisorTest, JobThatFailsQuicklyWaitsLongerEachTimeUpToATtl) {
  campaign();
  answer(Granted{Token{5}});
  for (const int s : {1, 2, 4, 8, 10, 10}) {
    run_for(milliseconds(999));
    EXPECT_EQ(pause(), seconds(s));
  }
}

TEST_F(RestartingSupervisorTest, PauseIsNeverLongerThanAMinute) {
  timeline = Timeline::of(std::chrono::hours(24));
  campaign();
  answer(Granted{Token{5}});
  for (const int s : {1, 2, 4, 8, 16, 32, 60, 60}) {
    run_for(milliseconds(10));
    EXPECT_EQ(pause(), seconds(s));
  }
}

TEST_F(RestartingSupervisorTest, OnlyARunOfATtlMakesThePauseShortAgain) {
  fail_often();
  EXPECT_EQ(pause(), seconds(8));
  run_for(timeline.ttl - milliseconds(1));
  EXPECT_EQ(pause(), Duration::zero());
  run_for(milliseconds(10));
  EXPECT_EQ(pause(), timeline.ttl);
  run_for(timeline.ttl);
  EXPECT_EQ(pause(), Duration::zero());
  run_for(milliseconds(10));
  EXPECT_EQ(pause(), seconds(1));
}

TEST_F(RestartingSupervisorTest, LeaseIsRenewedDuringThePause) {
  fail_often();
  pass_renewed(seconds(8) - milliseconds(1));
  EXPECT_EQ(take_did(), "rrrr");
  pass_renewed(milliseconds(1));
  EXPECT_EQ(take_did(), "J");
}

TEST_F(RestartingSupervisorTest, LeaseThatIsNotRenewedDuringThePauseIsReleasedAndTheTermEnds) {
  fail_often();
  const Time start_by = timeline.start_by(*supervisor->state().lease_sent_at);
  pass(start_by - now - milliseconds(1));
  EXPECT_EQ(supervisor->phase(), Phase::kGranted);
  pass(milliseconds(1));
  EXPECT_EQ(supervisor->phase(), Phase::kReleasing);
  EXPECT_EQ(take_did().find('J'), std::string::npos);
  while (last_request.kind != RequestKind::kFinish) pass(milliseconds(1));
  EXPECT_EQ(last_request.result, std::nullopt);
  answer(Released{});
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(RestartingSupervisorTest, StartChecksTheRenewedLease) {
  fail_often();
  const Time start_by = timeline.start_by(*supervisor->state().lease_sent_at);
  const Time start_at = now + seconds(8);
  ASSERT_LT(start_by, start_at);
  pass(start_by - now - milliseconds(1));
  ASSERT_TRUE(supervisor->state().in_flight);
  answer(Renewed{});
  take_did();
  pass(start_at - now);
  EXPECT_EQ(take_did().find('f'), std::string::npos);
  EXPECT_EQ(supervisor->phase(), Phase::kGranted);
  feed(JobStarted{});
  EXPECT_EQ(supervisor->phase(), Phase::kRunning);
}

TEST_F(RestartingSupervisorTest, LostLeaseWinsOverAStartInTheSameTurn) {
  fail_often();
  now += seconds(9);  // not woken in between
  feed(Tick{});
  EXPECT_EQ(take_did(), "f");
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(RestartingSupervisorTest, LostLeaseDuringThePauseEndsTheTermWithoutARelease) {
  fail_often();
  pass(supervisor->wake_at() - now);
  answer(Lost{{"web-2/1"}});
  EXPECT_EQ(take_did(), "r.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(RestartingSupervisorTest, EndOfTheTermDuringThePauseFinishesTheLease) {
  const std::pair<Event, Outcome> ends[] = {{ResignRequested{}, Outcome::kResigned},
                                            {AbortRequested{}, Outcome::kAborted},
                                            {FrontGone{}, Outcome::kFrontGone}};
  for (const auto& [event, outcome] : ends) {
    fail_often();
    feed(event);
    answer(Released{});
    EXPECT_EQ(take_did(), "f.");
    EXPECT_EQ(supervisor->outcome(), outcome);
  }
}

TEST_F(RestartingSupervisorTest, CommandThatCannotBeExecutedIsNotStartedAgain) {
  run_job();
  feed(TreeGone{});
  answer(Released{});
  EXPECT_EQ(take_did(), "x.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kJobEnded);
}

TEST_F(RestartingSupervisorTest, CommandThatIsNoLongerExecutableIsFinishedForItsEarlierRuns) {
  run_job();
  pass(seconds(1));
  feed(TreeGone{kWell});
  feed(JobStarted{});
  take_did();
  feed(TreeGone{});
  EXPECT_EQ(take_did(), "f");
  EXPECT_EQ(last_request.result, std::nullopt);
}

TEST_F(RestartingSupervisorTest, StartThatFailsEndsTheTerm) {
  run_job();
  pass(seconds(1));
  feed(TreeGone{kWell});
  feed(StartFailed{});
  EXPECT_EQ(take_did(), "Jf");
  EXPECT_EQ(supervisor->outcome(), Outcome::kNotStarted);
}

TEST_F(RestartingSupervisorTest, JobThatWasToldToEndIsNotStartedAgain) {
  const Event reasons[] = {StopForwarded{}, ResignRequested{}, FrontGone{}};
  for (const Event& reason : reasons) {
    run_job();
    pass(seconds(1));
    feed(reason);
    feed(TreeGone{kWell});
    EXPECT_EQ(take_did().find('J'), std::string::npos);
    EXPECT_EQ(last_request.kind, RequestKind::kFinish);
    EXPECT_EQ(last_request.result, std::nullopt);
  }
}

TEST_F(RestartingSupervisorTest, JobThatIsStoppedForALostLeaseIsNotStartedAgain) {
  run_job();
  pass(seconds(7));
  ASSERT_EQ(supervisor->phase(), Phase::kStopping);
  take_did();
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did().find('J'), std::string::npos);
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(RestartingSupervisorTest, DescendantsAreStoppedBeforeTheJobIsStartedAgain) {
  run_job();
  pass(seconds(1));
  feed(JobExited{});
  EXPECT_EQ(take_did(), "T");
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), "J");
  feed(JobStarted{});
  EXPECT_EQ(supervisor->kill_at(), now - seconds(1) + seconds(9))
      << "the kill time of the previous run does not apply";
}

TEST_F(RestartingSupervisorTest, ResignationWhileDescendantsAreStoppedEndsTheTerm) {
  run_job();
  pass(seconds(1));
  feed(JobExited{});
  feed(ResignRequested{});
  feed(TreeGone{kWell});
  answer(Released{});
  EXPECT_EQ(take_did(), "Tf.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kResigned);
}

TEST_F(RestartingSupervisorTest, LostLeaseWhileDescendantsAreStoppedEndsTheTerm) {
  run_job();
  pass(seconds(2));
  feed(JobExited{});
  answer(Lost{});
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), "rTK.");
  EXPECT_EQ(supervisor->outcome(), Outcome::kLost);
}

TEST_F(RestartingSupervisorTest, WithoutALeaseTheEndOfTheJobEndsTheTerm) {
  supervisor = Supervisor::without_lease(timeline, policy, now);
  feed(JobStarted{});
  pass(seconds(1));
  feed(TreeGone{kWell});
  EXPECT_EQ(take_did(), ".");
}

}  // namespace
}  // namespace cluster_leader
