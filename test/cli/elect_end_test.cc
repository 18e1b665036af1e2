// The keeper of an election ends with its front, in whatever phase and after whatever order that
// was killed, on the built binary.
#include <signal.h>

#include <fstream>
#include <functional>
#include <ostream>
#include <tuple>

#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class ElectEndTest : public ElectTest {
 public:
  // For the moments, which are no members.
  using ElectTest::options_for;
  using ElectTest::server_;
  using ElectTest::value;
  using ElectTest::wait_for_renewals;

  void stop_process(pid_t pid) const {
    ::kill(pid, SIGSTOP);
    ASSERT_TRUE(eventually([&] { return state_of(pid) == 'T'; }));
  }

  /// Waits until a front has taken all signals that were sent to it, and done what they asked for.
  static bool has_taken_signals(pid_t front) {
    return eventually([&] {
      std::ifstream status("/proc/" + std::to_string(front) + "/status");
      bool pending = true;
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("ShdPnd:")) pending = line.find_first_not_of("0\t", 7) != line.npos;
      }
      return !pending && state_of(front) == 'S';
    });
  }

  /// The elector of the test.
  void start(const Words& options) {
    elector.emplace(Elector::command(options, job).give(life.fd(), 9));
    life.cut();
    keeper = elector->keeper();
  }
  void start_starved() {
    start(options_for("web-1", kLong, {"--keepalive-timeout", "300ms"}));
    ASSERT_TRUE(elector->is("leader"));
    ASSERT_TRUE(elector->is("none")) << elector->transcript();
    ASSERT_TRUE(eventually([&] { return value() == "(nil)"; }));
  }

  Words job;
  LifeLine life;
  std::optional<Elector> elector;
  pid_t keeper = 0;
  std::optional<Elector> other;
};

struct Moment {
  const char* name;
  std::function<void(ElectEndTest&)> come;
};

std::ostream& operator<<(std::ostream& out, const Moment& moment) { return out << moment.name; }

const Moment kMoments[] = {
    {"Leading",
     [](ElectEndTest& t) {
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("leader"));
     }},
    {"Waiting",
     [](ElectEndTest& t) {
       t.other.emplace(t.options_for("web-2"));
       ASSERT_TRUE(t.other->is("leader"));
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("follower"));
     }},
    {"ServerIsYoung",
     [](ElectEndTest& t) {
       t.server_.kill();
       t.server_.start();
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("starting"));
     }},
    {"ServerIsDown",
     [](ElectEndTest& t) {
       t.server_.kill();
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("down"));
     }},
    {"ServerWentDownUnderTheLeader",
     [](ElectEndTest& t) {
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("leader"));
       t.server_.kill();
     }},
    {"Starved", [](ElectEndTest& t) { t.start_starved(); }},
    {"StarvedAndServerIsDown",
     [](ElectEndTest& t) {
       t.start_starved();
       t.server_.kill();
     }},
    {"StarvedWithAKeeperThatNeverStood",
     [](ElectEndTest& t) {
       t.start_starved();
       const pid_t before = t.keeper;
       ::kill(before, SIGKILL);
       ASSERT_TRUE(eventually([&] {
         t.keeper = t.elector->process().child();
         return t.keeper > 0 && t.keeper != before;
       }));
     }},
    {"StarvedNoMore",
     [](ElectEndTest& t) {
       t.start_starved();
       t.elector->signal(SIGUSR1);
       ASSERT_TRUE(t.elector->is("leader"));
     }},
    {"StarvedAndTheOrderToStandIsUnread",
     [](ElectEndTest& t) {
       t.start_starved();
       t.stop_process(t.keeper);
       t.elector->signal(SIGUSR1);
       ASSERT_TRUE(ElectEndTest::has_taken_signals(t.elector->front()));
       t.elector->signal(SIGKILL);
       ::kill(t.keeper, SIGCONT);
     }},
    {"Resigned",
     [](ElectEndTest& t) {
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("leader"));
       t.elector->signal(SIGUSR2);
       ASSERT_TRUE(t.elector->is("none"));
     }},
    {"ResigningToAServerThatDoesNotAnswer",
     [](ElectEndTest& t) {
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("leader"));
       t.server_.pause();
       t.elector->signal(SIGUSR2);
       ASSERT_TRUE(ElectEndTest::has_taken_signals(t.elector->front()));
     }},
    {"AskedToRepeat",
     [](ElectEndTest& t) {
       t.other.emplace(t.options_for("web-2", "1"));
       ASSERT_TRUE(t.other->is("leader"));
       t.start(t.options_for("web-1", "1"));
       ASSERT_TRUE(t.elector->is("follower"));
       t.stop_process(t.elector->front());
       EXPECT_EQ(t.other->stop().status(), 0);
       ASSERT_TRUE(eventually([&] { return t.value().starts_with("web-1/"); }));
       // The news of it is older than a lease.
       t.wait_for_renewals(6);
       t.elector->signal(SIGCONT);
       ASSERT_TRUE(t.elector->is("leader")) << t.elector->transcript();
     }},
    {"ToldToStop",
     [](ElectEndTest& t) {
       t.start(t.options_for("web-1"));
       ASSERT_TRUE(t.elector->is("leader"));
       t.server_.pause();
       t.elector->signal(SIGTERM);
       ASSERT_TRUE(ElectEndTest::has_taken_signals(t.elector->front()));
     }},
};

class ElectEndsWithItsFrontTest : public ElectEndTest,
                                  public ::testing::WithParamInterface<std::tuple<Moment, bool>> {};

TEST_P(ElectEndsWithItsFrontTest, WhateverItDoes) {
  const auto& [moment, has_job] = GetParam();
  if (has_job) job = {"sleep", "100000"};
  moment.come(*this);
  if (HasFatalFailure()) return;
  elector->signal(SIGKILL);
  elector->process().wait();
  EXPECT_TRUE(eventually([&] { return is_gone(keeper); }, 15s)) << "its keeper goes on";
  EXPECT_TRUE(life.wait_for_death(15s)) << "its job goes on";
  // So that a failure leaves nothing behind.
  if (HasFailure()) ::kill(keeper, SIGKILL);
}

INSTANTIATE_TEST_SUITE_P(, ElectEndsWithItsFrontTest,
                         testing::Combine(testing::ValuesIn(kMoments), testing::Bool()),
                         [](const auto& moment) {
                           return std::string(std::get<0>(moment.param).name) +
                                  (std::get<1>(moment.param) ? "WithAJob" : "");
                         });

TEST_F(ElectEndTest, TermIsFinalWhateverIsAskedAfterwards) {
  other.emplace(on(server_, {"--key", "job-b", "--node", "web-2", "--ttl", kLong}));
  ASSERT_TRUE(other->is("leader", "job-b"));
  start(options_for("web-1", kLong, {"--key", "job-b", "--keepalive-timeout", "1s"}));
  ASSERT_TRUE(elector->is("leader") && elector->is("follower", "job-b"));
  server_.pause();
  // It cannot give back the lease that it has, and has none of the other key.
  ASSERT_TRUE(elector->process().says("SIGUSR1"));
  elector->signal(SIGTERM);
  ASSERT_TRUE(has_taken_signals(elector->front()));
  elector->signal(SIGUSR1);
  EXPECT_EQ(elector->process().wait(15s).status(), 0);
}

}  // namespace
}  // namespace cluster_leader
