// A run inside the job of another one: refused where it would wait for itself, and nowhere else.
#include "support/cli_world.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

class NestedTest : public CliTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "Redis") server_ = std::make_unique<GrownServer>();
  }

  Words place() const { return server_ ? on(*server_) : on_file(); }

  /// The words of a command line of ours for `key`.
  Words ours(const std::string& verb, const std::string& key, const Words& options = {}) const {
    return joined(joined({CLUSTER_LEADER_BINARY, verb, "--key", key, "--ttl", "60"}, place()),
                  options);
  }
  Words run_of(const std::string& key, const Words& options, const Words& job = {"true"}) const {
    return joined(ours("run", key, options), joined({"--"}, job));
  }

  /// A job that runs `argv` through a shell and says with which status it ended.
  static Words said_by_shell(const Words& argv) {
    return joined({"sh", "-c", "\"$@\"; echo \"inner $?\"", "sh"}, argv);
  }

  /// What comes of `inner` in the job of a run of job-a.
  Ended inside_job_a(const Words& inner) const {
    return Command(run_of("job-a", {}, said_by_shell(inner))).run();
  }

  static void expect_refused(const Ended& outer) {
    EXPECT_EQ(outer.status(), 0) << outer;
    EXPECT_EQ(outer.out, "inner 64\n") << outer;
    expect_one_line(outer.err, {"key job-a at ", "part of the job that holds the key"});
  }

  static void expect_allowed(const Ended& outer) {
    EXPECT_EQ(outer.status(), 0) << outer;
    EXPECT_EQ(outer.out, "inner 0\n") << outer;
    EXPECT_EQ(outer.err, "");
  }

  std::unique_ptr<GrownServer> server_;
};

INSTANTIATE_TEST_SUITE_P(Place, NestedTest, ::testing::Values("File", "Redis"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(NestedTest, TheSameKeyIsRefusedHoweverItWouldBeWaitedFor) {
  for (const Words& options :
       {Words{"-n"}, Words{"--wait", "1h"}, Words{"--join"}, Words{"--sticky", "-w", "inf"}}) {
    expect_refused(inside_job_a(run_of("job-a", options)));
  }
}

TEST_P(NestedTest, AnElectionForTheKeyIsRefusedToo) {
  expect_refused(inside_job_a(ours("elect", "job-a")));
  expect_refused(inside_job_a(ours("elect", "job-b", {"--key", "job-a", "--output", "none"})));
}

TEST_P(NestedTest, TheCommandOfAnElectionIsAJobAsWell) {
  const Words inner = run_of("job-a", {"--wait", "1h"});
  const Ended outer = Command(joined(ours("elect", "job-a", {"--on-exit", "exit"}),
                                     joined({"--"}, said_by_shell(inner))))
                          .run();
  EXPECT_EQ(outer.status(), 0) << outer;
  EXPECT_THAT(outer.out, ::testing::HasSubstr("inner 64\n"));
  EXPECT_THAT(outer.err, ::testing::HasSubstr("part of the job that holds the key"));
}

TEST_P(NestedTest, TheSameKeyIsRefusedWithARunOfAnotherKeyInBetween) {
  expect_refused(inside_job_a(run_of("job-b", {}, run_of("job-a", {"--wait", "1h"}))));
}

TEST_P(NestedTest, AProcessThatHasLeftTheSessionIsStillPartOfTheJob) {
  const Words inner = run_of("job-a", {"--wait", "1h"});
  expect_refused(inside_job_a(joined({"setsid", "--wait"}, inner)));
}

TEST_P(NestedTest, AnotherKeyIsAllowed) {
  expect_allowed(inside_job_a(run_of("job-b", {})));
  expect_allowed(inside_job_a(run_of("job-b", {}, run_of("job-c", {}))));
}

TEST_P(NestedTest, TheKeyUnderAnotherPrefixIsAllowed) {
  expect_allowed(inside_job_a(run_of("job-a", {"--prefix", "team:"})));
}

TEST_P(NestedTest, TheKeyElsewhereIsAllowed) {
  ASSERT_EQ(::mkdir(path("elsewhere").c_str(), 0755), 0);
  // A second --server would be refused, so that this has a command line of its own.
  const Words elsewhere = {CLUSTER_LEADER_BINARY,         "run", "--key", "job-a", "--server",
                           "file://" + path("elsewhere"), "--",  "true"};
  expect_allowed(inside_job_a(elsewhere));
}

TEST_P(NestedTest, AnEnvironmentThatHasOutlivedItsLeaseIsNoObstacle) {
  const Ended first =
      Command(run_of("job-a", {}, {"sh", "-c", "echo $CLUSTER_LEADER_HOLDER"})).run();
  ASSERT_EQ(first.status(), 0) << first;
  const std::string holder = first.out.substr(0, first.out.find('\n'));
  const auto late = [&](const Words& options) {
    return Command(run_of("job-a", options)).with("CLUSTER_LEADER_HOLDER", holder).run();
  };
  EXPECT_EQ(late({}).status(), 0);
  Pipe gate;
  Process other =
      Command(run_of("job-a", {}, job_until_stdin_ends())).give(gate.read_end.get(), 0).start();
  ASSERT_TRUE(other.says("runs"));
  expect_silent_follower(late({"-n"}));
  gate.write_end.reset();
  EXPECT_EQ(other.wait().status(), 0);
}

TEST_P(NestedTest, TheResultFileTellsARefusalFromAFollower) {
  const Words inner = run_of("job-a", {"-n", "--result-file", path("result")});
  expect_refused(inside_job_a(inner));
  EXPECT_THAT(content_of(path("result")), ::testing::HasSubstr(R"("outcome":"error","status":64)"));
}

}  // namespace
}  // namespace cluster_leader
