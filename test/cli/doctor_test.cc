#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "support/fake_server.h"
#include "support/look_world.h"
#include "support/loopback.h"
#include "support/manual.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

class DoctorTest : public CliTest {
 protected:
  static Ended doctor(const Words& options) {
    return Command(joined({CLUSTER_LEADER_BINARY, "doctor"}, options)).run();
  }
  static Json json(const Words& options, int status = 0) {
    const Ended ended = doctor(joined(options, {"--json"}));
    EXPECT_EQ(ended.status(), status) << ended;
    EXPECT_EQ(ended.err, "");
    return Json::parse(ended.out);
  }
  static std::string result_of(const Json& findings, const std::string& check) {
    for (const Json& finding : findings) {
      if (finding["check"] == check) return finding["result"];
    }
    return "nothing about " + check;
  }
  /// The detail, and the advice of a warning.
  static std::string text_of(const Json& findings, const std::string& check) {
    for (const Json& finding : findings) {
      if (finding["check"] != check) continue;
      const std::string detail = finding["detail"];
      return finding["advice"].is_null() ? detail : detail + "; " + std::string(finding["advice"]);
    }
    return "nothing about " + check;
  }
};

TEST_F(DoctorTest, AServerThatSuitsIsALineOfOkForEachCheck) {
  GrownServer server({"--appendonly", "yes"});
  const Ended ended = doctor(on(server));
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 16) << ended.out;
  for (std::size_t at = 0; at != ended.out.size(); at = ended.out.find('\n', at) + 1) {
    EXPECT_EQ(ended.out.substr(at, 4), "ok  ") << ended.out;
  }
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(server.text({"DBSIZE"}), "0");
}

TEST_F(DoctorTest, JsonHasAnObjectForEachCheck) {
  GrownServer server;
  const Json findings = json(on(server));
  ASSERT_EQ(findings.size(), 16U);
  for (const Json& finding : findings) {
    EXPECT_EQ(finding.size(), 5U);
    EXPECT_TRUE(finding["server"].is_null()) << "it is not a quorum";
    EXPECT_TRUE(finding["detail"].is_string());
    EXPECT_EQ(finding["advice"].is_null(), finding["result"] == "ok") << finding;
  }
  EXPECT_EQ(result_of(findings, "persistence"), "warning");
  EXPECT_EQ(result_of(findings, "lease"), "ok");
}

TEST_F(DoctorTest, AYoungServerIsAWarningAndNoFailure) {
  Server server(REDIS_SERVER);
  const Json findings = json(on(server, {"--ttl", "60"}));
  EXPECT_EQ(result_of(findings, "uptime"), "warning");
  EXPECT_EQ(result_of(findings, "lease"), "ok");
  EXPECT_EQ(result_of(findings, "ttl"), "ok");
  EXPECT_EQ(result_of(json(on(server, {"--ttl", "5m"})), "ttl"), "warning");
}

TEST_F(DoctorTest, ReplicasAndAPromotionAreTold) {
  for (const char* const program : {REDIS_SERVER, VALKEY_SERVER}) {
    const Server primary(program, {"--repl-diskless-sync-delay", "0"});
    const Server replica(program, {"--replicaof", "127.0.0.1 " + std::to_string(primary.port())});
    ASSERT_TRUE(eventually([&] {
      return replica.text({"INFO", "replication"}).find("link_status:up") != std::string::npos;
    }));
    primary.grow_up(1s);
    replica.grow_up(1s);
    const Words ttl = {"--ttl", "1"};
    Json findings = json(on(primary, ttl));
    EXPECT_THAT(text_of(findings, "replicas"),
                AllOf(HasSubstr("1, and min-replicas-to-write is off"), HasSubstr("asynchronous")));
    EXPECT_EQ(result_of(json(on(replica, ttl), 69), "role"), "failed");
    EXPECT_EQ(replica.text({"REPLICAOF", "NO", "ONE"}), "OK");
    findings = json(on(replica, ttl));
    EXPECT_EQ(result_of(findings, "role"), "ok");
    EXPECT_THAT(text_of(findings, "uptime"), HasSubstr("promoted from a replica"));
  }
}

TEST_F(DoctorTest, AClockThatIsWrongIsAWarning) {
  GrownServer server;
  // It plays a server whose clock is two hours late, and was set back since the start.
  RespProxy proxy(
      server.tcp(), [](int, const RespProxy::Words& words) -> std::optional<std::string> {
        if (words[0] == "TIME") {
          const std::string late = std::to_string(wall_clock_ms() / 1000 - 7200);
          return "*2\r\n$" + std::to_string(late.size()) + "\r\n" + late + "\r\n$1\r\n0\r\n";
        }
        if (words.size() != 1 || words[0] != "INFO") return std::nullopt;
        const std::string info = "redis_version:7.0.15\r\nuptime_in_seconds:-3600\r\n";
        return "$" + std::to_string(info.size()) + "\r\n" + info + "\r\n";
      });
  const Json findings =
      json({"--server", "redis://127.0.0.1:" + std::to_string(proxy.location().port)});
  EXPECT_THAT(text_of(findings, "clock"),
              ContainsRegex("720[01].*s behind ours: if it is set forward"));
  EXPECT_THAT(text_of(findings, "uptime"),
              HasSubstr("watched the server for 11 s; set the server's"));
  EXPECT_EQ(result_of(findings, "uptime"), "warning");
}

