// Many campaigns in one session, on a clock that the test turns and a store that writes down what
// it is asked.
#include "supervise/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <utility>

#include "support/recording_store.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const HolderId kOther{"web-2/b"};
const HolderId kThird{"web-3/c"};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    policy_.patience = kForever;
    policy_.busy_patience = kForever;
    open({.quiet = true});
  }

  void open(LogStyle style) {
    reporter_.emplace(style);
    auto store = std::make_unique<RecordingStore>();
    store_ = store.get();
    made_ = 0;
    session_.emplace(
        std::move(store), ServerName{"redis://here", "from --server"},
        [this] { return holder(made_++); }, *reporter_);
  }

  /// Ids are made in this order, so that campaigns that are added first have those of their
  /// numbers.
  static HolderId holder(std::size_t number) { return {"web-1/" + std::to_string(number)}; }

  Supervisor supervisor(Time begin) { return {timeline_, policy_, 7, begin}; }

  /// Adds campaigns that begin now.
  void add(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "key-" + std::to_string(session_->size());
      session_->add({"prefix:" + name}, name, supervisor(now_));
    }
  }

  void step(std::size_t campaign, const Event& event) {
    session_->step(campaign, event, now_, todo_);
  }
  void tick() { session_->tick(now_, todo_); }
  void advance() { session_->advance(poller_, now_, todo_); }
  void receive(std::size_t campaign, const Answer& answer) {
    store_->answers(campaign, answer);
    advance();
  }
  void receive_notice(std::size_t campaign, const Notice& notice) {
    store_->notices(campaign, notice);
    advance();
  }

  /// From its grant to its job.
  void lead(std::size_t campaign, std::int64_t token = 5) {
    receive(campaign, Granted{{token}});
    step(campaign, JobStarted{});
    take_todo();
    store_->done();
  }

  void follow(std::size_t campaign, const HolderId& leader = kOther) {
    receive(campaign, Busy{leader, seconds(8), Token{4}});
    store_->done();
  }

  /// What is left to do since the last look: "start 0", "finish 1", ...
  std::vector<std::string> take_todo() {
    std::vector<std::string> words;
    for (const ToDo& one : std::exchange(todo_, {})) {
      std::string word = "?";
      if (one.kind == Action::Kind::kStartJob) word = "start";
      if (one.kind == Action::Kind::kStopJob) word = "stop";
      if (one.kind == Action::Kind::kKillJob) word = "kill";
      if (one.kind == Action::Kind::kDone) word = "finish";
      words.push_back(word + ' ' + std::to_string(one.campaign));
    }
    return words;
  }

  std::vector<std::size_t> take_changes() {
    std::vector<std::size_t> changes;
    while (const auto campaign = session_->next_change()) changes.push_back(*campaign);
    return changes;
  }

  const Leadership& view(std::size_t campaign) const { return session_->at(campaign).leadership; }

  Timeline timeline_ = Timeline::of(seconds(10));
  Policy policy_;
  Time now_{seconds(1000)};
  Poller poller_;
  std::optional<Reporter> reporter_;
  RecordingStore* store_ = nullptr;
  std::size_t made_ = 0;  ///< holder ids
  std::optional<Session> session_;
  ToDos todo_;
};

TEST_F(SessionTest, EachCampaignHasItsKeyAndItsHolder) {
  add(2);
  EXPECT_EQ(session_->size(), 2U);
  EXPECT_EQ(store_->candidacies[1].key, "prefix:key-1");
  EXPECT_EQ(store_->candidacies[1].holder, holder(1));
  EXPECT_EQ(session_->at(1).name, "key-1");
  EXPECT_EQ(session_->describe(1), "key key-1 at redis://here");
  EXPECT_THAT(store_->done(), IsEmpty()) << "nothing is asked before the first turn";
  EXPECT_EQ(session_->wake_at(), now_);
  tick();
  EXPECT_THAT(store_->done(), ElementsAre("acquire 0", "acquire 1"));
}

