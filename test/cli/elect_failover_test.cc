// Who leads when somebody leaves, on the built binary: told to, killed, or stopped, in one half or
// both. Where the ttl is long, whatever a test waits for has come long before the end of a lease.
#include <signal.h>

#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ElectFailoverTest : public ElectTest {
 protected:
  bool start_two(const std::string& ttl) {
    const bool are_there = ElectTest::start_two(ttl);
    front_ = leader_->front();
    keeper_ = leader_->keeper();
    first_token_ = leader_->last().token;
    return are_there;
  }

  void stop_process(pid_t pid) const {
    ::kill(pid, SIGSTOP);
    ASSERT_TRUE(eventually([&] { return state_of(pid) == 'T'; }));
  }

  /// It has led once and says something else now: that nobody leads, or already whom it follows.
  static void expect_lost(const Elector& elector) {
    EXPECT_THAT(elector.states(), Contains("leader").Times(1)) << elector.transcript();
    EXPECT_NE(elector.states().back(), "leader") << elector.transcript();
  }

  pid_t front_ = 0;
  pid_t keeper_ = 0;
  std::int64_t first_token_ = 0;
};

TEST_F(ElectFailoverTest, OneOfThreeOnOneNodeLeadsAndTheOthersNameItsHolder) {
  // The seed's node made three leaders of them: they have one name.
  std::vector<Elector> electors;
  for (int i = 0; i < 3; ++i) {
    electors.emplace_back(
        Elector::command(on(server_, {"--key", "job-a", "--ttl", kLong})).with("HOSTNAME", "web"));
  }
  const auto leaders = [&] {
    return electors[0].count("leader") + electors[1].count("leader") + electors[2].count("leader");
  };
  ASSERT_TRUE(eventually([&] { return leaders() == 1; }));
  for (const Elector& elector : electors) {
    const std::string holder = value();
    EXPECT_TRUE(eventually([&] {
      return !elector.lines().empty() && elector.last().holder == holder;
    })) << holder;
    EXPECT_EQ(elector.last().node, "web");
    EXPECT_EQ(elector.last().leader, "web");
  }
  EXPECT_EQ(leaders(), 1);
}

TEST_F(ElectFailoverTest, TermOfTheLeaderIsFollowedAtOnceByAnotherOne) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  Elector third(options_for("web-3"));
  ASSERT_TRUE(third.says({"follower"}));
  const Ended ended = leader_->stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.err, "");
  expect_lost(*leader_);
  EXPECT_TRUE(eventually([&] { return is_gone(keeper_); }));
  ASSERT_TRUE(eventually([&] { return follower_->count("leader") + third.count("leader") == 1; }));
  const Elector& next = follower_->count("leader") == 1 ? *follower_ : third;
  const Elector& other = &next == &third ? *follower_ : third;
  EXPECT_TRUE(other.follows(next.last().holder)) << other.transcript();
  EXPECT_EQ(other.last().leader, next.last().node);
  EXPECT_EQ(other.last().token, next.last().token);
  EXPECT_GT(next.last().token, first_token_);
}

TEST_F(ElectFailoverTest, InterruptEndsItAsTermDoes) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  leader_->signal(SIGINT);
  EXPECT_EQ(leader_->process().wait().status(), 0);
  EXPECT_TRUE(follower_->is("leader"));
}

TEST_F(ElectFailoverTest, HangUpEndsItTooAndItDiesOfThat) {
  for (const int signo : {SIGHUP, SIGQUIT, SIGALRM}) {
    Elector elector(options_for("web-1"));
    ASSERT_TRUE(elector.is("leader"));
    elector.signal(signo);
    EXPECT_EQ(elector.process().wait().status(), kDiedOf + signo);
    EXPECT_EQ(value(), "(nil)");
  }
  Elector elector(
      Elector::command(options_for("web-1")).prepare([] { ::signal(SIGHUP, SIG_IGN); }));
  ASSERT_TRUE(elector.is("leader"));
  elector.signal(SIGHUP);
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectFailoverTest, FollowerThatLeavesChangesNothing) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  const Ended ended = follower_->stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(value(), leader_->last().holder);
  EXPECT_THAT(leader_->states(), ElementsAre("leader"));
}

TEST_F(ElectFailoverTest, WhoeverLeavesDeletesNobodyElsesLease) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  server_.text({"SET", "job-a", "web-9/other"});
  EXPECT_EQ(leader_->stop().status(), 0);
  EXPECT_EQ(follower_->stop().status(), 0);
  EXPECT_EQ(value(), "web-9/other");
}

TEST_F(ElectFailoverTest, KilledFrontIsReleasedByItsKeeperAndNothingIsLeft) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  leader_->signal(SIGKILL);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  EXPECT_TRUE(eventually([&] { return is_gone(keeper_); }));
  EXPECT_GT(follower_->last().token, leader_->last().token);
}

TEST_F(ElectFailoverTest, KilledKeeperIsReleasedByItsFrontWhichStandsAgain) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  ::kill(keeper_, SIGKILL);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  expect_lost(*leader_);
  EXPECT_TRUE(leader_->follows(follower_->last().holder)) << leader_->transcript();
  EXPECT_NE(leader_->keeper(), keeper_);
  expect_one_line(leader_->process().err(), {"keeper", "killed", "new one"});
  // The new one is as good as the old one.
  EXPECT_EQ(follower_->stop().status(), 0);
  EXPECT_TRUE(leader_->is("leader")) << leader_->transcript();
  EXPECT_EQ(leader_->stop().status(), 0);
  EXPECT_EQ(value(), "(nil)");
}

