// When the front would kill keeper and job, on a fake clock.
#include "supervise/front_deadline.h"

#include <gtest/gtest.h>

#include <optional>

#include "support/recording_store.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FrontDeadlineTest : public ::testing::Test {
 protected:
  FrontDeadlineTest() { policy_.patience = policy_.busy_patience = kForever; }

  void open(const Supervisor& supervisor, bool has_store = true) {
    std::unique_ptr<RecordingStore> store;
    if (has_store) {
      store = std::make_unique<RecordingStore>();
      store_ = store.get();
    }
    session_.emplace(
        std::move(store), ServerName{"redis://here", "from --server"},
        [] { return HolderId{"web-1/a"}; }, reporter_);
    session_->add({"job-a"}, "job-a", supervisor);
    deadline_.emplace(*session_, timeline_, link_);
    turn();
  }

  void step(const Event& event) {
    ToDos todo;
    session_->step(0, event, now_, todo);
    carry_out(todo);
  }
  void receive(const Answer& answer) {
    store_->answers(0, answer);
    ToDos todo;
    session_->advance(poller_, now_, todo);
    carry_out(todo);
  }
  /// As the keeper does before anything else.
  void carry_out(const ToDos& todo) {
    for (const ToDo& one : todo) deadline_->lower(one.campaign, now_);
  }
  /// The next turn of the keeper.
  void turn() { deadline_->refresh(now_); }

  /// A job under a lease that was taken now.
  void run_job() {
    open({timeline_, policy_, 7, now_});
    step(Tick{});
    receive(Granted{{5}});
    step(JobStarted{});
    turn();
    sent_at_ = now_;
  }
  void lose() {
    now_ += timeline_.heartbeat;
    step(Tick{});
    receive(Lost{{"web-2/b"}});
  }
  Phase phase() const { return session_->at(0).supervisor.phase(); }

  Timeline timeline_ = Timeline::of(seconds(10));
  Policy policy_;
  Time now_{seconds(1000)};
  Time sent_at_;
  Poller poller_;
  Reporter reporter_{LogStyle{}};
  RecordingStore* store_ = nullptr;
  KeeperLink link_;
  std::optional<Session> session_;
  std::optional<FrontDeadline> deadline_;
};

TEST_F(FrontDeadlineTest, IsTheKillDeadlineWhileTheJobRuns) {
  run_job();
  EXPECT_EQ(link_.deadline(), timeline_.kill_at(sent_at_));
}

TEST_F(FrontDeadlineTest, IsNowFromTheLossOfTheLeaseUntilTheJobIsDead) {
  run_job();
  lose();
  ASSERT_EQ(phase(), Phase::kKilling);
  EXPECT_EQ(link_.deadline(), now_) << "before anything is killed";
  for (int i = 0; i < 3; ++i) {
    now_ += milliseconds(5);
    EXPECT_LT(link_.deadline(), now_) << "a keeper that has stopped is late";
    turn();
    EXPECT_EQ(link_.deadline(), now_) << "one that goes on is not";
  }
  step(TreeGone{});
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
}

TEST_F(FrontDeadlineTest, IsNowAfterALossEvenIfTheJobWasAlreadyStopping) {
  timeline_.kill_after = 2 * timeline_.heartbeat;
  run_job();
  step(ResignRequested{});
  ASSERT_EQ(phase(), Phase::kStopping);
  EXPECT_EQ(link_.deadline(), timeline_.kill_at(sent_at_));
  lose();
  EXPECT_EQ(link_.deadline(), now_);
}

TEST_F(FrontDeadlineTest, MovesOnWhileTheKeeperKillsTheJobOfALeaseThatSlippedAway) {
  run_job();
  now_ = timeline_.kill_at(sent_at_);
  step(Tick{});
  ASSERT_EQ(phase(), Phase::kKilling);
  EXPECT_EQ(link_.deadline(), now_);
  now_ = timeline_.expires_at(sent_at_);
  turn();
  EXPECT_EQ(link_.deadline(), now_) << "nobody can kill better than a keeper that goes on killing";
}

TEST_F(FrontDeadlineTest, IsTheKillDeadlineWhileAJobIsKilledUnderItsLease) {
  run_job();
  step(FrontGone{});
  ASSERT_EQ(phase(), Phase::kKilling);
  turn();
  EXPECT_EQ(link_.deadline(), timeline_.kill_at(sent_at_));
}

TEST_F(FrontDeadlineTest, IsNeverForAJobWithoutALease) {
  open(Supervisor::without_lease(timeline_, policy_, now_), /*has_store=*/false);
  step(JobStarted{});
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
  step(FrontGone{});
  ASSERT_EQ(phase(), Phase::kKilling);
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
}

TEST_F(FrontDeadlineTest, IsNeverForACandidate) {
  open({timeline_, policy_, 7, now_});
  step(Tick{});
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
}

}  // namespace
}  // namespace cluster_leader