TEST_F(SessionTest, EachIsWokenAtItsTimeAndNotBefore) {
  for (const int begin : {3, 1, 2}) {
    session_->add({"k"}, "k", supervisor(now_ + seconds(begin)));
  }
  tick();
  EXPECT_THAT(store_->done(), IsEmpty());
  for (const char* const who : {"acquire 1", "acquire 2", "acquire 0"}) {
    const Time due = session_->wake_at();
    now_ = due - milliseconds(1);
    tick();
    EXPECT_THAT(store_->done(), IsEmpty());
    now_ = due;
    tick();
    EXPECT_THAT(store_->done(), ElementsAre(who));
    // Neither asks again before the last of them begins.
    follow(static_cast<std::size_t>(who[8] - '0'));
  }
  EXPECT_EQ(now_, Time(seconds(1003)));
}

TEST_F(SessionTest, ThoseThatAreDueTogetherComeInTheOrderOfTheirTimes) {
  for (const int begin : {3, 1, 2}) {
    session_->add({"k"}, "k", supervisor(now_ + seconds(begin)));
  }
  now_ += seconds(9);
  tick();
  EXPECT_THAT(store_->done(), ElementsAre("acquire 1", "acquire 2", "acquire 0"));
}

TEST_F(SessionTest, StoreIsWokenToo) {
  add(1);
  tick();
  store_->wake = now_ + milliseconds(5);
  EXPECT_EQ(session_->wake_at(), store_->wake);
  store_->wake = kNever;
  EXPECT_EQ(session_->wake_at(), now_ + timeline_.connect) << "the patience with the request";
}

TEST_F(SessionTest, WhoseTimeWasPutOffIsNotAskedThen) {
  add(1);
  tick();
  follow(0);
  const Time busy_until = session_->wake_at();
  EXPECT_EQ(busy_until, now_ + timeline_.connect) << "an entry that comes too early";
  now_ = busy_until;
  tick();
  EXPECT_THAT(store_->done(), IsEmpty());
  EXPECT_EQ(session_->wake_at(), Time(seconds(1000)) + seconds(8));
  now_ = session_->wake_at();
  tick();
  EXPECT_THAT(store_->done(), ElementsAre("acquire 0"));
}

TEST_F(SessionTest, WhatConcernsTheJobIsHandedOn) {
  add(2);
  tick();
  receive(1, Granted{{5}});
  EXPECT_THAT(take_todo(), ElementsAre("start 1"));
  step(1, JobStarted{});
  EXPECT_THAT(take_todo(), IsEmpty());
  step(1, ResignRequested{});
  EXPECT_THAT(take_todo(), ElementsAre("stop 1"));
  store_->done();
  step(1, TreeGone{});
  EXPECT_THAT(store_->done(), ElementsAre("finish 1"));
  receive(1, Released{});
  EXPECT_THAT(take_todo(), ElementsAre("finish 1"));
  receive(0, Granted{{6}});
  step(0, JobStarted{});
  take_todo();
  now_ = session_->at(0).supervisor.wake_at();
  tick();
  receive(0, Lost{kOther});
  EXPECT_THAT(take_todo(), ElementsAre("kill 0"));
}

TEST_F(SessionTest, ClockGoesBeforeTheNetwork) {
  add(1);
  tick();
  lead(0);
  now_ += timeline_.ttl - timeline_.margin;
  // It would have been good news some seconds ago.
  receive(0, Renewed{});
  const auto todo = take_todo();
  ASSERT_FALSE(todo.empty());
  EXPECT_EQ(todo[0], "kill 0");
}

TEST_F(SessionTest, EachChangeIsReturnedOnceAndTheLatestCounts) {
  add(3);
  tick();
  EXPECT_THAT(take_changes(), IsEmpty());
  follow(2);
  follow(0);
  EXPECT_THAT(take_changes(), ElementsAre(2, 0));
  EXPECT_THAT(take_changes(), IsEmpty());
  EXPECT_EQ(view(2), (Leadership{ElectionState::kFollower, kOther, Token{4}}));
  receive_notice(2, {Notice::Kind::kTaken, kThird, Token{6}});
  receive_notice(2, {Notice::Kind::kTaken, kOther, Token{7}});
  EXPECT_THAT(take_changes(), ElementsAre(2)) << "once, whatever has happened in between";
  EXPECT_EQ(view(2), (Leadership{ElectionState::kFollower, kOther, Token{7}}));
  follow(2);
  EXPECT_THAT(take_changes(), IsEmpty()) << "nothing but the token is another";
}

