// The heart of the manual: of all replicas exactly one runs the job, and the others know by status.
#include <signal.h>
#include <sys/wait.h>

#include <memory>

#include "support/cli_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

/// On each kind of place where a lease can live.
class ExclusionTest : public CliTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    const std::string place = GetParam();
    if (place == "File") return;
    server_ = std::make_unique<Server>(place == "Redis" ? REDIS_SERVER : VALKEY_SERVER);
    server_->grow_up(kTtl);
  }

  /// The lease of this test's key, with a ttl that is no hurry on a busy machine.
  Words lease(const Words& more = {}) const {
    const Words where = server_ ? on(*server_) : on_file();
    return joined(joined(where, {"--key", "job-a", "--ttl", "2"}), more);
  }

  /// True once a candidate waits for the lease, and would hear of its release.
  bool waits(const Process& candidate) const {
    if (!server_) return watches_a_file(candidate.pid());
    return server_->command({"PUBSUB", "NUMSUB", "cluster-leader:events:{job-a}"})
               ->element[1]
               ->integer > 0;
  }

  static constexpr Duration kTtl = 2s;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(Place, ExclusionTest, ::testing::Values("File", "Redis", "Valkey"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(ExclusionTest, OfReplicasThatStartTogetherExactlyOneRuns) {
  expect_that_one_runs_of(8, lease());
}

TEST_P(ExclusionTest, WaitersTakeOverOneAfterTheOther) {
  std::vector<Process> replicas;
  for (int i = 0; i < 6; ++i) {
    replicas.push_back(run_under_lease(lease({"-w", "60"}), exclusive_job("30")).start());
  }
  for (Process& replica : replicas) {
    const Ended ended = replica.wait(60s);
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.err, "");
  }
  EXPECT_EQ(log().fault(), "");
  EXPECT_EQ(log().count("end"), 6);
}

TEST_P(ExclusionTest, WaiterGivesUpAfterItsTimeAsAFollower) {
  Pipe stdin_of_job;
  Process holder =
      run_under_lease(lease(), exclusive_job("0")).give(stdin_of_job.read_end.get(), 0).start();
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; }));
  const Ended ended = run_under_lease(lease({"-w", "1200ms"}), {"echo", "no"}).run();
  EXPECT_EQ(ended.status(), 75) << ended;
  EXPECT_EQ(ended.out, "");
  expect_one_line(ended.err, {"key job-a at ", "follower after waiting 1.2s; it is held by "});
  EXPECT_GE(ended.took, 1200ms);
  EXPECT_LT(ended.took, 1200ms + kBusy);
  stdin_of_job.write_end.reset();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_P(ExclusionTest, ReleaseWakesAWaiterLongBeforeTheTtl) {
  Pipe stdin_of_job;
  Process holder =
      run_under_lease(lease(), exclusive_job("0")).give(stdin_of_job.read_end.get(), 0).start();
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; }));
  Process waiter = run_under_lease(lease({"-w", "60"}), exclusive_job("1")).start();
  ASSERT_TRUE(eventually([&] { return waits(waiter); }));
  stdin_of_job.write_end.reset();
  EXPECT_EQ(holder.wait().status(), 0);
  EXPECT_EQ(waiter.wait().status(), 0);
  const RunLog all = log();
  EXPECT_EQ(all.fault(), "");
  ASSERT_EQ(all.lines.size(), 4U);
  // A waiter's own timer is set to the end of the lease that it has seen, 1.6 s ahead or more when
  // it is set; only the push can be so early.
  EXPECT_LT(all.lines[2].at - all.lines[1].at, 800'000'000) << "from the end to the next start";
}

TEST_P(ExclusionTest, WaitOfZeroIsToTryOnce) {
  EXPECT_EQ(run_under_lease(lease({"-w", "0"}), exclusive_job("1")).run().status(), 0);
  EXPECT_EQ(log().count("end"), 1);
}

TEST_P(ExclusionTest, DifferentKeysAndPrefixesDoNotMeet) {
  Pipe stdin_of_job;
  Process holder =
      run_under_lease(lease(), exclusive_job("0")).give(stdin_of_job.read_end.get(), 0).start();
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; }));
  EXPECT_EQ(run_under_lease(lease({"--prefix", "team-b:"}), {"true"}).run().status(), 0);
  const Words where = server_ ? on(*server_) : on_file();
  EXPECT_EQ(
      run_under_lease(joined(where, {"--key", "job-b", "--ttl", "2"}), {"true"}).run().status(), 0);
  stdin_of_job.write_end.reset();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_P(ExclusionTest, KeyMayBeAnyBytes) {
  for (const std::string key :
       {"with space", "a/b", "..", "{tag}x", "half{tag", "}", "\xff\n\x01", "%41", "*", "[x]"}) {
    SCOPED_TRACE(testing::PrintToString(key));
    const Words where = server_ ? on(*server_) : on_file();
    const Words options = joined(where, {"--key", key, "--ttl", "2"});
    // The job looks at its key, and finds that this node holds it.
    const Words inner = joined(joined({CLUSTER_LEADER_BINARY, "check"}, where), {"--key", key});
    const Ended ended = run_under_lease(options, inner).run();
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(Command(inner).run().status(), 75) << "it is free now";
  }
}

