// When a supervisor sends requests: at hints, on a beat, from its beginning on, and during an
// outage.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lease/supervisor.h"
#include "lease/supervisor_fixture.h"

namespace cluster_leader {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Failed kReset{Trouble::kUnreachable, "reset", true, {}};

TEST_F(SupervisorTest, HintedHolderRenewsAtOnce) {
  campaign();
  answer(Granted{Token{5}});
  feed(Hinted{});
  EXPECT_EQ(take_did(), "aJr") << "before the start";
  answer(Renewed{});
  feed(JobStarted{});
  feed(Hinted{});
  EXPECT_EQ(take_did(), "r") << "while the job runs";
  answer(Renewed{});
  feed(ResignRequested{});
  feed(Hinted{});
  EXPECT_EQ(take_did(), "Tr") << "while it is being stopped";
}

TEST_F(SupervisorTest, HintedRenewalIsAHeartbeatBeforeTheNext) {
  run_job();
  pass(seconds(1));
  feed(Hinted{});
  answer(Renewed{});
  take_did();
  pass(seconds(2) - milliseconds(1));
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "r");
}

TEST_F(SupervisorTest, HintDuringARenewalCausesAnotherOneAfterIt) {
  run_job();
  pass(seconds(2));
  feed(Hinted{});
  EXPECT_EQ(take_did(), "r");
  answer(Renewed{});
  EXPECT_EQ(take_did(), "r") << "the answer may be older than the hint";
  answer(Renewed{});
  EXPECT_EQ(take_did(), "") << "one hint causes one request";
}

TEST_F(SupervisorTest, StormOfHintsIsNoFasterThanTheAnswers) {
  run_job();
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 1000; ++i) feed(Hinted{});
    EXPECT_EQ(take_did(), "r");
    answer(Renewed{});
  }
}

TEST_F(SupervisorTest, HintsDoNotShortenThePauseAfterAFailure) {
  run_job();
  pass(seconds(2));
  for (int failures = 1; failures < 4; ++failures) {
    answer(kReset);
    take_did();
    for (int i = 0; i < 1000; ++i) feed(Hinted{});
    EXPECT_EQ(take_did(), "");
    pass(supervisor->wake_at() - now);
    EXPECT_EQ(take_did(), "r");
  }
}

TEST_F(SupervisorTest, HintWithoutALeaseToLoseIsIgnored) {
  run_job();
  feed(FrontGone{});
  feed(Hinted{});
  EXPECT_EQ(take_did(), "K");
  feed(TreeGone{kWell});
  answer(kReset);
  take_did();
  feed(Hinted{});
  EXPECT_EQ(take_did(), "") << "the release waits for its own pause";
  supervisor = Supervisor::without_lease(timeline, policy, now);
  feed(JobStarted{});
  feed(Hinted{});
  EXPECT_EQ(take_did(), "");
}

TEST_F(WaitingSupervisorTest, HintDuringAnAcquireThatIsGrantedIsDropped) {
  campaign();
  feed(Hinted{});
  answer(Granted{Token{5}});
  feed(JobStarted{});
  EXPECT_EQ(take_did(), "aJ");
}

TEST_F(WaitingSupervisorTest, SendsNothingBeforeItsBeginningDespiteHints) {
  supervisor.emplace(timeline, policy, 7, now + seconds(10));
  feed(Tick{});
  feed(Hinted{});
  EXPECT_EQ(supervisor->wake_at(), now + seconds(10));
  pass(seconds(10) - milliseconds(1));
  feed(Hinted{});
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "a");
}

TEST_F(SupervisorTest, PatienceCountsFromTheBeginning) {
  supervisor.emplace(timeline, policy, 7, now + seconds(10));
  pass(seconds(10));
  EXPECT_EQ(take_did(), "a");
  pass(timeline.connect - milliseconds(1));
  EXPECT_EQ(take_did(), "");
  pass(milliseconds(1));
  EXPECT_EQ(take_did(), "A.");
}

TEST_F(WaitingSupervisorTest, EndBeforeTheBeginningReleasesNothing) {
  const Event ends[] = {ResignRequested{}, AbortRequested{}, FrontGone{}};
  for (const Time begin : {now + seconds(10), kNever}) {
    for (const Event& event : ends) {
      supervisor.emplace(timeline, policy, 7, begin);
      feed(event);
      EXPECT_EQ(take_did(), ".");
    }
  }
}

