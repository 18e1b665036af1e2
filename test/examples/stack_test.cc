// The file for Docker Compose and Swarm that the recipes show: read by Docker's own client, which
// needs no engine for that, and what it starts, on real servers under the names that it gives them.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "options/duration.h"
#include "options/options.h"
#include "support/example_world.h"
#include "support/manual.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// A network with nothing but a loopback of its own, and a file /etc/hosts of its own. REQUIRES:
/// root, and that this process has one thread.
class OwnNetwork {
 public:
  explicit OwnNetwork(const std::string& hosts) {
    check_errno(::unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare");
    check_errno(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount");
    check_errno(::mount(hosts.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr), "mount");
    const UniqueFd socket(check_errno(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    ifreq loopback{};
    loopback.ifr_name[0] = 'l', loopback.ifr_name[1] = 'o';
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    check_errno(::ioctl(socket.get(), SIOCSIFFLAGS, &loopback), "ioctl");
  }
  ~OwnNetwork() {
    EXPECT_EQ(::setns(network_.get(), CLONE_NEWNET), 0);
    EXPECT_EQ(::setns(mounts_.get(), CLONE_NEWNS), 0);
  }
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;

 private:
  static int open_namespace(const char* path) {
    return check_errno(::open(path, O_RDONLY | O_CLOEXEC), "open");
  }
  UniqueFd network_{open_namespace("/proc/self/ns/net")};
  UniqueFd mounts_{open_namespace("/proc/self/ns/mnt")};
};

class StackTest : public CliTest {
 protected:
  static std::string shown() { return manual_block("# compose.yaml"); }

  /// What Docker makes of a file: its services, with all that they inherit. `stderr` is what it has
  /// to say about it.
  Ended docker(const std::string& text) const {
    return Command({DOCKER, "stack", "config", "--compose-file", folder_.write("stack.yml", text)})
        .with("PATH", "/usr/bin:/bin")
        .with("HOME", folder_.path())
        .run();
  }
  std::map<std::string, YAML::Node> services() const {
    std::map<std::string, YAML::Node> services;
    for (const auto& entry : YAML::Load(docker(shown()).out)["services"]) {
      services[entry.first.as<std::string>()] = entry.second;
    }
    EXPECT_THAT(services, testing::SizeIs(7));
    return services;
  }
  static Words servers() {
    return {"redis-1", "redis-2", "redis-3", "sentinel-1", "sentinel-2", "sentinel-3"};
  }
  static bool is_sentinel(const std::string& name) { return name.starts_with("sentinel"); }
};

TEST_F(StackTest, DockerTakesTheFileAndWouldNotTakeEvery) {
  const Ended good = docker(shown());
  EXPECT_EQ(good.status(), 0) << good;
  EXPECT_EQ(good.err, "");
  const Ended bad = docker(replaced(shown(), "replicas:", "replica:"));
  EXPECT_NE(bad.status(), 0);
  EXPECT_THAT(bad.err, HasSubstr("Additional property replica is not allowed"));
}

TEST_F(StackTest, EachServerHasANameAVolumeAndAMachine) {
  auto all_services = services();
  for (const std::string& name : servers()) {
    const YAML::Node service = all_services.at(name);
    EXPECT_EQ(service["environment"]["NAME"].as<std::string>(), name);
    ASSERT_EQ(service["volumes"].size(), 1U);
    EXPECT_EQ(service["volumes"][0]["source"].as<std::string>(), name);
    EXPECT_EQ(service["volumes"][0]["target"].as<std::string>(), "/data");
    ASSERT_EQ(service["deploy"]["placement"]["constraints"].size(), 1U);
    EXPECT_EQ(service["deploy"]["placement"]["constraints"][0].as<std::string>(),
              std::string("node.labels.redis == ") + name.back());
    // Two replicas of one would be two servers under one name.
    EXPECT_FALSE(service["deploy"]["replicas"]);
  }
  EXPECT_EQ(all_services.at("worker")["deploy"]["replicas"].as<int>(), 3);
  for (const auto& [name, service] : all_services) {
    EXPECT_EQ(service["restart"].as<std::string>(), "always") << name;
    ASSERT_EQ(service["secrets"].size(), 1U) << name;
    EXPECT_EQ(service["secrets"][0]["source"].as<std::string>(), "redis-password") << name;
  }
}

TEST_F(StackTest, NoPasswordIsInIt) {
  for (const auto& [name, service] : services()) {
    for (const auto& entry : service["environment"]) {
      const auto variable = entry.first.as<std::string>();
      if (variable.find("PASSWORD") == variable.npos) continue;
      EXPECT_THAT(variable, testing::EndsWith("_PASSWORD_FILE"));
      EXPECT_EQ(entry.second.as<std::string>(), "/run/secrets/redis-password");
    }
  }
}

TEST_F(StackTest, TheTtlIsLongEnoughForAFailover) {
  auto all_services = services();
  const auto words = all_services.at("worker")["command"].as<Words>();
  // It has no --ttl, so the default counts.
  EXPECT_THAT(words, testing::Not(testing::Contains("--ttl")));
  const Duration ttl = Options().timeline.ttl;
  for (const std::string& name : servers()) {
    if (!is_sentinel(name)) continue;
    const Names found = all(all_services.at(name)["command"][2].as<std::string>(),
                            "\nsentinel down-after-milliseconds mymaster ([0-9]+)\n");
    ASSERT_THAT(found, testing::SizeIs(1));
    // The manual's rule.
    EXPECT_GT(ttl, 2 * (std::chrono::milliseconds(std::stoi(*found.begin())) + 1500ms));
  }
}

/// The services of the file, each with an address under its name.
class RunningStackTest : public StackTest {
 protected:
  RunningStackTest() : network_(folder_.write("hosts", hosts())), services_(services()) {
    folder_.write("redis-password", "s3cret\n", 0600);
    const std::string valkey = VALKEY_SERVER;
    folder_.write("valkey-server", "#!/bin/sh\nexec " + valkey + " \"$@\" --bind \"$NAME\"\n",
                  0755);
    folder_.write("valkey-sentinel",
                  "#!/bin/sh\nexec " + valkey + " \"$1\" --sentinel --bind \"$NAME\"\n", 0755);
    EXPECT_EQ(::symlink(CLUSTER_LEADER_BINARY, path("cluster-leader").c_str()), 0);
    folder_.write(
        "worker",
        "#!/bin/sh\nexec " + test_program("job_exclusive") + ' ' + path("log") + " 600000\n", 0755);
    for (const std::string& name : servers()) start(name);
    for (const std::string& name : servers()) {
      if (!is_sentinel(name)) continue;
      // So that they soon know each other and the replicas.
      EXPECT_TRUE(eventually([&] {
        return ask(name, "SENTINEL DEBUG PUBLISH-PERIOD 100 INFO-PERIOD 100") == "OK\n";
      }));
    }
  }

  static std::string hosts() {
    std::string text = "127.0.0.1 localhost\n";
    int last = 10;
    for (const std::string& name : servers()) {
      text += "127.0.0." + std::to_string(++last) + ' ' + name + '\n';
    }
    return text;
  }

  /// A text of the file with this test's folder in place of those in a container.
  std::string here(const std::string& text) const {
    std::string result = text;
    for (const char* folder : {"/run/secrets", "/srv"}) {
      if (result.find(folder) != result.npos) result = replaced(result, folder, folder_.path());
    }
    return result;
  }

  /// A container of that service, without anything in its volume if it is the first.
  Command container(const std::string& service) const {
    Words words;
    for (const auto& word : services_.at(service)["command"]) {
      words.push_back(here(word.as<std::string>()));
    }
    if (words.front() == "cluster-leader") words.front() = path("cluster-leader");
    Command command(words);
    command.with("PATH", folder_.path() + ":/usr/bin:/bin");
    for (const auto& entry : services_.at(service)["environment"]) {
      command.with(entry.first.as<std::string>(), here(entry.second.as<std::string>()));
    }
    return command;
  }

  void start(const std::string& name) {
    ::mkdir(path(name).c_str(), 0700);
    Command command = container(name).in(path(name));
    // So that it need not be waited for until it is no longer young.
    if (!is_sentinel(name)) command.with("LD_PRELOAD", OLD_SERVER);
    running_.emplace(name, command.start());
  }

  /// What a server answers, a line for each part. What fails is empty.
  static std::string ask(const std::string& name, const std::string& command) {
    return output_of("redis-cli -h " + name + " -p " + (is_sentinel(name) ? "26379" : "6379") +
                     " -a s3cret --no-auth-warning " + command + " || true");
  }

  /// What two of the Sentinels name, or nothing.
  static std::string primary() {
    std::map<std::string, int> named;
    for (const std::string& name : servers()) {
      if (!is_sentinel(name)) continue;
      const std::string who = ask(name, "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster");
      if (++named[who] == 2) return who.substr(0, who.find('\n'));
    }
    return "";
  }

  /// Whether all Sentinels know each other and both replicas.
  static bool is_complete() {
    const Words names = servers();
    return std::all_of(names.begin(), names.end(), [](const std::string& name) {
      if (!is_sentinel(name)) return true;
      const std::string facts = ask(name, "SENTINEL MASTER mymaster");
      return facts.find("num-other-sentinels\n2\n") != facts.npos &&
             facts.find("num-slaves\n2\n") != facts.npos;
    });
  }

  /// What `status` says of the worker's lease.
  nlohmann::json lease() const {
    Command command({path("cluster-leader"), "status", "--key", "worker", "--json"});
    for (const auto& entry : services_.at("worker")["environment"]) {
      command.with(entry.first.as<std::string>(), here(entry.second.as<std::string>()));
    }
    const Ended ended = command.run();
    return ended.status() == 0 ? nlohmann::json::parse(ended.out)[0] : nlohmann::json::object();
  }

  OwnNetwork network_;
  const std::map<std::string, YAML::Node> services_;
  std::map<std::string, Process> running_;
};

TEST_F(RunningStackTest, OneWorkerAtATimeRunsAndOutlivesThePrimary) {
  ASSERT_TRUE(eventually(is_complete));
  ASSERT_EQ(primary(), "redis-1");
  EXPECT_THAT(ask("sentinel-1", "SENTINEL SENTINELS mymaster"), HasSubstr("\nip\nsentinel-2\n"));
  std::map<std::string, Process> workers;
  for (const char* name : {"a", "b", "c"}) {
    workers.emplace(name, container("worker").with("HOSTNAME", name).start());
  }
  ASSERT_TRUE(eventually([&] { return log().count("start") == 1; })) << workers.at("a").err();
  ASSERT_TRUE(eventually([&] { return lease()["waiters"] == 2; }));
  workers.at(lease()["leader"]).signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return log().count("start") == 2; }));
  const std::string holder = lease()["leader"];

  ASSERT_EQ(::kill(running_.at("redis-1").pid(), SIGKILL), 0);
  ASSERT_TRUE(eventually([] { return primary() != "redis-1" && primary() != ""; }));
  // The Sentinels took longer than that: this much is left only of a lease that was renewed since.
  EXPECT_TRUE(eventually([&] { return lease()["ttl_remaining_ms"] > 8500; }));
  // Not an address, which another container may have tomorrow.
  EXPECT_THAT(servers(), testing::Contains(primary()));
  EXPECT_EQ(lease()["leader"], holder);
  EXPECT_EQ(log().count("start"), 2);
  EXPECT_EQ(log().fault(), "");
}

}  // namespace
}  // namespace cluster_leader