/// What others see on a server.
class ServerKeyTest : public CliTest {
 protected:
  ServerKeyTest() : server_(REDIS_SERVER) {}

  Process hold(const Words& options) {
    Process holder = run_under_lease(options, job_until_stdin_ends())
                         .give(stdin_of_job_.read_end.get(), 0)
                         .start();
    EXPECT_TRUE(holder.says("runs")) << holder.err();
    return holder;
  }

  void let_go(Process& holder) {
    stdin_of_job_.write_end.reset();
    EXPECT_EQ(holder.wait().status(), 0);
  }

  Server server_;
  Pipe stdin_of_job_;
};

TEST_F(ServerKeyTest, IsAPlainStringWithAnExpiry) {
  Process holder =
      hold(on(server_, {"--key", "job-a", "--node", "web-1", "--ttl", "2", "-w", "20"}));
  EXPECT_EQ(server_.text({"TYPE", "job-a"}), "string");
  EXPECT_THAT(server_.text({"GET", "job-a"}), ::testing::MatchesRegex("web-1/[0-9a-f]{32}"));
  EXPECT_GT(server_.integer({"PTTL", "job-a"}), 0);
  EXPECT_LE(server_.integer({"PTTL", "job-a"}), 2000);
  // What the Node-RED node does: it stays a follower.
  EXPECT_EQ(server_.text({"SET", "job-a", "web-2", "NX", "EX", "10"}), "(nil)");
  let_go(holder);
  EXPECT_EQ(server_.integer({"EXISTS", "job-a"}), 0);
}

TEST_F(ServerKeyTest, OfTheNodeRedNodeMakesUsFollowers) {
  server_.grow_up(1s);
  EXPECT_EQ(server_.text({"SET", "job-a", "web-2", "NX", "EX", "100"}), "OK");
  const Words options = on(server_, {"--key", "job-a", "--ttl", "1"});
  expect_silent_follower(run_under_lease(options, {"echo", "no"}).run());
  const Ended verbose = run_under_lease(joined(options, {"-v"}), {"echo", "no"}).run();
  EXPECT_THAT(verbose.err, ::testing::HasSubstr("web-2"));
  EXPECT_EQ(server_.text({"GET", "job-a"}), "web-2");
  // It stops renewing and the key expires; a waiter takes over.
  server_.integer({"PEXPIRE", "job-a", "300"});
  const Ended waiter = run_under_lease(joined(options, {"-w", "20"}), {"echo", "yes"}).run();
  EXPECT_EQ(waiter.out, "yes\n") << waiter;
}

TEST_F(ServerKeyTest, WithAnEmptyValueIsHeldByIt) {
  server_.grow_up(1s);
  server_.text({"SET", "job-a", ""});
  const Words options = on(server_, {"--key", "job-a", "--ttl", "1", "-v"});
  const Ended ended = run_under_lease(options, {"echo", "no"}).run();
  EXPECT_EQ(ended.status(), 75) << ended;
  EXPECT_THAT(ended.err, ::testing::HasSubstr("follower; it is held by \"\"\n"));
}

TEST_F(ServerKeyTest, HasThePrefixInFrontAndLivesInTheDatabase) {
  const std::string port = std::to_string(server_.port());
  Process holder = hold({"--host", "127.0.0.1", "--port", port, "--db", "3", "--prefix",
                         "team:", "--key", "job-a", "--ttl", "2", "-w", "20"});
  EXPECT_EQ(server_.integer({"EXISTS", "team:job-a"}), 0);
  EXPECT_EQ(server_.text(
                {"EVAL", "redis.call('SELECT', 3) return redis.call('EXISTS', 'team:job-a')", "0"}),
            "1");
  expect_silent_follower(
      run_under_lease({"--server", url_of(server_) + "/3", "--key", "team:job-a", "--ttl", "2"},
                      {"echo", "no"})
          .run());
  EXPECT_EQ(
      run_under_lease(on(server_, {"--prefix", "team:", "--key", "job-a", "--ttl", "2"}), {"true"})
          .run()
          .status(),
      0);
  let_go(holder);
}

