// The rights that cluster-leader-protocol(7) names, tried on real servers.
#include "support/cli_world.h"
#include "support/elector.h"
#include "support/manual.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

class ManualRightsTest : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  ManualRightsTest() : server_(program()) { server_.grow_up(kTtl); }

  static std::string program() {
    const std::string name = GetParam();
    return name == "Redis" ? REDIS_SERVER : name == "Redis6" ? REDIS_6_SERVER : VALKEY_SERVER;
  }
  /// The manual says that Redis before 6.2 knows no words for channels.
  static bool knows(const std::string& word) { return !is_redis_6() || word[0] != '&'; }
  static bool is_redis_6() { return GetParam() == std::string("Redis6"); }

  /// Gives a user what the manual says but for one right, and returns the rights to commands among
  /// that.
  Words give(const std::vector<Words>& grants, const std::string& but = "") {
    Words rights;
    for (const Words& grant : grants) {
      for (std::size_t i = 1; i < grant.size(); ++i) {
        const std::string& word = grant[i];
        const bool is_right = word[0] == '+';
        if (is_right) rights.push_back(word.substr(1));
        if (is_right && rights.back() == but) continue;
        const std::string answer = server_.text({"ACL", "SETUSER", grant[0], word});
        EXPECT_EQ(answer == "OK", knows(word)) << word << ": " << answer;
      }
      // The manual says that Redis before 6.2.2 needs one right more.
      if (is_redis_6()) server_.text({"ACL", "SETUSER", grant[0], "+hello"});
    }
    return rights;
  }

  Command as(const std::string& user, Words words) const {
    words.insert(words.begin(), CLUSTER_LEADER_BINARY);
    const auto end_of_options = std::find(words.begin(), words.end(), "--");
    words.insert(end_of_options, {"--server", url_of(server_) + "/1"});
    return Command(words).with("REDIS_USERNAME", user).with("REDIS_PASSWORD", "PASSWORD");
  }
  Command run(const Words& more, const Words& job) const {
    const Words options = {"run", "--key", "job-a", "--ttl", "3", "--heartbeat", "200ms"};
    return as("job", joined(joined(options, more), joined({"--"}, job)));
  }

  void begin_anew() {
    server_.text({"SCRIPT", "FLUSH"});
    server_.text({"FLUSHALL"});
    server_.text({"ACL", "LOG", "RESET"});
  }

  /// Runs a command in the database that our leases are in.
  void in_database(const std::string& command, const Words& arguments) {
    std::string script = "redis.call('SELECT', 1) return redis.call('" + command + "'";
    for (const std::string& argument : arguments) script += ", '" + argument + "'";
    server_.text({"EVAL", script + ")", "0"});
  }

  std::string end_of_lease() const {
    return server_.text({"EVAL",
                         "redis.call('SELECT', 1) "
                         "return redis.call('HGET', 'cluster-leader:record:{job-a}', 'until')",
                         "0"});
  }

  struct Statuses {
    int holder, follower, waiter;
  };
  /// Everything that a run can ask of a server: it takes the lease, renews it, releases it, finds
  /// it taken, and waits for it.
  Statuses ask_for_everything() {
    begin_anew();
    Pipe stdin_of_job;
    Process holder = run({}, job_until_stdin_ends()).give(stdin_of_job.read_end.get(), 0).start();
    EXPECT_TRUE(eventually([&] { return !holder.running() || !holder.out().empty(); }));
    const std::string end = end_of_lease();
    EXPECT_TRUE(eventually([&] { return !holder.running() || end_of_lease() != end; }));
    const int follower = run({}, {"true"}).run().status();
    Process waiter = run({"--wait", "10", "-v"}, {"true"}).start();
    EXPECT_TRUE(eventually(
        [&] { return !waiter.running() || waiter.err().find("waiting") != std::string::npos; }));
    stdin_of_job.write_end.reset();
    return {holder.wait().status(), follower, waiter.wait().status()};
  }

  /// The statuses of `check` and `status`. For the second of several keys, the server knows the
  /// script.
  std::vector<int> look_at_everything() {
    begin_anew();
    for (const char* key : {"job-a", "job-b"}) {
      in_database("HSET", {std::string("cluster-leader:record:{") + key + "}", "fence", "7"});
    }
    // Somebody waits.
    in_database("ZADD", {"cluster-leader:queue:{job-a}", "1764400000000", "pweb-9/1",
                         "19999999999999", "lweb-9/1"});
    return {as("look", {"check", "--key", "job-a"}).run().status(),
            as("look", {"status", "--prefix", "job-"}).run().status()};
  }

  /// The statuses of what `job` can do besides, of somebody else's lease.
  std::vector<int> do_everything_else() {
    begin_anew();
    // As the Node-RED node writes it: a lease without a record.
    in_database("SET", {"job-b", "web-9"});
    const int release = as("job", {"release", "--key", "job-b", "--force"}).run().status();
    return {as("job", {"status", "--prefix", "job-"}).run().status(), release,
            as("job", {"doctor", "--prefix", "job-"}).run().status()};
  }

  std::size_t refusals() const { return server_.command({"ACL", "LOG"})->elements; }

  /// Long enough not to slip away on a busy machine.
  static constexpr Duration kTtl = 3s;
  Server server_;
};

