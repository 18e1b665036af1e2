// Who leads when somebody leaves, on the built binary: told to, killed, or stopped, in one half or
// both. Where the ttl is long, whatever a test waits for has come long before the end of a lease.
#include <signal.h>

#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ElectFailoverTest : public ElectTest {
 protected:
  /// A leader on web-1, and a follower on web-2 that has heard of it.
  void start_two(const std::string& ttl) {
    leader_.emplace(standing("web-1", ttl));
    ASSERT_TRUE(leader_->says({"leader"})) << leader_->transcript();
    follower_.emplace(standing("web-2", ttl));
    ASSERT_TRUE(follower_->says({"follower"})) << follower_->transcript();
    front_ = leader_->front();
    keeper_ = leader_->keeper();
  }

  void stop_process(pid_t pid) const {
    ::kill(pid, SIGSTOP);
    ASSERT_TRUE(eventually([&] { return state_of(pid) == 'T'; }));
  }

  /// The states of a key from the second on, for whoever has lost it: none first, and then perhaps
  /// at once whom it follows.
  static void expect_lost(const Elector& elector) {
    const Words states = elector.states();
    ASSERT_GE(states.size(), 2U) << elector.transcript();
    EXPECT_EQ(states[0], "leader");
    EXPECT_EQ(states[1], "none");
  }

  std::optional<Elector> leader_;
  std::optional<Elector> follower_;
  pid_t front_ = 0;
  pid_t keeper_ = 0;
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
  start_two(kLong);
  Elector third(standing("web-3"));
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
  EXPECT_GT(next.last().token, leader_->lines().front().token);
}

TEST_F(ElectFailoverTest, InterruptEndsItAsTermDoes) {
  start_two(kLong);
  leader_->signal(SIGINT);
  EXPECT_EQ(leader_->process().wait().status(), 0);
  EXPECT_TRUE(follower_->is("leader"));
}

TEST_F(ElectFailoverTest, HangUpEndsItTooAndItDiesOfThat) {
  for (const int signo : {SIGHUP, SIGQUIT, SIGALRM}) {
    Elector elector(standing("web-1"));
    ASSERT_TRUE(elector.is("leader"));
    elector.signal(signo);
    EXPECT_EQ(elector.process().wait().status(), kDiedOf + signo);
    EXPECT_EQ(value(), "(nil)");
  }
  Elector elector(Elector::command(standing("web-1")).prepare([] { ::signal(SIGHUP, SIG_IGN); }));
  ASSERT_TRUE(elector.is("leader"));
  elector.signal(SIGHUP);
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectFailoverTest, FollowerThatLeavesChangesNothing) {
  start_two(kLong);
  const Ended ended = follower_->stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(value(), leader_->last().holder);
  EXPECT_THAT(leader_->states(), ElementsAre("leader"));
}

TEST_F(ElectFailoverTest, WhoeverLeavesDeletesNobodyElsesLease) {
  start_two(kLong);
  server_.text({"SET", "job-a", "web-9/other"});
  EXPECT_EQ(leader_->stop().status(), 0);
  EXPECT_EQ(follower_->stop().status(), 0);
  EXPECT_EQ(value(), "web-9/other");
}

TEST_F(ElectFailoverTest, KilledFrontIsReleasedByItsKeeperAndNothingIsLeft) {
  start_two(kLong);
  leader_->signal(SIGKILL);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  EXPECT_TRUE(eventually([&] { return is_gone(keeper_); }));
  EXPECT_GT(follower_->last().token, leader_->last().token);
}

TEST_F(ElectFailoverTest, KilledKeeperIsReleasedByItsFrontWhichStandsAgain) {
  start_two(kLong);
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
  Elector elector(standing("web-1"));
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
  Elector elector(standing("web-1"));
  ASSERT_TRUE(elector.is("leader"));
  ::kill(elector.keeper(), SIGKILL);
  ASSERT_TRUE(elector.is("none"));
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(value(), "(nil)");
}

TEST_F(ElectFailoverTest, KilledTogetherTheyAreFollowedWhenTheTtlIsOver) {
  start_two("2");
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
  start_two("2");
  stop_process(keeper_);
  ASSERT_TRUE(leader_->is("follower")) << leader_->transcript();
  expect_lost(*leader_);
  EXPECT_TRUE(follower_->is("leader")) << follower_->transcript();
  EXPECT_TRUE(eventually([&] { return is_gone(keeper_); }));
  EXPECT_EQ(fault_in({&*leader_, &*follower_}), "")
      << leader_->transcript() << follower_->transcript();
  EXPECT_EQ(leader_->follows(follower_->last().holder), true);
}

TEST_F(ElectFailoverTest, StoppedFrontLeadsOnAndIsRightWhenItGoesOn) {
  start_two("1");
  stop_process(front_);
  // For longer than the ttl.
  wait_for_renewals(7);
  EXPECT_EQ(value(), leader_->last().holder);
  leader_->signal(SIGCONT);
  leader_->signal(SIGUSR2);
  EXPECT_TRUE(follower_->is("leader"));
  EXPECT_TRUE(leader_->follows(follower_->last().holder)) << leader_->transcript();
  EXPECT_THAT(leader_->states(), ElementsAre("leader", "none", "follower"));
}

TEST_F(ElectFailoverTest, FrontThatWasStoppedHearsOfTheLeadershipOfItsKeeper) {
  start_two("1");
  stop_process(follower_->front());
  EXPECT_EQ(leader_->stop().status(), 0);
  ASSERT_TRUE(eventually([&] { return value().starts_with("web-2/"); }));
  // The news of it is older than a lease.
  wait_for_renewals(7);
  follower_->signal(SIGCONT);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  EXPECT_EQ(follower_->last().holder, value());
}

TEST_F(ElectFailoverTest, FrontThatWasStoppedSaysNothingThatIsOverByThen) {
  start_two("1");
  stop_process(follower_->front());
  EXPECT_EQ(leader_->stop().status(), 0);
  ASSERT_TRUE(eventually([&] { return value().starts_with("web-2/"); }));
  ::kill(first_child_of(follower_->front()), SIGKILL);
  Elector next(standing("web-3", "1"));
  ASSERT_TRUE(next.is("leader")) << next.transcript();
  const std::size_t before = follower_->lines().size();
  follower_->signal(SIGCONT);
  EXPECT_TRUE(follower_->follows(next.last().holder)) << follower_->transcript();
  for (std::size_t i = before; i < follower_->lines().size(); ++i) {
    EXPECT_NE(follower_->lines()[i].state, "leader") << follower_->transcript();
  }
}

TEST_F(ElectFailoverTest, BothStoppedForLongerThanTheTtlAreNoLeaderAnyMore) {
  start_two("1");
  stop_process(front_);
  stop_process(keeper_);
  ASSERT_TRUE(follower_->is("leader")) << follower_->transcript();
  ::kill(keeper_, SIGCONT);
  leader_->signal(SIGCONT);
  ASSERT_TRUE(leader_->follows(follower_->last().holder)) << leader_->transcript();
  for (std::size_t i = 1; i < leader_->lines().size(); ++i) {
    EXPECT_NE(leader_->lines()[i].state, "leader") << leader_->transcript();
  }
  EXPECT_THAT(follower_->states(), ::testing::Contains("leader").Times(1));
}

}  // namespace
}  // namespace cluster_leader