TEST_F(ElectFailoverTest, LoneLeaderLeadsAgainWithANewKeeperBeforeItsTtlIsOver) {
  Elector elector(options_for("web-1"));
  for (int i = 1; i <= 2; ++i) {
    Words states = {"leader"};
    for (int again = 1; again < i; ++again) states = joined(states, {"none", "leader"});
    ASSERT_TRUE(elector.says(states)) << elector.transcript();
    ::kill(elector.keeper(), SIGKILL);
    ASSERT_TRUE(elector.says(joined(states, {"none", "leader"}))) << elector.transcript();
  }
  EXPECT_EQ(fault_in({&elector}), "");
  EXPECT_EQ(value(), elector.last().holder);
}

TEST_F(ElectFailoverTest, TermBetweenTwoKeepersEndsItAtOnce) {
  Elector elector(options_for("web-1"));
  ASSERT_TRUE(elector.is("leader"));
  ::kill(elector.keeper(), SIGKILL);
  ASSERT_TRUE(elector.is("none"));
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(value(), "(nil)");
}

TEST_F(ElectFailoverTest, KilledTogetherTheyAreFollowedWhenTheTtlIsOver) {
  ASSERT_TRUE(start_two("2")) << transcript();
  // Neither may see to it that the other's end is followed by a release.
  stop_process(front_);
  stop_process(keeper_);
  const std::string holder = value();
  ::kill(keeper_, SIGKILL);
  ::kill(front_, SIGKILL);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  // It was the end of the lease that freed the key: nobody has deleted it.
  EXPECT_EQ(server_.calls("del"), 0);
  EXPECT_EQ(leader_->last().holder, holder);
  EXPECT_GT(follower_->last().token, leader_->last().token);
}

TEST_F(ElectFailoverTest, StoppedKeeperIsReplacedBeforeItsLeaseEnds) {
  ASSERT_TRUE(start_two("2")) << transcript();
  stop_process(keeper_);
  ASSERT_TRUE(leader_->is("follower")) << leader_->transcript();
  expect_lost(*leader_);
  EXPECT_EQ(leader_->states()[1], "none");
  EXPECT_TRUE(follower_->is("leader")) << follower_->transcript();
  EXPECT_TRUE(eventually([&] { return is_gone(keeper_); }));
  EXPECT_EQ(fault_in({&*leader_, &*follower_}), "")
      << leader_->transcript() << follower_->transcript();
  EXPECT_TRUE(leader_->follows(follower_->last().holder)) << transcript();
}

TEST_F(ElectFailoverTest, StoppedFrontLeadsOnAndIsRightWhenItGoesOn) {
  ASSERT_TRUE(start_two("5")) << transcript();
  stop_process(front_);
  wait_for_renewals(2);
  EXPECT_EQ(value(), leader_->last().holder);
  leader_->signal(SIGCONT);
  leader_->signal(SIGUSR2);
  EXPECT_TRUE(follower_->is("leader"));
  EXPECT_TRUE(leader_->follows(follower_->last().holder)) << leader_->transcript();
  expect_lost(*leader_);
}

TEST_F(ElectFailoverTest, FrontThatWasStoppedHearsOfTheLeadershipOfItsKeeper) {
  ASSERT_TRUE(start_two("2")) << transcript();
  stop_process(follower_->front());
  EXPECT_EQ(leader_->stop().status(), 0);
  ASSERT_TRUE(eventually([&] { return value().starts_with("web-2/"); }));
  // The news of it is older than a lease.
  wait_for_renewals(5);
  follower_->signal(SIGCONT);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  EXPECT_EQ(follower_->last().holder, value());
}

TEST_F(ElectFailoverTest, FrontThatWasStoppedSaysNothingThatIsOverByThen) {
  ASSERT_TRUE(start_two("1")) << transcript();
  stop_process(follower_->front());
  EXPECT_EQ(leader_->stop().status(), 0);
  ASSERT_TRUE(eventually([&] { return value().starts_with("web-2/"); }));
  ::kill(first_child_of(follower_->front()), SIGKILL);
  Elector next(options_for("web-3", "1"));
  ASSERT_TRUE(next.is("leader")) << next.transcript();
  follower_->signal(SIGCONT);
  EXPECT_TRUE(follower_->follows(next.last().holder)) << follower_->transcript();
  EXPECT_THAT(follower_->states(), Contains("leader").Times(0)) << transcript();
}

TEST_F(ElectFailoverTest, BothStoppedForLongerThanTheTtlAreNoLeaderAnyMore) {
  ASSERT_TRUE(start_two("1")) << transcript();
  stop_process(front_);
  stop_process(keeper_);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  ::kill(keeper_, SIGCONT);
  leader_->signal(SIGCONT);
  ASSERT_TRUE(leader_->follows(follower_->last().holder)) << leader_->transcript();
  EXPECT_THAT(leader_->states(), Contains("leader").Times(1)) << transcript();
  EXPECT_THAT(follower_->states(), Contains("leader").Times(1));
}

}  // namespace
}  // namespace cluster_leader
