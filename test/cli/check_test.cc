#include <fcntl.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "support/fake_server.h"
#include "support/look_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

class CheckTest : public LookTest {};

INSTANTIATE_TEST_SUITE_P(Place, CheckTest, ::testing::Values("File", "Redis"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(CheckTest, IsZeroOnTheNodeThatHoldsTheKeyAndSilent) {
  EXPECT_EQ(say("check", {"--key", "job-a", "--node", "web-1"}).status(), 75);
  Process holder = hold("web-1");
  const Ended ours = say("check", {"--key", "job-a", "--node", "web-1"});
  EXPECT_EQ(ours.status(), 0) << ours;
  EXPECT_EQ(ours.out + ours.err, "");
  const Ended others = say("check", {"--key", "job-a", "--node", "web-2"});
  EXPECT_EQ(others.status(), 75) << others;
  EXPECT_EQ(others.out + others.err, "");
  EXPECT_EQ(say("check", {"--key", "job-b", "--node", "web-1"}).status(), 75);
  holder.signal(SIGTERM);
  holder.wait();
  EXPECT_EQ(say("check", {"--key", "job-a", "--node", "web-1"}).status(), 75);
}

TEST_P(CheckTest, TheStatusOfAFollowerCanBeChosen) {
  EXPECT_EQ(say("check", {"--key", "job-a", "--follower-code", "3"}).status(), 3);
  EXPECT_EQ(say("check", {"--key", "job-a", "-E", "0"}).status(), 0);
}

TEST_P(CheckTest, SaysWhoHoldsTheKeyIfAsked) {
  Process holder = hold("web-1");
  const Ended text = say("check", {"--key", "job-a", "--node", "web-2", "--output", "text"});
  EXPECT_THAT(text.out, testing::StartsWith("follower: job-a is held by web-1 ("));
  EXPECT_THAT(text.out, testing::HasSubstr(":" + std::to_string(holder.pid()) + ")\n"));
  const Ended json = say("check", {"--key", "job-a", "--node", "web-1", "--output", "json"});
  const Json object = Json::parse(json.out);
  EXPECT_EQ(object["state"], "leader");
  EXPECT_EQ(object["leader"], "web-1");
  EXPECT_EQ(object["pid"], holder.pid());
  EXPECT_GT(object["token"], 0);
  EXPECT_GT(object["ttl_remaining_ms"], 30'000);
  const Ended verbose = say("check", {"--key", "job-a", "--node", "web-2", "-v"});
  expect_one_line(verbose.err, {"key job-a at ", "is held by web-1"});
}

TEST_P(CheckTest, AKeyThatIsParkedIsHeldByNobody) {
  EXPECT_EQ(run_under_lease(here({"--key", "job-a", "--node", "web-1", "--sticky"}), {"true"})
                .with("PATH", "/usr/bin:/bin")
                .run()
                .status(),
            0);
  const Ended ended = say("check", {"--key", "job-a", "--node", "web-1", "--output", "text"});
  EXPECT_EQ(ended.status(), 75) << ended;
  EXPECT_THAT(ended.out, testing::StartsWith("none: job-a is parked for web-1 for "));
}

class CheckFailureTest : public CliTest {
 protected:
  static Ended check(const Words& options) {
    return Command(joined({CLUSTER_LEADER_BINARY, "check", "--key", "job-a"}, options)).run();
  }
};

TEST_F(CheckFailureTest, EveryFailureIsOneLineAndAStatusOfTheTable) {
  GrownServer server;
  expect_failure(check({"--server", "redis://127.0.0.1:" + std::to_string(free_port())}), 69,
                 {"key job-a at redis://127.0.0.1:", "connection refused"});
  expect_failure(check({"--server", "http://x"}), 78, {"unknown kind"});
  server.command({"LPUSH", "job-a", "x"});
  expect_failure(check(on(server)), 78, {"key job-a at ", "another type", "--key or --prefix"});
  server.command({"CONFIG", "SET", "requirepass", "s3cret"});
  expect_failure(check(on(server)), 77, {"key job-a at ", "requires a password"});
  // A file in the place of a directory.
  expect_failure(check({"--server", "file://" + folder_.write("file", "")}), 78, {"directory"});
}

TEST_F(CheckFailureTest, AServerThatAcceptsAndSaysNothingFailsWithinTheTimeoutForConnecting) {
  FakeServer server([](int fd) {
    char buffer[1024];
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  });
  const std::string url = "redis://127.0.0.1:" + std::to_string(server.location().port);
  const Ended ended = check({"--server", url, "--connect-timeout", "300ms"});
  expect_failure(ended, 69, {"key job-a at " + url, "no answer in time (waiting for an answer)"});
  EXPECT_GE(ended.took, 300ms);
  EXPECT_LT(ended.took, 2s);
}

TEST_F(CheckFailureTest, FewRightsSufficeAndNoOthersAreTried) {
  GrownServer server;
  server.command({"ACL", "SETUSER", "job", "reset", "on", ">p", "~job-*",
                  "~cluster-leader:*:{job-*", "+eval", "+get", "+pttl", "+hmget", "+time"});
  const Ended ended =
      Command(
          joined({CLUSTER_LEADER_BINARY, "check", "--key", "job-a", "--user", "job"}, on(server)))
          .with("REDIS_PASSWORD", "p")
          .run();
  EXPECT_EQ(ended.status(), 75) << ended;
  EXPECT_EQ(server.command({"ACL", "LOG"})->elements, 0U);
}

TEST_F(CheckFailureTest, WhatCannotBeSaidIsAFailure) {
  const Ended ended = Command({CLUSTER_LEADER_BINARY, "check", "--key", "job-a", "--server",
                               file_url(), "--output", "json"})
                          .give(::open("/dev/full", O_WRONLY | O_CLOEXEC), 1)
                          .run();
  EXPECT_EQ(ended.status(), 71) << ended;
  expect_one_line(ended.err, {"standard output", "No space left"});
}

}  // namespace
}  // namespace cluster_leader