TEST_F(SessionTest, ChangeThatComesWhileOthersAreTakenIsReturnedAfterThem) {
  add(3);
  tick();
  follow(0);
  follow(1);
  EXPECT_EQ(session_->next_change(), 0U);
  receive_notice(0, {Notice::Kind::kTaken, kThird, Token{6}});
  follow(2);
  EXPECT_THAT(take_changes(), ElementsAre(1, 0, 2));
}

TEST_F(SessionTest, LeaderIsWhoeverRuns) {
  add(2);
  tick();
  receive(0, Granted{{5}});
  EXPECT_THAT(take_changes(), IsEmpty()) << "its job has not started yet";
  step(0, JobStarted{});
  EXPECT_THAT(take_changes(), ElementsAre(0));
  EXPECT_EQ(view(0), (Leadership{ElectionState::kLeader, holder(0), Token{5}}));
  step(0, ResignRequested{});
  EXPECT_THAT(take_changes(), ElementsAre(0));
  EXPECT_EQ(view(0).state, ElectionState::kNone);
}

TEST_F(SessionTest, WhatIsLedIsRepeatedWhenItIsAskedFor) {
  add(3);
  tick();
  lead(0);
  follow(1);
  lead(2);
  take_changes();
  session_->repeat_led();
  EXPECT_THAT(take_changes(), ElementsAre(0, 2));
  step(0, ResignRequested{});
  session_->repeat_led();
  EXPECT_THAT(take_changes(), ElementsAre(0, 2)) << "each once";
}

TEST_F(SessionTest, FreeKeyIsNewsForWhoeverWaitsAndTakenOneForItsHolder) {
  add(2);
  tick();
  lead(0);
  follow(1);
  receive_notice(0, {Notice::Kind::kFree, {}, {}});
  receive_notice(1, {Notice::Kind::kTaken, kThird, {}});
  tick();
  EXPECT_THAT(store_->done(), IsEmpty());
  receive_notice(1, {Notice::Kind::kFree, kThird, {}});
  EXPECT_THAT(store_->done(), ElementsAre("acquire 1"));
  EXPECT_EQ(view(1).state, ElectionState::kFollower) << "the answer will tell";
  receive_notice(0, {Notice::Kind::kTaken, kOther, {}});
  EXPECT_THAT(store_->done(), ElementsAre("renew 0"));
  EXPECT_EQ(view(0).state, ElectionState::kLeader) << "a hint is no proof";
}

TEST_F(SessionTest, LeaseThatWasBrokenIsNewsForEverybody) {
  add(2);
  tick();
  lead(0);
  follow(1);
  receive_notice(0, {Notice::Kind::kBroken, {}, {}});
  receive_notice(1, {Notice::Kind::kBroken, {}, {}});
  EXPECT_THAT(store_->done(), ElementsAre("renew 0", "acquire 1"));
}

TEST_F(SessionTest, WhoeverRestsHearsWhoHasGoneWithoutAskingForTheKey) {
  session_->add({"k"}, "k", supervisor(now_ + timeline_.ttl));
  tick();
  receive_notice(0, {Notice::Kind::kTaken, kOther, Token{6}});
  EXPECT_EQ(view(0), (Leadership{ElectionState::kFollower, kOther, Token{6}}));
  receive_notice(0, {Notice::Kind::kFree, kThird, {}});
  EXPECT_EQ(view(0).state, ElectionState::kFollower);
  receive_notice(0, {Notice::Kind::kFree, kOther, {}});
  EXPECT_EQ(view(0).state, ElectionState::kNone);
  EXPECT_THAT(store_->done(), IsEmpty());
}

