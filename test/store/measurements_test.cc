// What `doctor` measures, on servers and directories in every state that it should report.
#include "store/measurements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "store/redis/info.h"
#include "store/redis/world.h"
#include "support/command.h"
#include "support/fake_server.h"

namespace cluster_leader {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Cause = Refusal::Cause;

namespace {

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

Candidate candidate(Duration ttl = 1s) {
  Candidate candidate;
  candidate.ttl = ttl;
  candidate.node = "web-1";
  candidate.host = "host-1";
  candidate.pid = 4711;
  candidate.label = "cluster-leader doctor";
  return candidate;
}

RedisMeasurements measure_at(const RedisLocation& location, const std::string& prefix = "",
                             Duration ttl = 1s) {
  return measure(location, prefix, candidate(ttl), 5s);
}

}  // namespace

TEST(ServerFactsTest, AreReadFromInfo) {
  const ServerFacts facts = facts_in(
      "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:42\r\n# "
      "Memory\r\nmaxmemory:1048576\r\n"
      "maxmemory_policy:volatile-lru\r\n# Persistence\r\naof_enabled:1\r\n"
      "# Replication\r\nrole:master\r\nconnected_slaves:2\r\nmin_slaves_good_slaves:1\r\n");
  EXPECT_EQ(facts.version, "7.0.15");
  EXPECT_EQ(facts.role, "master");
  EXPECT_EQ(facts.uptime_s, 42);
  EXPECT_EQ(facts.max_memory, 1048576);
  EXPECT_EQ(facts.eviction, "volatile-lru");
  EXPECT_EQ(facts.has_append_file, true);
  EXPECT_EQ(facts.replicas, 2);
  EXPECT_EQ(facts.good_replicas, 1);
  EXPECT_FALSE(facts.was_replica);
  const ServerFacts promoted =
      facts_in("run_id:4fb2\r\nrole:master\r\nmaster_replid:a\r\nsecond_repl_offset:15\r\n");
  EXPECT_EQ(promoted.run_id, "4fb2");
  EXPECT_TRUE(promoted.was_replica);
  EXPECT_FALSE(facts_in("role:master\r\nsecond_repl_offset:-1\r\n").was_replica);
  EXPECT_EQ(facts_in("redis_version:7.2.4\r\nvalkey_version:8.0.1\r\n").version, "8.0.1");
}

TEST(ServerFactsTest, WhatIsMissingOrMakesNoSenseIsNotThere) {
  for (const std::string text :
       {"", "\r\n", "maxmemory", "maxmemory:", "maxmemory:x\nuptime_in_seconds:-1\naof_enabled:yes",
        "xmaxmemory:1\nmaxmemory :1\n", "maxmemory:99999999999999999999", "\xff:\n:\n::"}) {
    const ServerFacts facts = facts_in(text);
    EXPECT_EQ(facts.version, "") << text;
    EXPECT_EQ(facts.uptime_s, std::nullopt) << text;
    EXPECT_EQ(facts.max_memory, std::nullopt) << text;
    EXPECT_EQ(facts.has_append_file, std::nullopt) << text;
    EXPECT_EQ(facts.good_replicas, std::nullopt) << text;
  }
}

template <typename World>
class MeasurementsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }
  static const Server& server() { return world_->server; }

  /// A user with these rights, on these keys and channels.
  static RedisLocation as_user(const std::vector<std::string>& rights,
                               const std::vector<std::string>& where = {"~*", "&*"}) {
    server().command({"ACL", "SETUSER", "least", "reset"});
    EXPECT_EQ(server().text({"ACL", "SETUSER", "least", "on", ">p"}), "OK");
    for (const auto& words : {rights, acl_words<typename World::ServerProgram>(where)}) {
      for (const std::string& word : words) {
        const bool is_right = word[0] != '~' && word[0] != '&' && word[0] != '+';
        EXPECT_EQ(server().text({"ACL", "SETUSER", "least", (is_right ? "+" : "") + word}), "OK");
      }
    }
    RedisLocation location = server().tcp();
    location.credentials = {"least", "p", ""};
    return location;
  }

  inline static std::unique_ptr<World> world_;
};

using Worlds = testing::Types<RedisWorld, Redis6World, ValkeyWorld>;
struct NameOfMeasuredWorld {
  template <typename World>
  static std::string GetName(int) {
    return World::kName;
  }
};
TYPED_TEST_SUITE(MeasurementsTest, Worlds, NameOfMeasuredWorld);