TEST_F(WaitingSupervisorTest, HintDoesNotBeginATermThatNeverBegins) {
  policy.patience = kForever;
  supervisor.emplace(timeline, policy, 7, kNever);
  feed(Tick{});
  feed(Hinted{});
  EXPECT_EQ(supervisor->wake_at(), kNever);
  now += hours(24 * 365);
  feed(Hinted{});
  feed(Tick{});
  EXPECT_EQ(take_did(), "");
  EXPECT_EQ(supervisor->phase(), Phase::kCandidate);
}

/// Leases of one process, whose renewals share a beat of 300 ms after each 2 s.
class BeatTest : public SupervisorTest {
 protected:
  BeatTest() { policy.beat = milliseconds(300); }

  /// When the renewals of a lease that was acquired at `from` are sent, up to `to`.
  std::vector<Time> renewals(Time from, Time to) {
    now = from;
    run_job();
    std::vector<Time> sent;
    while (supervisor->wake_at() < to) {
      pass(supervisor->wake_at() - now);
      sent.push_back(supervisor->state().in_flight->sent_at);
      answer(Renewed{});
    }
    take_did();
    return sent;
  }
};

TEST_F(BeatTest, LeasesWithTheSameBeatAreRenewedTogether) {
  const Time begin = now;
  const Time end = begin + seconds(20);
  const std::vector<Time> first = renewals(begin, end);
  ASSERT_EQ(first.size(), 10U);
  EXPECT_EQ(first.front(), begin + milliseconds(300));
  for (const int ms : {1, 299, 300, 301, 1999, 2000, 12345}) {
    const std::vector<Time> other = renewals(begin + milliseconds(ms), end);
    ASSERT_LE(other.size(), first.size());
    EXPECT_TRUE(std::equal(other.rbegin(), other.rend(), first.rbegin())) << ms;
  }
}

TEST_F(BeatTest, RenewalComesAtMostAHeartbeatAfterTheLast) {
  const Time begin = now;
  for (int ms = 0; ms <= 4000; ms += 50) {
    Time last = begin + milliseconds(ms);
    for (const Time at : renewals(last, last + seconds(10))) {
      EXPECT_LE(at - last, timeline.heartbeat);
      EXPECT_GT(at, last);
      last = at;
    }
  }
}

TEST_F(BeatTest, FailedRenewalIsRetriedAtOnceAndTheNextIsOnTheBeat) {
  run_job();
  const Time begin = now;
  pass(milliseconds(300));
  answer(kReset);
  EXPECT_EQ(take_did(), "r");
  pass(milliseconds(10));
  EXPECT_EQ(take_did(), "r");
  answer(Renewed{});
  pass(seconds(1));
  feed(Hinted{});
  answer(Renewed{});
  EXPECT_EQ(take_did(), "r");
  EXPECT_EQ(supervisor->wake_at(), begin + milliseconds(2300));
}

TEST_F(WaitingSupervisorTest, ContactFaltersAfterOneFailureAndIsLostAfterTwo) {
  policy.patience = kForever;
  campaign();
  EXPECT_EQ(supervisor->contact(), Contact::kAnswered);
  for (int round = 0; round < 3; ++round) {
    answer(Failed{Trouble::kUnreachable, "reset", false, {}});
    EXPECT_EQ(supervisor->contact(), Contact::kFaltering);
    pass(seconds(1));
    if (round > 0) {
      answer(Failed{Trouble::kUnreachable, "refused", false, {}});
      EXPECT_EQ(supervisor->contact(), Contact::kNone);
      pass(seconds(1));
    }
    answer(Busy{{"web-2/1"}, seconds(8), {}});
    EXPECT_EQ(supervisor->contact(), Contact::kAnswered);
    pass(seconds(8));
  }
}

TEST_F(WaitingSupervisorTest, ContactIsLostWhenNoAnswerComesInTimeOrIsExpectedSoon) {
  campaign();
  pass(timeline.connect);
  EXPECT_EQ(take_did(), "ac");
  EXPECT_EQ(supervisor->contact(), Contact::kNone);
  for (const Failed& failed : {Failed{Trouble::kNotServing, "young", false, seconds(9)},
                               Failed{Trouble::kDenied, "NOAUTH", false, {}}}) {
    campaign();
    answer(failed);
    EXPECT_EQ(supervisor->contact(), Contact::kNone);
  }
}

