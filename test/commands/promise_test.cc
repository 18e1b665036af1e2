// By when the keeper must have shown that it lives, on a clock that the test turns.
#include "commands/promise.h"

#include <gtest/gtest.h>

#include <optional>

#include "support/recording_store.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PromiseTest : public ::testing::Test {
 protected:
  PromiseTest() { policy_.patience = policy_.busy_patience = kForever; }

  void open(const Supervisor& supervisor, bool has_store = true) {
    std::unique_ptr<RecordingStore> store;
    if (has_store) {
      store = std::make_unique<RecordingStore>();
      store_ = store.get();
    }
    session_.emplace(
        std::move(store), "redis://here", [] { return HolderId{"web-1/a"}; }, reporter_);
    session_->add({"job-a"}, "job-a", supervisor);
    promise_.emplace(*session_, timeline_, link_);
    turn();
  }

  void tell(const Event& event) {
    ToDos todo;
    session_->tell(0, event, now_, todo);
    take(todo);
  }
  void hears(const Answer& answer) {
    store_->answers(0, answer);
    ToDos todo;
    session_->advance(poller_, now_, todo);
    take(todo);
  }
  /// As the keeper does: before it does anything, the promise.
  void take(const ToDos& todo) {
    for (const ToDo& one : todo) promise_->lower(one.contest, now_);
  }
  /// The next turn of the keeper.
  void turn() { promise_->refresh(now_); }

  /// A job under a lease that was taken now.
  void run_job() {
    open({timeline_, policy_, 7, now_});
    tell(Tick{});
    hears(Granted{{5}});
    tell(JobStarted{});
    turn();
    sent_at_ = now_;
  }
  void lose() {
    now_ += timeline_.heartbeat;
    tell(Tick{});
    hears(Lost{{"web-2/b"}});
  }
  Phase phase() const { return session_->at(0).supervisor.phase(); }

  Timeline timeline_ = Timeline::of(seconds(10));
  Policy policy_;
  Time now_{seconds(1000)};
  Time sent_at_;
  Poller poller_;
  Reporter reporter_{Options()};
  RecordingStore* store_ = nullptr;
  KeeperLink link_;
  std::optional<Session> session_;
  std::optional<Promise> promise_;
};

TEST_F(PromiseTest, IsTheKillDeadlineWhileTheJobRuns) {
  run_job();
  EXPECT_EQ(link_.deadline(), timeline_.kill_at(sent_at_));
}

TEST_F(PromiseTest, IsNowFromTheMomentAtWhichALeaseIsLostUntilTheJobIsDead) {
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
  tell(TreeGone{});
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
}

TEST_F(PromiseTest, IsNowAsWellIfTheJobWasAlreadyStopping) {
  timeline_.kill_after = 2 * timeline_.heartbeat;
  run_job();
  tell(ResignAsked{});
  ASSERT_EQ(phase(), Phase::kStopping);
  EXPECT_EQ(link_.deadline(), timeline_.kill_at(sent_at_));
  lose();
  EXPECT_EQ(link_.deadline(), now_);
}

TEST_F(PromiseTest, GoesOnWithTheKillingOfALeaseThatSlippedAway) {
  run_job();
  now_ = timeline_.kill_at(sent_at_);
  tell(Tick{});
  ASSERT_EQ(phase(), Phase::kKilling);
  EXPECT_EQ(link_.deadline(), now_);
  now_ = timeline_.expires_at(sent_at_);
  turn();
  EXPECT_EQ(link_.deadline(), now_) << "it is alive and kills, which nobody can do better";
}

TEST_F(PromiseTest, IsTheKillDeadlineIfTheJobIsKilledUnderItsLease) {
  run_job();
  tell(FrontGone{});
  ASSERT_EQ(phase(), Phase::kKilling);
  turn();
  EXPECT_EQ(link_.deadline(), timeline_.kill_at(sent_at_));
}

TEST_F(PromiseTest, IsNeverWithoutALeaseThatWasAskedFor) {
  open(Supervisor::without_lease(timeline_, policy_, now_), /*has_store=*/false);
  tell(JobStarted{});
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
  tell(FrontGone{});
  ASSERT_EQ(phase(), Phase::kKilling);
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
}

TEST_F(PromiseTest, IsNeverForACandidate) {
  open({timeline_, policy_, 7, now_});
  tell(Tick{});
  turn();
  EXPECT_EQ(link_.deadline(), kNever);
}

}  // namespace
}  // namespace cluster_leader