TYPED_TEST(MeasurementsTest, AHealthyServerIsMeasuredAndNothingIsLeft) {
  const Server& server = this->server();
  const RedisMeasurements measured = measure_at(server.tcp(), "some prefix:");
  EXPECT_FALSE(measured.failure);
  EXPECT_TRUE(measured.times.lookup && measured.times.connect && measured.times.login);
  EXPECT_FALSE(measured.speaks_resp2);
  EXPECT_FALSE(measured.wrong_role);
  EXPECT_THAT(measured.refusals, IsEmpty());
  EXPECT_THAT(measured.version, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  ASSERT_TRUE(measured.facts);
  EXPECT_EQ(measured.facts->version, measured.version);
  EXPECT_EQ(measured.facts->role, "master");
  EXPECT_GE(measured.facts->uptime_s, 2);
  EXPECT_EQ(measured.facts->max_memory, 0);
  EXPECT_EQ(measured.facts->eviction, "noeviction");
  EXPECT_EQ(measured.facts->replicas, 0);
  EXPECT_EQ(measured.facts->good_replicas, std::nullopt);
  EXPECT_EQ(measured.facts->has_append_file, false);
  EXPECT_EQ(measured.snapshots, "");
  ASSERT_TRUE(measured.clock_ahead);
  EXPECT_LT(*measured.clock_ahead, 1s);
  EXPECT_GT(*measured.clock_ahead, -1s);
  ASSERT_TRUE(measured.lease);
  EXPECT_FALSE(measured.lease->not_granted);
  EXPECT_FALSE(measured.lease->not_kept);
  EXPECT_EQ(measured.lease->round_trips.size(), 20U);
  EXPECT_EQ(server.integer({"DBSIZE"}), 0);
}

TYPED_TEST(MeasurementsTest, SettingsAreReadWhereTheyMayBe) {
  const Server& server = this->server();
  server.command({"CONFIG", "SET", "save", "3600 1"});
  EXPECT_EQ(measure_at(server.tcp()).snapshots, "3600 1");
  server.command({"CONFIG", "SET", "save", ""});
  server.command({"CONFIG", "SET", "appendonly", "yes"});
  EXPECT_EQ(measure_at(server.tcp()).append_fsync, "everysec");
  server.command({"CONFIG", "SET", "appendonly", "no"});
  server.command({"CONFIG", "SET", "maxmemory", "100mb"});
  server.command({"CONFIG", "SET", "maxmemory-policy", "volatile-lru"});
  const RedisMeasurements measured = measure_at(server.tcp());
  server.command({"CONFIG", "SET", "maxmemory", "0"});
  server.command({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  EXPECT_EQ(measured.facts->max_memory, 100 << 20);
  EXPECT_EQ(measured.facts->eviction, "volatile-lru");
}

/// What run and elect need, then what only people need.
const std::vector<std::string> kNeeded = {"eval", "evalsha", "set",  "get", "pttl", "pexpire",
                                          "hset", "hmget",   "hdel", "del", "time", "info"};
const std::vector<std::string> kComforts = {"publish",
                                            "subscribe",
                                            "scan",
                                            "zadd",
                                            "zscore",
                                            "zrank",
                                            "zcount",
                                            "zrangebyscore",
                                            "zrevrangebyscore",
                                            "zremrangebyscore",
                                            "zrem"};

TYPED_TEST(MeasurementsTest, TheseRightsAreEnoughAndEachMissingOneIsNamed) {
  std::vector<std::string> all = kNeeded;
  all.insert(all.end(), kComforts.begin(), kComforts.end());
  const RedisMeasurements whole = measure_at(this->as_user(all));
  EXPECT_FALSE(whole.failure);
  EXPECT_THAT(whole.refusals, IsEmpty());
  EXPECT_FALSE(whole.lease->not_kept);
  EXPECT_TRUE(whole.facts);
  // Reading the configuration is a right more, and no need.
  EXPECT_EQ(whole.snapshots, std::nullopt);
  all.push_back("config|get");
  EXPECT_EQ(measure_at(this->as_user(all)).snapshots, "");
  for (const std::string& right : all) {
    if (right == "config|get") continue;
    std::vector<std::string> others = all;
    std::erase(others, right);
    const RedisMeasurements measured = measure_at(this->as_user(others));
    EXPECT_THAT(measured.refusals, ElementsAre(Refusal{right, Cause::kCommand})) << right;
    EXPECT_EQ(measured.facts.has_value(), right != "info");
    EXPECT_EQ(measured.clock_ahead.has_value(), right != "time");
    // The server knows the scripts already, and nobody had to wait: that is why each is tried.
    const bool is_noticed =
        right != "eval" && right != "pttl" && std::count(kNeeded.begin(), kNeeded.end(), right) > 0;
    EXPECT_EQ(measured.lease->not_granted || measured.lease->not_kept, is_noticed) << right;
  }
  this->server().command({"FLUSHALL"});
  this->server().command({"ACL", "DELUSER", "least"});
}

TYPED_TEST(MeasurementsTest, MissingRightsToKeysAndChannelsAreReported) {
  std::vector<std::string> all = kNeeded;
  all.insert(all.end(), kComforts.begin(), kComforts.end());
  const std::vector<std::string> of_jobs = {
      "~job-*", "~cluster-leader:record:{job-*", "~cluster-leader:queue:{job-*",
      "~cluster-leader:primary", "&cluster-leader:events:{job-*"};
  EXPECT_THAT(measure_at(this->as_user(all, of_jobs), "job-").refusals, IsEmpty());
  const RedisMeasurements outside = measure_at(this->as_user(all, of_jobs), "");
  EXPECT_THAT(outside.refusals, testing::Contains(Refusal{"set", Cause::kKey}));
  EXPECT_THAT(outside.refusals, testing::Contains(Refusal{"hset", Cause::kKey}));
  const int on_channels = TypeParam::ServerProgram::kHasChannelRights ? 1 : 0;
  for (const char* right : {"publish", "subscribe"}) {
    EXPECT_THAT(outside.refusals,
                testing::Contains(Refusal{right, Cause::kChannel}).Times(on_channels));
  }
  for (const Refusal& refusal : outside.refusals) EXPECT_NE(refusal.cause, Cause::kCommand);
  EXPECT_EQ(outside.lease->not_kept->trouble, Trouble::kDenied);
  this->server().command({"ACL", "DELUSER", "least"});
}

TYPED_TEST(MeasurementsTest, AMissingCommandIsNoMatterOfRights) {
  Server server(TypeParam::program(), {"--rename-command", "SCAN", ""});
  EXPECT_THAT(measure_at(server.tcp()).refusals, ElementsAre(Refusal{"scan", Cause::kMissing}));
}

TYPED_TEST(MeasurementsTest, AYoungServerGrantsNothingYet) {
  Server server(TypeParam::program());
  const RedisMeasurements measured = measure_at(server.tcp(), "", 60s);
  EXPECT_LT(measured.facts->uptime_s, 60);
  EXPECT_EQ(measured.lease->not_granted->trouble, Trouble::kNotServing);
  EXPECT_FALSE(measured.lease->not_kept);
  EXPECT_EQ(measured.lease->round_trips.size(), 20U);
  EXPECT_EQ(server.integer({"DBSIZE"}), 0);
}

TYPED_TEST(MeasurementsTest, AReplicaIsReportedAndNoLeaseIsTriedThere) {
  Server replica(TypeParam::program());
  replica.command({"REPLICAOF", "127.0.0.1", std::to_string(this->server().port())});
  const RedisMeasurements measured = measure_at(replica.tcp());
  EXPECT_FALSE(measured.failure);
  EXPECT_EQ(measured.wrong_role->trouble, Trouble::kNotServing);
  EXPECT_EQ(measured.facts->role, "slave");
  EXPECT_FALSE(measured.lease);
  EXPECT_THAT(measured.refusals, IsEmpty());
  ASSERT_TRUE(eventually([&] { return measure_at(this->server().tcp()).facts->replicas == 1; }));
  this->server().command({"CONFIG", "SET", "min-replicas-to-write", "1"});
  const RedisMeasurements primary = measure_at(this->server().tcp());
  this->server().command({"CONFIG", "SET", "min-replicas-to-write", "0"});
  EXPECT_TRUE(primary.facts->good_replicas);
}

TYPED_TEST(MeasurementsTest, TimesTellWhichStepFailed) {
  Server server(TypeParam::program(), {"--requirepass", "s3cret"});
  RedisMeasurements measured = measure_at(server.tcp());
  EXPECT_EQ(measured.failure->trouble, Trouble::kDenied);
  EXPECT_TRUE(measured.times.connect);
  EXPECT_FALSE(measured.times.login);
  RedisLocation location = server.tcp();
  location.credentials.password = "wrong";
  measured = measure_at(location);
  EXPECT_EQ(measured.failure->trouble, Trouble::kDenied);
  EXPECT_FALSE(measured.times.login);
  location.credentials.password = "s3cret";
  EXPECT_FALSE(measure_at(location).failure);
  location.port = free_port();
  measured = measure_at(location);
  EXPECT_EQ(measured.failure->trouble, Trouble::kUnreachable);
  EXPECT_TRUE(measured.times.lookup);
  EXPECT_FALSE(measured.times.connect);
  // No name server is asked for this one (RFC 7686).
  location.host = "nowhere.onion";
  measured = measure_at(location);
  EXPECT_EQ(measured.failure->trouble, Trouble::kUnreachable);
  EXPECT_FALSE(measured.times.lookup);
}

TYPED_TEST(MeasurementsTest, AServerWithoutHelloIsMeasuredInResp2) {
  Server server(TypeParam::program(), {"--rename-command", "HELLO", ""});
  const RedisMeasurements measured = measure_at(server.tcp());
  EXPECT_FALSE(measured.failure);
  EXPECT_TRUE(measured.speaks_resp2);
  EXPECT_EQ(measured.version, "");
  EXPECT_TRUE(measured.facts);
  EXPECT_THAT(measured.refusals, IsEmpty());
  EXPECT_FALSE(measured.lease->not_kept);
}

TYPED_TEST(MeasurementsTest, AServerWithoutMemoryDoesNotLackRights) {
  const Server& server = this->server();
  server.command({"CONFIG", "SET", "maxmemory", "1"});
  const RedisMeasurements measured = measure_at(server.tcp());
  server.command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_THAT(measured.refusals, IsEmpty());
  EXPECT_EQ(measured.lease->not_kept->trouble, Trouble::kNotServing);
}

TEST(HostileMeasurementsTest, RepliesThatMakeNoSenseAreIgnored) {
  for (const std::string bytes : {"*0\r\n", "+OK\r\n", ":1\r\n", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
                                  "$-1\r\n", "*2\r\n$20\r\n99999999999999999999\r\n$1\r\n0\r\n"}) {
    FakeServer server([&](int fd) {
      char buffer[65536];
      for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
        // One answer to each command, as far as commands can be distinguished.
        const std::string_view asked(buffer, static_cast<std::size_t>(got));
        for (std::size_t at = 0; (at = asked.find("*", at)) != asked.npos; ++at) {
          ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        }
      }
    });
    const RedisMeasurements measured = measure(server.location(), "", candidate(), 100ms);
    EXPECT_EQ(measured.clock_ahead, std::nullopt) << bytes;
    EXPECT_TRUE(!measured.lease || measured.lease->not_kept) << bytes;
  }
}

TEST(HostileMeasurementsTest, ASilentServerFailsInTime) {
  FakeServer server([](int fd) {
    char buffer[1024];
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  });
  const Time begin = BootClock::now();
  const RedisMeasurements measured = measure(server.location(), "", candidate(), 200ms);
  EXPECT_LT(BootClock::now() - begin, 5s);
  EXPECT_TRUE(measured.times.connect);
  EXPECT_FALSE(measured.times.login);
  EXPECT_EQ(measured.failure->trouble, Trouble::kUnreachable);
}

class FileMeasurementsTest : public testing::Test {
 protected:
  FileMeasurements measure_here(const std::string& prefix = "") const {
    return measure(FileLocation{folder_.path()}, prefix, candidate(), [](int) { return false; });
  }
  bool is_empty() const { return std::filesystem::is_empty(folder_.path()); }

  TempFolder folder_;
};

TEST_F(FileMeasurementsTest, AHealthyDirectoryIsMeasuredAndNothingIsLeft) {
  const FileMeasurements measured = measure_here();
  EXPECT_TRUE(measured.exists);
  EXPECT_FALSE(measured.failure);
  EXPECT_FALSE(measured.is_shared);
  EXPECT_EQ(measured.no_lock, std::nullopt);
  EXPECT_EQ(measured.no_watch, std::nullopt);
  ASSERT_TRUE(measured.lease);
  EXPECT_FALSE(measured.lease->not_granted);
  EXPECT_FALSE(measured.lease->not_kept);
  EXPECT_EQ(measured.lease->round_trips.size(), 20U);
  EXPECT_TRUE(is_empty());
}

TEST_F(FileMeasurementsTest, NothingIsLeftOfALeaseWhoseKeyNeedsFolders) {
  for (const std::size_t length : {std::size_t{146}, std::size_t{147}, std::size_t{511}}) {
    const FileMeasurements measured = measure_here(std::string(length, 'p'));
    EXPECT_FALSE(measured.lease->not_granted) << length;
    EXPECT_FALSE(measured.lease->not_kept) << length;
    ASSERT_TRUE(is_empty()) << length;
  }
}

TEST_F(FileMeasurementsTest, UnusableDirectoriesAreReported) {
  const std::string nowhere = folder_.file("nowhere");
  EXPECT_FALSE(measure(FileLocation{nowhere}, "", candidate()).exists);
  EXPECT_TRUE(is_empty());
  const std::string file = folder_.write("file", "x");
  EXPECT_EQ(measure(FileLocation{file}, "", candidate()).failure->trouble, Trouble::kMisconfigured);
  const FileMeasurements shared =
      measure(FileLocation{folder_.path()}, "", candidate(), [](int) { return true; });
  EXPECT_TRUE(shared.is_shared);
  EXPECT_FALSE(shared.lease);
  // Where not even the superuser makes files.
  const FileMeasurements proc =
      measure(FileLocation{"/proc/self"}, "", candidate(), [](int) { return false; });
  EXPECT_TRUE(proc.failure);
}

}  // namespace cluster_leader
