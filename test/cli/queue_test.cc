// First come, first served: on the built binary, judged by what the jobs write.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"
#include "support/relay.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

// Whoever is not told asks again once in a ttl, which is 30 s here. What is told takes a second at
// most (lease/queue_test, store/queue_contract.h), and the rest of this is for a busy machine.
constexpr auto kSoon = 12s;

class QueueTest : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  QueueTest() {
    if (GetParam() == std::string("File")) return;
    const std::string name = GetParam();
    server_ = std::make_unique<GrownServer>(Words{}, name == "Redis"    ? REDIS_SERVER
                                                     : name == "Redis6" ? REDIS_6_SERVER
                                                                        : VALKEY_SERVER);
  }

  Words here(const Words& more = {}) const { return server_ ? on(*server_, more) : on_file(more); }

  /// A run of job-a, which writes `name` and then does what `more` says.
  Process run(const std::string& name, const Words& options, const std::string& more = "") const {
    return run_at(here(), name, options, more);
  }
  Process run_at(const Words& at, const std::string& name, const Words& options,
                 const std::string& more = "") const {
    Words own = {"--key", "job-a", "--node", name};
    const bool has_ttl = std::count(options.begin(), options.end(), "--ttl") > 0;
    if (!has_ttl) own.insert(own.end(), {"--ttl", "30"});
    return run_under_lease(joined(joined(at, own), options),
                           {"sh", "-c", "echo " + name + " >>'" + path("log") + "'; " + more})
        .with("PATH", "/usr/bin:/bin")
        .start();
  }
  /// One that ends at end_holder().
  Process hold(const Words& options = {}, const std::string& name = "holder") const {
    folder_.write("held", "");
    ::unlink(path("log").c_str());
    Process holder =
        run(name, options, "while test -e '" + path("held") + "'; do sleep 0.01; done");
    EXPECT_TRUE(eventually([&] { return log() == name + ' '; })) << holder.err();
    return holder;
  }
  void end_holder() const { ::unlink(path("held").c_str()); }

  /// One that waits, and is in line when this returns.
  Process wait_in_line(const std::string& name, const Words& options = {"--wait", "60"}) const {
    return wait_in_line_at(here(), name, options);
  }
  Process wait_in_line_at(const Words& at, const std::string& name,
                          const Words& options = {"--wait", "60"}) const {
    const int before = waiters();
    Process waiter = run_at(at, name, options);
    EXPECT_TRUE(eventually([&] { return waiters() == before + 1; })) << waiter.err();
    return waiter;
  }

  Json status() const {
    const Words words = joined({CLUSTER_LEADER_BINARY, "status", "--json"}, here());
    const Ended ended = Command(joined(words, {"--key", "job-a"})).run();
    EXPECT_EQ(ended.status(), 0) << ended;
    return Json::parse(ended.out)[0];
  }
  int waiters() const { return status()["waiters"].get<int>(); }

  /// The names that the jobs wrote, in order.
  std::string log() const {
    std::istringstream lines(content_of(path("log")));
    std::string names;
    for (std::string line; std::getline(lines, line);) names += line + ' ';
    return names;
  }

  std::unique_ptr<Server> server_;  ///< null: in a directory
};