TEST_F(SupervisorTest, ContactIsLostWhenPatienceEndsWithoutAnAnswer) {
  campaign();
  pass(timeline.connect);
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
  EXPECT_EQ(supervisor->contact(), Contact::kNone);
  take_did();
  run_job();
  feed(TreeGone{kWell});
  pass(timeline.connect);
  EXPECT_EQ(supervisor->phase(), Phase::kDone);
  EXPECT_EQ(supervisor->contact(), Contact::kNone);
}

TEST_F(SupervisorTest, CandidateWithoutDescriptorsRetriesUntilItsPatienceEnds) {
  campaign();
  const Time began = now;
  while (supervisor->phase() == Phase::kCandidate) {
    if (supervisor->state().in_flight) answer(Failed{Trouble::kExhausted, "EMFILE", false, {}});
    pass(milliseconds(1));
  }
  const std::string done = take_did();
  EXPECT_GE(std::count(done.begin(), done.end(), 'a'), 4);
  EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
  EXPECT_EQ(supervisor->trouble(), Trouble::kExhausted);
  EXPECT_GT(now - began, timeline.connect - timeline.retry_max);
}

TEST_F(SupervisorTest, HolderWithoutDescriptorsKeepsItsConnectionUntilItsDeadline) {
  run_job();
  const Time kill_at = supervisor->kill_at();
  pass(seconds(2));
  answer(Failed{Trouble::kExhausted, "ENOMEM", false, {}});
  EXPECT_EQ(supervisor->phase(), Phase::kRunning);
  EXPECT_EQ(supervisor->kill_at(), kill_at);
  pass(milliseconds(10));
  ASSERT_TRUE(supervisor->state().in_flight);
  EXPECT_EQ(supervisor->state().in_flight->timeout_at,
            supervisor->state().in_flight->sent_at + timeline.attempt)
      << "the connection is open, so no time is allowed for a connect";
}

/// A supervisor that campaigns without a limit, as those of `elect` do.
class ContinuousSupervisorTest : public WaitingSupervisorTest {
 protected:
  ContinuousSupervisorTest() { policy.patience = kForever; }

  /// When acquires are sent in the first minute of an outage in which each fails at once.
  std::vector<Time> attempts(std::uint64_t seed) {
    const Time begin = now;
    supervisor.emplace(timeline, policy, seed, now);
    feed(Tick{});
    std::vector<Time> sent;
    while (now < begin + seconds(60)) {
      sent.push_back(supervisor->state().in_flight->sent_at);
      answer(Failed{Trouble::kUnreachable, "refused", false, {}});
      pass(supervisor->wake_at() - now);
    }
    now = begin;
    return sent;
  }
};

TEST_F(ContinuousSupervisorTest, OutageCausesAFewAttemptsASecondThatAreSpread) {
  const std::vector<Time> one = attempts(1);
  EXPECT_GE(one.size(), 60U) << "it reconnects soon after the server is back";
  EXPECT_LE(one.size(), 60U * 5);
  const std::vector<Time> other = attempts(2);
  ASSERT_EQ(one.front(), other.front());
  EXPECT_NE(one.back(), other.back());
}

TEST_F(ContinuousSupervisorTest, OutlastsAnOutageOfAnyLength) {
  campaign();
  for (int i = 0; i < 10'000; ++i) {
    if (i % 2 == 0) answer(Failed{Trouble::kUnreachable, "refused", false, {}});
    pass(seconds(10));
    while (!supervisor->state().in_flight) pass(milliseconds(10));
  }
  answer(Granted{Token{5}});
  EXPECT_EQ(supervisor->phase(), Phase::kGranted);
}

TEST_F(ContinuousSupervisorTest, PermanentTroubleEndsTheTerm) {
  for (const Trouble trouble : {Trouble::kDenied, Trouble::kMisconfigured}) {
    campaign();
    answer(Busy{{"web-2/1"}, seconds(8), {}});
    pass(seconds(8));
    answer(Failed{trouble, "", false, {}});
    EXPECT_EQ(take_did(), "aa.");
    EXPECT_EQ(supervisor->outcome(), Outcome::kFailed);
  }
}

}  // namespace
}  // namespace cluster_leader