TEST_F(DoctorTest, TheFirstFailureIsTheStatus) {
  GrownServer server;
  server.command({"ACL", "SETUSER", "job", "reset", "on", ">p", "~*", "&*", "+@all", "-hdel"});
  const Ended denied =
      Command(joined({CLUSTER_LEADER_BINARY, "doctor", "--user", "job"}, on(server)))
          .with("REDIS_PASSWORD", "p")
          .run();
  EXPECT_EQ(denied.status(), 77) << denied;
  EXPECT_THAT(
      denied.out,
      HasSubstr("failed   rights       no hdel\n                      -> ACL SETUSER job +hdel\n"));
  server.command({"CONFIG", "SET", "requirepass", "s3cret"});
  EXPECT_EQ(result_of(json(on(server), 77), "login"), "failed");
  server.kill();
  EXPECT_EQ(result_of(json(on(server), 69), "connect"), "failed");
  expect_failure(doctor({"--server", "nonsense"}), 78, {"URL"});
}

TEST_F(DoctorTest, TheRightsOfTheManualForRunSuffice) {
  GrownServer server;
  const auto grants = grants_in_manual();
  ASSERT_FALSE(grants.empty());
  server.command(joined({"ACL", "SETUSER"}, grants.front()));
  const Ended ended = Command(joined({CLUSTER_LEADER_BINARY, "doctor", "--user", "job", "--prefix",
                                      "job-", "--json"},
                                     on(server)))
                          .with("REDIS_PASSWORD", "PASSWORD")
                          .run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(result_of(Json::parse(ended.out), "lease"), "ok");
}

/// Hands on what comes from either side, the server's answers after a while.
void relay(const UniqueFd& client, std::uint16_t port, Duration pause) {
  const UniqueFd server = new_tcp_socket();
  connect_to(server.get(), port);
  char buffer[65536];
  for (;;) {
    pollfd ends[] = {{client.get(), POLLIN, 0}, {server.get(), POLLIN, 0}};
    ::poll(ends, 2, -1);
    const bool is_answer = ends[1].revents != 0;
    if (is_answer) std::this_thread::sleep_for(pause);
    const UniqueFd& from = is_answer ? server : client;
    const ssize_t got = ::recv(from.get(), buffer, sizeof buffer, 0);
    if (got <= 0) return;
    ::send((is_answer ? client : server).get(), buffer, static_cast<std::size_t>(got),
           MSG_NOSIGNAL);
  }
}

TEST_F(DoctorTest, ASlowServerDoesNotSuitAShortTtl) {
  GrownServer server;
  std::vector<std::jthread> relays;
  FakeServer slow([&](int fd) {
    relays.emplace_back([client = UniqueFd(::dup(fd)), port = server.port()] {
      // An attempt on a ttl of 1 s is given 166 ms.
      relay(client, port, 180ms);
    });
  });
  const std::string url = "redis://127.0.0.1:" + std::to_string(slow.location().port);
  const Json findings = json({"--server", url, "--ttl", "1", "--connect-timeout", "300ms"}, 78);
  EXPECT_EQ(result_of(findings, "timing"), "failed");
  EXPECT_EQ(result_of(findings, "lease"), "ok");
}

TEST_F(DoctorTest, ADirectoryIsExaminedAndLeftAsItWas) {
  Json findings = json({"--server", "file://" + path("leases")});
  EXPECT_EQ(result_of(findings, "directory"), "warning");
  EXPECT_FALSE(exists("leases"));
  ASSERT_EQ(::mkdir(path("leases").c_str(), 0755), 0);
  findings = json(on_file());
  EXPECT_EQ(findings.size(), 7U);
  for (const Json& finding : findings) EXPECT_EQ(finding["result"], "ok") << finding;
  EXPECT_EQ(::rmdir(path("leases").c_str()), 0);
}

TEST_F(DoctorTest, ADirectoryIsLeftAsItWasHoweverLongThePrefixIs) {
  for (const std::size_t length : {std::size_t{146}, std::size_t{400}, std::size_t{511}}) {
    const Json findings = json(on_file({"--prefix", std::string(length, 'p')}));
    EXPECT_EQ(result_of(findings, "lease"), "ok") << length;
    ASSERT_TRUE(std::filesystem::is_empty(path("leases"))) << length;
  }
}

TEST_F(DoctorTest, ADirectoryIsLeftAsItWasThoughALeaseFailsThere) {
  ASSERT_EQ(::mkdir(path("leases").c_str(), 0755), 0);
  const Ended ended =
      Command(joined({CLUSTER_LEADER_BINARY, "doctor", "--json", "--prefix", std::string(400, 'p')},
                     on_file()))
          .prepare([] {
            // Less than a record, and enough for what is said about it.
            const rlimit little{1000, 1000};
            ::setrlimit(RLIMIT_FSIZE, &little);
          })
          .run();
  EXPECT_EQ(ended.status(), 69) << ended;
  EXPECT_EQ(result_of(Json::parse(ended.out), "lease"), "failed");
  EXPECT_TRUE(std::filesystem::is_empty(path("leases")));
}

TEST_F(DoctorTest, AFolderThatRunsUseIsLeftAlone) {
  const std::string prefix(400, 'p');
  const Words options = on_file({"--prefix", prefix, "--key", "job-a"});
  ASSERT_EQ(run_under_lease(options, {"true"}).run().status(), 0);
  const auto count = [this] {
    return std::distance(std::filesystem::recursive_directory_iterator(path("leases")), {});
  };
  const auto before = count();
  EXPECT_EQ(result_of(json(on_file({"--prefix", prefix})), "lease"), "ok");
  EXPECT_EQ(count(), before);
}

TEST_F(DoctorTest, APrefixThatLeavesNoRoomForAKeyIsRefused) {
  for (const Words& place : {on_file(), Words{"--server", "redis://127.0.0.1:1"}}) {
    expect_failure(doctor(joined({"--prefix", std::string(600, 'p')}, place)), 64,
                   {"the prefix has 600 bytes", "511"});
  }
}

}  // namespace
}  // namespace cluster_leader