TEST_F(SessionTest, FurtherTermHasAHolderOfItsOwnAndCountsAnew) {
  add(1);
  tick();
  lead(0);
  now_ = session_->wake_at();
  tick();
  now_ += milliseconds(3);
  receive(0, Renewed{});
  EXPECT_EQ(session_->at(0).renewals, 1U);
  EXPECT_EQ(session_->at(0).slowest_renewal, milliseconds(3));
  step(0, ResignRequested{});
  step(0, TreeGone{});
  receive(0, Released{});
  EXPECT_THAT(take_todo(), ElementsAre("stop 0", "finish 0"));
  session_->begin_term(0, supervisor(now_ + seconds(1)));
  EXPECT_EQ(store_->candidacies[0].holder, holder(1));
  EXPECT_EQ(session_->at(0).renewals, 0U);
  EXPECT_EQ(session_->at(0).slowest_renewal, Duration::zero());
  store_->done();
  now_ += seconds(1);
  tick();
  EXPECT_THAT(store_->done(), ElementsAre("acquire 0"));
}

TEST_F(SessionTest, LateAnswerToARequestThatWasGivenUpIsNotForTheNextOne) {
  add(1);
  tick();
  const std::uint64_t first = store_->candidacies[0].in_flight->attempt;
  now_ += timeline_.connect;
  tick();
  now_ = session_->wake_at();
  tick();
  ASSERT_THAT(store_->done(), ElementsAre("acquire 0", "cancel 0", "acquire 0"));
  store_->answers(0, first, Granted{{5}});
  advance();
  EXPECT_THAT(take_todo(), IsEmpty());
  EXPECT_EQ(session_->at(0).supervisor.phase(), Phase::kCandidate);
  receive(0, Granted{{6}});
  EXPECT_EQ(session_->at(0).supervisor.token(), Token{6});
}

TEST_F(SessionTest, LateAnswerToAnEarlierTermIsNotForTheNextOne) {
  add(1);
  tick();
  const std::uint64_t first = store_->candidacies[0].in_flight->attempt;
  step(0, AbortRequested{});
  session_->begin_term(0, supervisor(now_));
  tick();
  store_->answers(0, first, Granted{{5}});
  advance();
  EXPECT_EQ(session_->at(0).supervisor.phase(), Phase::kCandidate);
  receive(0, Granted{{6}});
  EXPECT_EQ(session_->at(0).supervisor.token(), Token{6});
}

TEST_F(SessionTest, LeaseThatWasHandedBackIsNotAskedForAgainUnderItsId) {
  add(1);
  tick();
  receive(0, Granted{{5}});
  now_ += timeline_.ttl;  // too late to start a job
  step(0, Tick{});
  receive(0, Released{});
  now_ = session_->wake_at();
  tick();
  EXPECT_THAT(store_->done(), ElementsAre("acquire 0", "release 0", "acquire 0"));
  EXPECT_EQ(store_->candidacies[0].holder, holder(1));
  EXPECT_EQ(session_->at(0).own, holder(1));
}

TEST_F(SessionTest, CandidateOfAYoungServerAsksAgainWhenSomebodyHasTheKey) {
  policy_.young_patience = kForever;
  add(1);
  tick();
  receive(0, Young{seconds(1), seconds(10)});
  EXPECT_EQ(view(0).state, ElectionState::kStarting);
  EXPECT_EQ(view(0).ready_in, seconds(10));
  EXPECT_EQ(session_->at(0).failure,
            "the server started 1 s ago, and an earlier holder may still be running its job: no "
            "lease is granted for another 10 s");
  store_->done();
  receive_notice(0, {Notice::Kind::kTaken, kOther, Token{4}});
  EXPECT_THAT(store_->done(), ElementsAre("acquire 0"));
  receive(0, Busy{kOther, seconds(8), Token{4}});
  EXPECT_EQ(view(0), (Leadership{ElectionState::kFollower, kOther, Token{4}}));
}