TEST_P(ManualRightsTest, SufficeForRun) {
  ASSERT_THAT(grants_in_manual(), SizeIs(4));
  EXPECT_THAT(give({grants_in_manual()[0]}), Contains("eval"));
  const Statuses statuses = ask_for_everything();
  EXPECT_EQ(statuses.holder, 0);
  EXPECT_EQ(statuses.follower, 75);
  EXPECT_EQ(statuses.waiter, 0);
  EXPECT_EQ(refusals(), 0U);
}

TEST_P(ManualRightsTest, SufficeForElect) {
  give({grants_in_manual()[0]});
  begin_anew();
  // Long enough not to be lost on a busy machine before the other one has seen it.
  server_.grow_up(3s);
  const Words words = {"elect", "--key", "job-a", "--ttl", "3"};
  Elector one(as("job", words));
  ASSERT_TRUE(one.is("leader"));
  Elector other(as("job", words));
  ASSERT_TRUE(other.is("follower"));
  EXPECT_EQ(one.stop().status(), 0);
  EXPECT_TRUE(other.is("leader"));
  EXPECT_EQ(other.stop().status(), 0);
  EXPECT_EQ(refusals(), 0U);
}

TEST_P(ManualRightsTest, NoneOfThemCanBeLeftOut) {
  const std::vector<Words> grants = {grants_in_manual()[0]};
  for (const std::string& right : give(grants)) {
    give(grants, right);
    ask_for_everything();
    EXPECT_GT(refusals(), 0U) << right;
  }
}

TEST_P(ManualRightsTest, SufficeForTheOtherVerbsWithThoseBesides) {
  const std::vector<Words> grants = {grants_in_manual()[0], grants_in_manual()[1]};
  give(grants);
  EXPECT_THAT(do_everything_else(), testing::Each(0));
  EXPECT_EQ(refusals(), 0U);
  const Words of_run = give({grants[0]});
  for (const std::string& right : give(grants)) {
    if (std::count(of_run.begin(), of_run.end(), right) > 0) continue;
    give(grants, right);
    do_everything_else();
    EXPECT_GT(refusals(), 0U) << right;
  }
}

TEST_P(ManualRightsTest, DoctorNamesEachThatIsMissing) {
  const std::vector<Words> grants = {grants_in_manual()[0], grants_in_manual()[1]};
  const Words rights = give(grants);
  const Command doctor = as("job", {"doctor", "--prefix", "job-"});
  const Ended whole = doctor.run();
  EXPECT_EQ(whole.status(), 0) << whole;
  EXPECT_THAT(whole.out, HasSubstr("sufficient"));
  for (const std::string& right : rights) {
    give(grants, right);
    const Ended ended = doctor.run();
    EXPECT_THAT(ended.out, HasSubstr(right));
  }
}

TEST_P(ManualRightsTest, SufficeForLooking) {
  const std::vector<Words> grants = {grants_in_manual()[2]};
  const Words rights = give(grants);
  EXPECT_THAT(look_at_everything(), testing::ElementsAre(75, 0));
  EXPECT_EQ(refusals(), 0U);
  for (const std::string& right : rights) {
    give(grants, right);
    look_at_everything();
    EXPECT_GT(refusals(), 0U) << right;
  }
}

INSTANTIATE_TEST_SUITE_P(On, ManualRightsTest, testing::Values("Redis", "Redis6", "Valkey"),
                         [](const auto& server) { return std::string(server.param); });

}  // namespace
}  // namespace cluster_leader
