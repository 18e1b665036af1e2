// Leases on several independent servers, of which a majority decides: the built binary over real
// ones.
#include <nlohmann/json.hpp>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

class QuorumCliTest : public CliTest {
 protected:
  explicit QuorumCliTest(std::size_t servers = 3) {
    while (servers_.size() + 1 < servers) servers_.push_back(std::make_unique<GrownServer>());
    servers_.push_back(std::make_unique<GrownServer>(Words{}, VALKEY_SERVER));
  }

  Server& server(std::size_t number) { return *servers_[number - 1]; }
  std::string name(std::size_t number) {
    return "127.0.0.1:" + std::to_string(server(number).port());
  }

  Words on_all(const Words& more = {}) const {
    Words words;
    for (const auto& server : servers_) words = joined(words, on(*server));
    return joined(words, more);
  }
  Words lease(const Words& more = {}) const { return on_all(joined({"--key", "job-a"}, more)); }
  static Ended say(const Words& words) {
    return Command(joined({CLUSTER_LEADER_BINARY}, words)).run();
  }

  Process hold(const Words& options = {}) {
    Process holder = run_under_lease(lease(options), job_until_stdin_ends())
                         .give(stdin_of_job_.read_end.get(), 0)
                         .start();
    EXPECT_TRUE(holder.says("runs")) << holder.err();
    return holder;
  }
  void let_go() { stdin_of_job_.write_end.reset(); }
  std::string holder_on(std::size_t number) { return server(number).text({"GET", "job-a"}); }

  std::vector<std::unique_ptr<Server>> servers_;
  Pipe stdin_of_job_;
};

class QuorumOfFiveCliTest : public QuorumCliTest {
 protected:
  QuorumOfFiveCliTest() : QuorumCliTest(5) {}
};

TEST_F(QuorumCliTest, OfTenReplicasThatStartTogetherExactlyOneRuns) {
  expect_that_one_runs_of(10, lease());
}

TEST_F(QuorumCliTest, WaitersRunOneAfterTheOtherAndTheTokensGrow) {
  std::vector<Process> waiters;
  for (int i = 0; i < 6; ++i) {
    waiters.push_back(run_under_lease(lease({"--wait", "60"}), exclusive_job("20")).start());
  }
  for (Process& waiter : waiters) {
    const Ended ended = waiter.wait();
    EXPECT_EQ(ended.status(), 0) << ended;
  }
  EXPECT_EQ(log().count("start"), 6);
  EXPECT_EQ(log().fault(), "");
}

TEST_F(QuorumCliTest, WorksWithOneServerDownAndNotWithTwo) {
  server(1).kill();
  const Ended ended = run_under_lease(lease(), {"echo", "runs"}).run();
  EXPECT_EQ(ended.status(), 0) << ended;
  server(2).kill();
  expect_failure(
      run_under_lease(lease(), {"echo", "runs"}).run(), 69,
      {"no majority: 2 of 3 servers gave no usable answer", "127.0.0.1:", "connection refused"});
}

TEST_F(QuorumOfFiveCliTest, WorksWithTwoServersDownAndNotWithThree) {
  server(2).kill();
  server(5).kill();
  const Ended ended = run_under_lease(lease(), {"echo", "runs"}).run();
  EXPECT_EQ(ended.status(), 0) << ended;
  server(3).kill();
  expect_failure(run_under_lease(lease(), {"echo", "runs"}).run(), 69,
                 {"no majority: 3 of 5 servers gave no usable answer"});
}

TEST_F(QuorumCliTest, AJobOutlivesTheLossOfOneServerAndIsStoppedInTimeAfterThatOfTwo) {
  Process holder = hold({"--ttl", "2"});
  server(1).kill();
  // Each renewal is a PEXPIRE of the lock and one of its record.
  const long long before = server(2).calls("pexpire");
  ASSERT_TRUE(eventually([&] { return server(2).calls("pexpire") >= before + 6; }));
  EXPECT_TRUE(holder.running());
  const Time lost_at = BootClock::now();
  server(3).kill();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_THAT(ended.err, HasSubstr("2 of 3 servers gave no usable answer"));
  EXPECT_LE(ended.at - lost_at, 2s + kBusy);
}