TEST_F(ServerKeyTest, IsTheSameByUnixSocket) {
  const Words by_socket = {"--server", "unix://" + server_.socket_path(), "--key", "job-a", "--ttl",
                           "2"};
  Process holder = hold(joined(by_socket, {"-w", "20"}));
  expect_silent_follower(
      run_under_lease(on(server_, {"--key", "job-a", "--ttl", "2"}), {"echo", "no"}).run());
  expect_silent_follower(run_under_lease(by_socket, {"echo", "no"}).run());
  let_go(holder);
}

TEST_F(ServerKeyTest, IsReachedWithUserAndPasswordFromWhereverTheyCome) {
  server_.grow_up(1s);
  server_.text({"ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all"});
  server_.text({"ACL", "SETUSER", "default", "off"});
  const std::string port = std::to_string(server_.port());
  const Words job = {"true"};
  const Words options = on(server_, {"--key", "job-a", "--ttl", "1"});
  const std::string file = folder_.write("password", "secret\n", 0600);
  const Ended all[] = {
      run_under_lease(joined(options, {"--user", "worker"}), job)
          .with("REDIS_PASSWORD", "secret")
          .run(),
      run_under_lease(options, job)
          .with("REDIS_USERNAME", "worker")
          .with("REDISCLI_AUTH", "secret")
          .run(),
      run_under_lease(joined(options, {"--user", "worker", "--password-file", file}), job).run(),
      run_under_lease(
          {"--server", "redis://worker:secret@127.0.0.1:" + port, "--key", "job-a", "--ttl", "1"},
          job)
          .run(),
      run_under_lease({"--key", "job-a", "--ttl", "1"}, job)
          .with("REDIS_URL", "redis://worker:secret@127.0.0.1:" + port)
          .run(),
      run_under_lease({"--key", "job-a", "--ttl", "1", "--user", "worker"}, job)
          .with("REDIS_HOST", "127.0.0.1")
          .with("REDIS_PORT", port)
          .with("REDIS_PASSWORD", "secret")
          .run(),
  };
  for (const Ended& ended : all) EXPECT_EQ(ended.status(), 0) << ended;
}

TEST_F(ServerKeyTest, NeedsNoMoreThanTheRightsOfTheManual) {
  server_.grow_up(1s);
  server_.text({"ACL",
                "SETUSER",
                "worker",
                "on",
                ">secret",
                "~job-a",
                "~cluster-leader:*",
                "&cluster-leader:*",
                "+eval",
                "+evalsha",
                "+get",
                "+set",
                "+del",
                "+pttl",
                "+pexpire",
                "+hset",
                "+hmget",
                "+hdel",
                "+@sortedset",
                "+time",
                "+info",
                "+publish",
                "+subscribe",
                "+select",
                "+hello",
                "+auth"});
  const Ended ended =
      run_under_lease(on(server_, {"--key", "job-a", "--ttl", "1", "--user", "worker"}),
                      {"sleep", "1"})
          .with("REDIS_PASSWORD", "secret")
          .run();
  EXPECT_EQ(ended.status(), 0) << ended;
}

using UnavailableTest = CliTest;

TEST_F(UnavailableTest, SkipExitsAsAFollowerAndSilently) {
  const Words options = {"--server", "redis://127.0.0.1:1", "--key", "job-a"};
  expect_silent_follower(
      run_under_lease(joined(options, {"--if-unavailable", "skip"}), {"echo", "no"}).run());
}

TEST_F(UnavailableTest, RunRunsWithoutALeaseAndSaysSo) {
  const Words options = {"--server", "redis://127.0.0.1:1", "--key", "job-a"};
  const Ended ended = run_under_lease(joined(options, {"--if-unavailable", "run"}),
                                      {"sh", "-c", "echo ran; exit 5"})
                          .run();
  EXPECT_EQ(ended.status(), 5);
  EXPECT_EQ(ended.out, "ran\n");
  expect_one_line(ended.err, {"127.0.0.1:1", "job-a", "WITHOUT"});
}

TEST_F(UnavailableTest, NeverCoversAWrongPasswordOrAWrongUrl) {
  const Server server(REDIS_SERVER, {"--requirepass", "secret"});
  const Words options = {"--if-unavailable", "run", "--key", "job-a"};
  expect_failure(run_under_lease(on(server, options), {"echo", "no"}).run(), 77, {});
  expect_failure(run_under_lease(joined({"--server", "gopher://x"}, options), {"echo", "no"}).run(),
                 78, {});
}

}  // namespace
}  // namespace cluster_leader