INSTANTIATE_TEST_SUITE_P(Place, QueueTest, testing::Values("File", "Redis", "Redis6", "Valkey"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(QueueTest, WaitersRunInTheOrderInWhichTheyCame) {
  Process holder = hold();
  std::list<Process> waiters;
  for (const char* name : {"1", "2", "3", "4", "5"}) waiters.push_back(wait_in_line(name));
  end_holder();
  for (Process& waiter : waiters) EXPECT_EQ(waiter.wait().status(), 0);
  EXPECT_EQ(log(), "holder 1 2 3 4 5 ");
  EXPECT_EQ(status()["waiters"], 0);
}

TEST_P(QueueTest, StatusSaysHowManyWaitAndSinceWhenTheFirst) {
  Process holder = hold();
  EXPECT_EQ(status()["waiters"], 0);
  EXPECT_EQ(status()["waiting_since"], Json());
  Process first = wait_in_line("1");
  const Json since = status()["waiting_since"];
  ASSERT_TRUE(since.is_string());
  EXPECT_GE(since.get<std::string>(), status()["since"].get<std::string>());
  Process second = wait_in_line("2");
  EXPECT_EQ(status()["waiting_since"], since) << "it is the first who counts";
}

TEST_P(QueueTest, AHeadThatDiesOrIsStoppedCostsTheNextOneASecondOnce) {
  for (const int signo : {SIGKILL, SIGSTOP}) {
    Process holder = hold();
    Process head = wait_in_line("head");
    Process next = wait_in_line("next");
    Process last = wait_in_line("last");
    head.signal(signo);
    end_holder();
    const Ended ended = holder.wait();
    const Ended after = next.wait();
    EXPECT_EQ(after.status(), 0) << after;
    EXPECT_LT(after.at - ended.at, kSoon);
    EXPECT_LT(last.wait().at - after.at, kSoon);
    EXPECT_EQ(log(), "holder next last ");
    if (signo == SIGKILL) continue;
    head.signal(SIGCONT);
    EXPECT_EQ(head.wait().status(), 0) << "it queues anew";
  }
}

TEST_P(QueueTest, AHolderThatDiesIsFollowedByTheFirstInLine) {
  Process holder = run("holder", {"--ttl", "2"}, "sleep 60");
  ASSERT_TRUE(eventually([&] { return log() == "holder "; })) << holder.err();
  std::list<Process> waiters;
  for (const char* name : {"1", "2", "3"}) waiters.push_back(wait_in_line(name));
  const pid_t keeper = first_child_of(holder.pid());
  // Neither can release the lease.
  holder.signal(SIGSTOP);
  ::kill(keeper, SIGSTOP);
  for (Process& waiter : waiters) EXPECT_EQ(waiter.wait().status(), 0);
  EXPECT_EQ(log(), "holder 1 2 3 ");
  for (const pid_t pid : {keeper, holder.pid()}) ::kill(pid, SIGCONT);
  EXPECT_EQ(holder.wait().status(), 79);
}

TEST_P(QueueTest, WhoeverGivesUpIsNoLongerInLine) {
  Process holder = hold();
  Process first = wait_in_line("1", {"--wait", "3"});
  Process second = wait_in_line("2");
  Process third = wait_in_line("3");
  second.signal(SIGTERM);
  EXPECT_EQ(second.wait().status(), kDiedOf + SIGTERM);
  EXPECT_EQ(waiters(), 2);
  EXPECT_EQ(first.wait().status(), 75);
  EXPECT_EQ(waiters(), 1);
  end_holder();
  const Ended ended = holder.wait();
  EXPECT_LT(third.wait().at - ended.at, kSoon);
}

TEST_P(QueueTest, WhoeverTriesOnceIsAFollowerWhileSomebodyElseIsNext) {
  Process holder = hold();
  Process head = wait_in_line("head");
  head.signal(SIGSTOP);
  end_holder();
  holder.wait();
  expect_silent_follower(run("passer-by", {"-n"}).wait());
  head.signal(SIGCONT);
  EXPECT_EQ(head.wait().status(), 0);
  // Otherwise one dead waiter would cost a tick of cron.
  Process again = hold();
  Process dead = wait_in_line("dead");
  dead.signal(SIGKILL);
  end_holder();
  again.wait();
  EXPECT_EQ(run("passer-by", {}).wait().status(), 0);
  EXPECT_NE(log().find("passer-by"), std::string::npos);
}

TEST_P(QueueTest, AParkedKeyIsItsNodesWhoeverWaits) {
  const Words sticky = {"--sticky", "--ttl", "4"};
  Process holder = hold(sticky, "web-1");
  Process other = wait_in_line("other");
  end_holder();
  EXPECT_EQ(holder.wait().status(), 0);
  EXPECT_EQ(run("web-1", sticky).wait().status(), 0);
  EXPECT_EQ(other.wait().status(), 0);
  EXPECT_EQ(log(), "web-1 web-1 other ");
}

TEST_P(QueueTest, AJobThatNeedNotBeRepeatedSendsAllWaitersAway) {
  Process holder = hold({"--once", "1h"});
  std::list<Process> waiters;
  for (const char* name : {"1", "2", "3", "4"}) waiters.push_back(wait_in_line(name));
  end_holder();
  const Ended ended = holder.wait();
  for (Process& waiter : waiters) {
    const Ended one = waiter.wait();
    EXPECT_EQ(one.status(), 75) << one;
    EXPECT_LT(one.at - ended.at, kSoon) << "each one tells the next";
  }
  EXPECT_EQ(log(), "holder ");
}

TEST_P(QueueTest, AnElectorIsInTheSameLine) {
  Process holder = hold();
  Process first = wait_in_line("1");
  Elector elector(joined(here(), {"--key", "job-a", "--ttl", "5", "--node", "elector"}));
  ASSERT_TRUE(eventually([&] { return waiters() == 2; }));
  Process last = wait_in_line("last");
  end_holder();
  EXPECT_EQ(first.wait().status(), 0);
  ASSERT_TRUE(eventually([&] { return status()["leader"] == "elector"; }));
  EXPECT_EQ(log(), "holder 1 ");
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_EQ(last.wait().status(), 0);
}

TEST_P(QueueTest, NobodyStarvesAmongRandomArrivalsAndDeaths) {
  // For the long form, set QUEUE_TEST_SECONDS=600.
  const char* const seconds = std::getenv("QUEUE_TEST_SECONDS");
  const Time end = BootClock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 6);
  std::mt19937 random(1);
  const auto chance = [&](int n) { return std::uniform_int_distribution(1, n)(random) == 1; };
  std::list<Process> well;
  std::list<Process> harmed;
  while (BootClock::now() < end) {
    // Whoever has to wait for so long that it gives up has starved.
    well.push_back(run("x", {"--wait", "30", "--ttl", "3"}, "sleep 0.05"));
    std::this_thread::sleep_for(std::uniform_int_distribution(50, 500)(random) * 1ms);
    if (chance(10)) {
      // It may be dead, deaf, or have had its turn.
      well.back().signal(chance(2) ? SIGKILL : SIGSTOP);
      harmed.splice(harmed.end(), well, std::prev(well.end()));
    }
    while (!well.empty() && !well.front().running()) {
      EXPECT_EQ(well.front().wait().status(), 0);
      well.pop_front();
    }
  }
  for (Process& waiter : well) EXPECT_EQ(waiter.wait(60s).status(), 0);
  for (Process& one : harmed) {
    one.signal(SIGKILL);
    one.wait();
  }
}

class QueueOnServerTest : public QueueTest {
 protected:
  long long scripts() const { return server_->calls("evalsha") + server_->calls("eval"); }
};

INSTANTIATE_TEST_SUITE_P(Place, QueueOnServerTest, testing::Values("Redis", "Valkey"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(QueueOnServerTest, AHeadThatIsCutOffCostsTheNextOneASecond) {
  Relay relay(server_->port());
  Process holder = hold();
  Process head = wait_in_line_at({"--server", relay.url()}, "head");
  Process next = wait_in_line("next");
  relay.cut();
  end_holder();
  const Ended ended = holder.wait();
  EXPECT_LT(next.wait().at - ended.at, kSoon);
  EXPECT_EQ(log(), "holder next ");
}

TEST_P(QueueOnServerTest, HundredsOfWaitersAskAFewTimesEach) {
  constexpr int kWaiters = 300;
  Process holder = hold();
  const long long before = scripts();
  std::list<Process> waiters;
  for (int i = 0; i < kWaiters; ++i) waiters.push_back(run("x", {"--wait", "120", "--ttl", "60"}));
  const auto in_line = [&] {
    return server_->integer({"ZCOUNT", "cluster-leader:queue:{job-a}", "-inf", "(10000000000000"});
  };
  ASSERT_TRUE(eventually([&] { return in_line() == kWaiters; })) << in_line();
  end_holder();
  for (Process& waiter : waiters) EXPECT_EQ(waiter.wait(60s).status(), 0);
  EXPECT_EQ(holder.wait().status(), 0);
  // Renewals of the holder, and the question above, are among them.
  EXPECT_LT(scripts() - before, 4 * kWaiters + 200);
}

TEST_P(QueueOnServerTest, WhoeverWaitsAsksOnceInATtl) {
  const Words short_ttl = {"--wait", "60", "--ttl", "1", "--heartbeat", "300ms"};
  server_->command({"SET", "job-a", "somebody/1", "PX", "60000"});
  std::list<Process> waiters;
  for (const char* name : {"1", "2", "3", "4"}) waiters.push_back(wait_in_line(name, short_ttl));
  const Time begin = BootClock::now();
  const long long before = scripts();
  std::this_thread::sleep_for(4s);
  const auto ttls = static_cast<double>((BootClock::now() - begin) / 1ms) / 1000;
  EXPECT_LE(static_cast<double>(scripts() - before), 4 * (ttls + 1));
  EXPECT_GE(scripts() - before, 8) << "or their places would lapse";
}

TEST_P(QueueOnServerTest, AReleaseByAClientThatKnowsNoQueueWakesTheFirst) {
  server_->command({"SET", "job-a", "old/1", "PX", "60000"});
  Process first = wait_in_line("1");
  Process second = wait_in_line("2");
  ASSERT_TRUE(eventually([&] {
    return server_->command({"PUBSUB", "NUMSUB", "cluster-leader:events:{job-a}"})
               ->element[1]
               ->integer == 2;
  }));
  server_->command({"DEL", "job-a"});
  const Time begin = BootClock::now();
  server_->command({"PUBLISH", "cluster-leader:events:{job-a}", "released old/1"});
  EXPECT_LT(first.wait().at - begin, kSoon);
  EXPECT_EQ(second.wait().status(), 0);
  EXPECT_EQ(log(), "1 2 ");
}

TEST_P(QueueOnServerTest, WithoutTheQueueTheFirstThatAsksIsTheFirst) {
  Process holder = hold();
  Process first = wait_in_line("1");
  server_->command({"DEL", "cluster-leader:queue:{job-a}"});
  end_holder();
  EXPECT_EQ(first.wait(10s).status(), 0);
}

}  // namespace
}  // namespace cluster_leader
