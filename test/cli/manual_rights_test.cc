// The rights that the manual names under SERVERS, tried on real servers.
#include <fstream>
#include <sstream>

#include "support/cli_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class ManualRightsTest : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  ManualRightsTest() : server_(GetParam() == std::string("Redis") ? REDIS_SERVER : VALKEY_SERVER) {
    server_.grow_up(kTtl);
  }

  /// The words behind `ACL SETUSER job` in the manual.
  static Words rules() {
    std::ifstream manual(PROJECT_SOURCE_DIR "/man/cluster-leader.1");
    Words rules;
    for (std::string line; std::getline(manual, line);) {
      const bool begins = line.starts_with("ACL SETUSER job ");
      if (begins) line.erase(0, std::string("ACL SETUSER job ").size());
      if (!begins && rules.empty()) continue;
      if (line == ".Ed") break;
      std::istringstream words(line);
      for (std::string word; words >> word;) rules.push_back(word);
    }
    return rules;
  }

  void give(const std::string& rule) { server_.text({"ACL", "SETUSER", "job", rule}); }

  Command run(Words more, const Words& job) const {
    const Words options = {"--server", url_of(server_) + "/1", "--key", "job-a", "--ttl", "1"};
    return run_under_lease(joined(options, more), job)
        .with("REDIS_USERNAME", "job")
        .with("REDIS_PASSWORD", "PASSWORD");
  }

  struct Statuses {
    int holder, follower, waiter;
  };
  /// Everything that a run can ask of a server: it takes the lease, renews it, releases it, finds
  /// it taken, and waits for it.
  Statuses ask_for_everything() {
    server_.text({"SCRIPT", "FLUSH"});
    server_.text({"FLUSHALL"});
    server_.text({"ACL", "LOG", "RESET"});
    Process holder = run({}, {"sh", "-c", "echo runs; sleep 0.5"}).start();
    EXPECT_TRUE(eventually([&] { return !holder.running() || !holder.out().empty(); }));
    const int follower = run({}, {"true"}).run().status();
    const int waiter = run({"--wait", "10"}, {"true"}).run().status();
    return {holder.wait().status(), follower, waiter};
  }

  std::size_t refusals() const { return server_.command({"ACL", "LOG"})->elements; }

  static constexpr Duration kTtl = 1s;
  Server server_;
};

TEST_P(ManualRightsTest, Suffice) {
  ASSERT_THAT(rules(), testing::Contains("+eval"));
  for (const std::string& rule : rules()) give(rule);
  const Statuses statuses = ask_for_everything();
  EXPECT_EQ(statuses.holder, 0);
  EXPECT_EQ(statuses.follower, 75);
  EXPECT_EQ(statuses.waiter, 0);
  EXPECT_EQ(refusals(), 0U);
}

TEST_P(ManualRightsTest, NoneOfThemCanBeLeftOut) {
  for (const std::string& rule : rules()) give(rule);
  for (const std::string& rule : rules()) {
    if (rule[0] != '+') continue;
    give("-" + rule.substr(1));
    ask_for_everything();
    EXPECT_GT(refusals(), 0U) << rule;
    give(rule);
  }
}

INSTANTIATE_TEST_SUITE_P(On, ManualRightsTest, testing::Values("Redis", "Valkey"),
                         [](const auto& server) { return std::string(server.param); });

}  // namespace
}  // namespace cluster_leader