TEST_F(QuorumCliTest, AServerThatLosesItsDataHasTheLeaseAgainWithTheNextRenewal) {
  Process holder = hold({"--ttl", "5"});
  ASSERT_TRUE(
      eventually([&] { return holder_on(2) == holder_on(1) && holder_on(3) == holder_on(1); }));
  const auto token_on = [&](std::size_t number) {
    return server(number).text({"HGET", "cluster-leader:record:{job-a}", "fence"});
  };
  // One whose vote came late gets it with the first renewal.
  ASSERT_TRUE(eventually([&] { return token_on(1) != "(nil)"; }));
  const std::string token = token_on(1);
  const Time wiped_at = BootClock::now();
  server(3).command({"FLUSHALL"});
  ASSERT_TRUE(eventually([&] { return holder_on(3) == holder_on(1); }));
  // A heartbeat is a second.
  EXPECT_LE(BootClock::now() - wiped_at, 1s + kBusy);
  EXPECT_EQ(token_on(3), token);
  let_go();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_F(QuorumCliTest, AFrozenServerDelaysNobodyForLong) {
  server(1).pause();
  constexpr Duration kHalfATtl = 5s;
  // Its answer to a release is waited for: that takes a 20th of the ttl.
  const Ended alone = run_under_lease(lease({"--ttl", "10"}), {"true"}).run();
  EXPECT_EQ(alone.status(), 0) << alone;
  EXPECT_LE(alone.took, kHalfATtl);
  Process holder = hold({"--ttl", "10"});
  const Ended follower = run_under_lease(lease({"--ttl", "10"}), {"true"}).run();
  expect_silent_follower(follower);
  EXPECT_LE(follower.took, kHalfATtl);
  let_go();
  EXPECT_EQ(holder.wait().status(), 0);
  server(1).resume();
}

TEST_F(QuorumCliTest, AnElectorGoesOnLeadingWithOneServerLessAndHandsOverAtOnce) {
  const auto options = [&](const std::string& node) {
    return lease({"--node", node, "--ttl", "30"});
  };
  Elector first(options("web-1"));
  ASSERT_TRUE(first.is("leader")) << first.transcript();
  Elector second(options("web-2"));
  ASSERT_TRUE(second.follows(first.last().holder)) << second.transcript();
  const std::int64_t token = first.last().token;
  server(2).kill();
  first.stop();
  ASSERT_TRUE(second.is("leader")) << second.transcript();
  EXPECT_GT(second.last().token, token);
}

TEST_F(QuorumCliTest, ElectorsThatStartTogetherAreNeverWithoutAServer) {
  std::vector<std::unique_ptr<Elector>> electors;
  for (int i = 0; i < 6; ++i) {
    electors.push_back(
        std::make_unique<Elector>(lease({"--node", "web-" + std::to_string(i), "--ttl", "30"})));
  }
  int leaders = 0;
  for (const auto& elector : electors) {
    ASSERT_TRUE(eventually([&] {
      return elector->count("leader") + elector->count("follower") == 1;
    })) << elector->transcript();
    leaders += elector->count("leader");
  }
  EXPECT_EQ(leaders, 1);
}

TEST_F(QuorumCliTest, CheckStatusAndReleaseAreThoseOfAMajority) {
  Process holder = hold({"--node", "web-1", "--ttl", "30"});
  // A vote of somebody else, and a server that is down.
  server(1).kill();
  EXPECT_EQ(say(joined({"check"}, lease({"--node", "web-1"}))).status(), 0);
  EXPECT_EQ(say(joined({"check"}, lease({"--node", "web-2"}))).status(), 75);
  const Ended status = say(joined({"status", "--json"}, on_all()));
  EXPECT_EQ(status.status(), 0) << status;
  const Json keys = Json::parse(status.out);
  ASSERT_EQ(keys.size(), 1U) << status;
  EXPECT_EQ(keys[0]["key"], "job-a");
  EXPECT_THAT(keys.dump(), HasSubstr("web-1"));
  const Ended others = say(joined({"release"}, lease({"--node", "web-2"})));
  EXPECT_EQ(others.status(), 75) << others;
  const Ended ours = say(joined({"release"}, lease({"--node", "web-2", "--force"})));
  EXPECT_EQ(ours.status(), 0) << ours;
  EXPECT_THAT(ours.out, HasSubstr("released job-a: it was held by web-1"));
  EXPECT_EQ(holder.wait().status(), 79);
  server(2).kill();
  expect_failure(say(joined({"check"}, lease())), 69,
                 {"1 of 3 servers answered, but 2 are needed"});
}

TEST_F(QuorumCliTest, AHolderThatIsAskedOnAMajorityReleasesOnceItsJobHasEnded) {
  Process holder = hold({"--node", "web-1", "--ttl", "30", "--heartbeat", "200ms"});
  server(1).kill();
  const Ended asked = say(joined({"release"}, lease({"--node", "web-2", "--ask"})));
  EXPECT_EQ(asked.status(), 0) << asked;
  EXPECT_THAT(asked.out, HasSubstr("asked web-1"));
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_THAT(ended.err, HasSubstr("release --ask on web-2 asked for the key"));
  EXPECT_EQ(holder_on(2), "(nil)");
  EXPECT_EQ(holder_on(3), "(nil)");
  server(2).kill();
  expect_failure(say(joined({"release"}, lease({"--ask"}))), 69,
                 {"1 of 3 servers answered, but 2 are needed"});
}

TEST_F(QuorumCliTest, AServerThatHasOnlyVotedForTheHolderIsReleasedToo) {
  // No renewal comes, which would write the record.
  Process holder = hold({"--node", "web-1", "--ttl", "600"});
  // Two of them were in the second round, at least. One has now what it would have otherwise.
  std::vector<std::size_t> with_record;
  std::size_t down = 1;
  for (std::size_t number = 1; number <= 3; ++number) {
    const bool has_record =
        server(number).integer({"EXISTS", "cluster-leader:record:{job-a}"}) == 1;
    if (has_record && with_record.size() < 2) {
      with_record.push_back(number);
    } else {
      down = number;
    }
  }
  ASSERT_EQ(with_record.size(), 2U);
  server(down).kill();
  server(with_record[0]).command({"DEL", "cluster-leader:record:{job-a}"});
  const Ended released = say(joined({"release"}, lease({"--node", "web-1"})));
  EXPECT_EQ(released.status(), 0) << released;
  for (const std::size_t number : with_record) EXPECT_EQ(holder_on(number), "(nil)");
}

/// A silent server would cost each of them this time, or a multiple of it.
constexpr const char* kLongerThanAnyTest = "60s";

TEST_F(QuorumOfFiveCliTest, CheckAndStatusDoNotWaitForSilentServers) {
  Process holder = hold({"--node", "web-1"});
  server(1).pause();
  server(4).pause();
  const Words patient = {"--connect-timeout", kLongerThanAnyTest};
  const Ended checked = say(joined({"check"}, lease(joined(patient, {"--node", "web-1"}))));
  EXPECT_EQ(checked.status(), 0) << checked;
  const Ended shown = say(joined({"status"}, joined(on_all(), patient)));
  EXPECT_EQ(shown.status(), 0) << shown;
  EXPECT_THAT(shown.out, HasSubstr("web-1"));
}

TEST_F(QuorumOfFiveCliTest, ReleaseWaitsForAllSilentServersAtTheSameTime) {
  Process holder = hold({"--node", "web-1"});
  server(1).pause();
  server(4).pause();
  const Words patient = {"--connect-timeout", "4s", "--node", "web-1"};
  const Ended released = say(joined({"release"}, lease(patient)));
  EXPECT_EQ(released.status(), 0) << released;
  EXPECT_GE(released.took, 4s);
  EXPECT_LT(released.took, 8s);
  EXPECT_EQ(holder.wait().status(), 79);
}

TEST_F(QuorumCliTest, ASilentServerIsWaitedForOnlyWhereTheOthersDisagree) {
  Process holder = hold({"--node", "web-1"});
  // One that has forgotten the lease, and has not been repaired yet: the holder is stopped.
  ::kill(holder.child(), SIGSTOP);
  server(2).command({"FLUSHALL"});
  server(1).pause();
  const long long before = server(3).calls("eval");
  const Words patient = {"--connect-timeout", kLongerThanAnyTest};
  Process check =
      Command(joined({CLUSTER_LEADER_BINARY, "check"}, lease(joined(patient, {"--node", "web-1"}))))
          .start();
  // It has the answers of the two others, and waits for the third one.
  ASSERT_TRUE(eventually([&] { return server(3).calls("eval") > before; }));
  server(1).resume();
  EXPECT_EQ(check.wait().status(), 0);
  ::kill(holder.child(), SIGCONT);
}

TEST_F(QuorumCliTest, DoctorHasABlockForEachServerAndComparesTheirClocks) {
  const Ended text = say(joined({"doctor"}, on_all()));
  EXPECT_EQ(text.status(), 0) << text;
  for (const std::size_t number : {1U, 2U, 3U}) {
    EXPECT_THAT(text.out, HasSubstr(name(number) + ":\n"));
  }
  EXPECT_THAT(text.out, HasSubstr("all servers:\n"));
  EXPECT_THAT(text.out, HasSubstr("3 of 3 servers suit leases"));

  auto ahead = std::make_unique<ClockServer>();
  ahead->set_clock(6s);
  server(2).kill();
  servers_[1] = std::move(ahead);
  const Ended json = say(joined({"doctor", "--json", "--ttl", "10"}, on_all()));
  EXPECT_EQ(json.status(), 78) << json;
  Json clocks;
  for (const Json& finding : Json::parse(json.out)) {
    if (finding["check"] == "clocks") clocks = finding;
  }
  EXPECT_EQ(clocks["result"], "failed") << json;
  EXPECT_TRUE(clocks["server"].is_null());
  EXPECT_THAT(std::string(clocks["detail"]), HasSubstr(name(2) + " is ahead of "));
  const Ended longer = say(joined({"doctor", "--ttl", "20"}, on_all()));
  EXPECT_EQ(longer.status(), 0) << longer;
}

}  // namespace
}  // namespace cluster_leader