TEST_F(SessionTest, ServerThatHidesItsAgeIsWarnedAboutOnceAndTheRightIsNamed) {
  policy_.young_patience = kForever;
  open({});
  add(3);
  tick();
  ::testing::internal::CaptureStderr();
  const std::string why = "the user may not run INFO; ACL SETUSER USER +info";
  const auto everybody_waits = [&](Duration rest) {
    for (std::size_t i = 0; i < 3; ++i) {
      receive(i, Young{.age = {}, .rest = rest, .hidden_because = why});
    }
  };
  everybody_waits(seconds(11));
  now_ += seconds(11);
  tick();
  everybody_waits(seconds(1));
  EXPECT_EQ(
      ::testing::internal::GetCapturedStderr(),
      "cluster-leader: warning: key key-0 at redis://here (from --server): it is not known when "
      "the server started (the user may not run INFO; ACL SETUSER USER +info), and an earlier "
      "holder may still be running its job: no lease is granted for another 11 s\n");
}

TEST_F(SessionTest, ServerThatSaysItsAgeIsNotWarnedAbout) {
  policy_.young_patience = kForever;
  open({});
  add(1);
  tick();
  ::testing::internal::CaptureStderr();
  receive(0, Young{.age = seconds(3), .rest = seconds(8)});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(SessionTest, OwnLeaseOfTheLastTermIsNobodysLeadership) {
  add(1);
  tick();
  lead(0);
  step(0, ResignRequested{});
  step(0, TreeGone{});
  // The server does not answer in time, and the lease stands on there.
  while (session_->at(0).supervisor.phase() != Phase::kDone) {
    now_ = session_->wake_at();
    tick();
  }
  session_->begin_term(0, supervisor(now_));
  tick();
  receive(0, Busy{holder(0), seconds(8), Token{5}});
  EXPECT_EQ(view(0), (Leadership{ElectionState::kNone, {}, {}}));
}

TEST_F(SessionTest, FailureIsKeptUntilThereIsAnAnswer) {
  add(1);
  tick();
  receive(0, Failed{Trouble::kUnreachable, "the connection broke", true, {}});
  EXPECT_EQ(session_->at(0).failure, "the connection broke");
  now_ = session_->at(0).supervisor.wake_at();
  tick();
  now_ += timeline_.connect;
  tick();
  EXPECT_EQ(session_->at(0).failure, "the connection broke") << "it says more than no answer does";
  EXPECT_EQ(view(0).state, ElectionState::kDown);
  now_ = session_->at(0).supervisor.wake_at();
  tick();
  follow(0);
  EXPECT_EQ(session_->at(0).failure, "");
  EXPECT_EQ(session_->at(0).leader(), "web-2");
}

TEST_F(SessionTest, SilenceIsAFailureOfTheStageThatItIsAt) {
  add(1);
  tick();
  store_->done();
  now_ += timeline_.connect;
  tick();
  EXPECT_THAT(session_->at(0).failure, HasSubstr("waiting for a test"));
  EXPECT_EQ(store_->done()[0], "cancel 0");
}

TEST_F(SessionTest, WhatIsOnItsWayWhenACandidateIsEndedIsAbandoned) {
  add(1);
  tick();
  store_->done();
  step(0, ResignRequested{});
  EXPECT_THAT(store_->done(), ElementsAre("abandon 0"));
  EXPECT_THAT(take_todo(), ElementsAre("finish 0"));
}

TEST_F(SessionTest, ResultOfAnotherRunIsKept) {
  policy_.join = true;
  add(1);
  tick();
  receive(0, Done{{3, 100, 200}, "web-2", Token{9}});
  ASSERT_TRUE(session_->at(0).done);
  EXPECT_EQ(session_->at(0).done->result.status, 3);
  EXPECT_EQ(session_->at(0).leader(), "web-2");
  EXPECT_THAT(take_todo(), ElementsAre("finish 0"));
}

TEST_F(SessionTest, WhatIsHeardIsToldToPeopleWhoWantToKnow) {
  open({.verbose = true});
  add(1);
  tick();
  ::testing::internal::CaptureStderr();
  follow(0);
  now_ = Time(seconds(1000)) + seconds(8);
  tick();
  follow(0);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "cluster-leader: key key-0 at redis://here: waiting; it is held by web-2\n");
}

TEST_F(SessionTest, AKeyThatNobodyHoldsIsNotSaidToBeHeld) {
  open({.verbose = true});
  add(1);
  tick();
  ::testing::internal::CaptureStderr();
  follow(0, parked_for("web-2/boot:1"));
  step(0, Hinted{});
  follow(0, held_after(kThird));
  EXPECT_EQ(
      ::testing::internal::GetCapturedStderr(),
      "cluster-leader: key key-0 at redis://here: waiting; it is parked for web-2 (--sticky)\n"
      "cluster-leader: key key-0 at redis://here: waiting; it is kept after a run on web-3 "
      "(--min-hold)\n");
}

TEST_F(SessionTest, WhoeverWaitsForASlotWaitsForNobodyInParticular) {
  policy_.slots = 3;
  open({.verbose = true});
  add(1);
  tick();
  ::testing::internal::CaptureStderr();
  follow(0);
  step(0, Hinted{});
  follow(0, kThird);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "cluster-leader: key key-0 at redis://here: waiting; all its slots are taken\n");
  EXPECT_EQ(session_->at(0).leader(), "");
  EXPECT_THAT(take_changes(), ElementsAre(0)) << "that another holder is named changes nothing";
}

TEST_F(SessionTest, WithoutAStoreThereIsOnlyTheJob) {
  session_.emplace(
      nullptr, ServerName{"nowhere", "from --server"}, [] { return holder(0); }, *reporter_);
  session_->add({"k"}, "k", Supervisor::without_lease(timeline_, policy_, now_));
  step(0, JobStarted{});
  advance();
  session_->watch(poller_);
  EXPECT_EQ(session_->wake_at(), kNever);
  EXPECT_EQ(view(0).state, ElectionState::kLeader);
  step(0, TreeGone{RunResult{0, 1, 2}});
  EXPECT_THAT(take_todo(), ElementsAre("finish 0"));
}

/// The time that the processor has spent on this thread: what others do meanwhile does not count.
Duration cpu_time() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

class ManyCampaignsTest : public SessionTest {
 protected:
  /// All of `count` lead, and renew at moments of their own.
  void lead_all(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      policy_.beat = timeline_.heartbeat / 1000 * (i % 1000);
      add(1);
    }
    tick();
    for (std::size_t i = 0; i < count; ++i) store_->answers(i, Granted{{5}});
    advance();
    for (std::size_t i = 0; i < count; ++i) step(i, JobStarted{});
    take_todo();
    take_changes();
    store_->done();
  }

  /// What it costs that one campaign has been renewed, and that a turn has passed.
  Duration cost_of_a_turn() {
    constexpr int kTurns = 2000;
    const Duration before = cpu_time();
    for (int i = 0; i < kTurns; ++i) {
      now_ += std::chrono::nanoseconds(10);
      receive_notice(0, {Notice::Kind::kFree, {}, {}});
      static_cast<void>(session_->wake_at());
      EXPECT_FALSE(session_->next_change());
    }
    return (cpu_time() - before) / kTurns;
  }
};

TEST_F(ManyCampaignsTest, EachLeaseThatIsDueIsRenewedOnce) {
  constexpr std::size_t kCount = 3000;
  lead_all(kCount);
  const Time end = now_ + timeline_.heartbeat;
  std::size_t renewals = 0;
  std::size_t most = 0;
  while (session_->wake_at() <= end) {
    now_ = session_->wake_at();
    tick();
    const auto asked = store_->done();
    renewals += asked.size();
    most = std::max(most, asked.size());
    for (std::size_t i = 0; i < kCount; ++i) {
      if (store_->candidacies[i].in_flight) store_->answers(i, Renewed{});
    }
    advance();
  }
  EXPECT_EQ(renewals, kCount) << "each once in a heartbeat";
  EXPECT_LE(most, kCount / 100) << "spread over it";
  EXPECT_THAT(take_todo(), IsEmpty());
  EXPECT_THAT(take_changes(), IsEmpty());
}

TEST_F(ManyCampaignsTest, TurnCostsNoMoreThanWhatHappensInIt) {
  lead_all(10);
  const Duration few = cost_of_a_turn();
  open({.quiet = true});
  lead_all(10'000);
  const Duration many = cost_of_a_turn();
  // If it looked at each of them, it would be a thousand times as much.
  EXPECT_LT(many, 50 * few + std::chrono::microseconds(5));
}

}  // namespace
}  // namespace cluster_leader
