// What a run does when a server answers something else than who has the key, on the built binary:
// before its job has started, and while that runs.
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/location.h"
#include "support/cli_world.h"
#include "support/fake_server.h"
#include "support/grown_server.h"
#include "support/resp_proxy.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

/// An error, the status of a run that cannot start because of it, and what its message names.
struct Refusal {
  const char* error;
  int status;
  const char* cause;
};

constexpr Refusal kRefusals[] = {
    {"READONLY You can't write against a read only replica.", 69, "read-only replica"},
    {"MASTERDOWN Link with MASTER is down", 69, "lost its primary"},
    {"LOADING Redis is loading the dataset in memory", 69, "loading its data from disk"},
    {"BUSY Redis is busy running a script.", 69, "busy with a long script"},
    {"CLUSTERDOWN The cluster is down", 69, "the cluster is down"},
    {"OOM command not allowed when used memory > 'maxmemory'.", 69, "out of memory"},
    {"MISCONF Redis is configured to save RDB snapshots", 69, "cannot save to disk"},
    {"NOREPLICAS Not enough good replicas to write.", 69, "too few replicas are connected"},
    {"ERR max number of clients reached", 69, "raise its maxclients"},
    {"upstream failure", 69, "answered: upstream failure"},
    {"NOAUTH Authentication required.", 77, "requires a password"},
    {"WRONGPASS invalid username-password pair or user is disabled.", 77, "the password is wrong"},
    {"NOPERM this user has no permissions to run the 'evalsha' command", 77, "'evalsha' command"},
    {"ERR ACL failure in script: User u has no permissions to run the 'pexpire' command", 77,
     "'pexpire' command"},
    {"ERR The user executing the script can't run this command or subcommand", 77, "pexpire"},
};

std::string key_of(const Refusal& refusal) {
  return "key-" + std::to_string(&refusal - &kRefusals[0]);
}

std::string url_at(const RedisLocation& location) {
  return "redis://127.0.0.1:" + std::to_string(location.port);
}

class AnswersTest : public CliTest {
 protected:
  /// In place of an answer about this key: an error, from now on; empty: no longer.
  void refuse(const std::string& key, const std::string& error) {
    const std::scoped_lock lock(mutex_);
    asked_[key].error = error;
  }
  /// How often such an error was the answer, and how often it was the server's.
  int refused(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return asked_[key].refused;
  }
  int answered(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return asked_[key].answered;
  }

  Words options(const std::string& key, const Words& more) const {
    return joined({"--server", url_at(proxy_.location()), "--key", key}, more);
  }

 private:
  struct Asked {
    std::string error;
    int refused = 0;
    int answered = 0;
  };

  std::optional<std::string> answer(const RespProxy::Words& words) {
    if (!words[0].starts_with("EVAL")) return std::nullopt;
    const std::scoped_lock lock(mutex_);
    Asked& asked = asked_[words[3]];
    ++(asked.error.empty() ? asked.answered : asked.refused);
    return asked.error.empty() ? std::nullopt : std::optional('-' + asked.error + "\r\n");
  }

 protected:
  GrownServer server_;

 private:
  std::mutex mutex_;
  std::map<std::string, Asked> asked_;
  const RespProxy proxy_{server_.tcp(),
                         [this](int, RespProxy::Words& words) { return answer(words); }};
};

TEST_F(AnswersTest, BeforeTheStartEndARunWithTheirStatusAndNameTheCause) {
  std::vector<Process> runs;
  for (const Refusal& refusal : kRefusals) {
    refuse(key_of(refusal), refusal.error);
    const Words options = this->options(key_of(refusal), {"--connect-timeout", "2"});
    runs.push_back(run_under_lease(options, {"echo", "no"}).start());
  }
  for (const Refusal& refusal : kRefusals) {
    SCOPED_TRACE(refusal.error);
    expect_failure(runs[static_cast<std::size_t>(&refusal - &kRefusals[0])].wait(), refusal.status,
                   {"key " + key_of(refusal) + " at redis://127.0.0.1:", refusal.cause});
  }
}

TEST_F(AnswersTest, BeforeTheStartAreOutlivedByAWaiterIfTheyCanPass) {
  std::vector<std::pair<std::string, Process>> runs;
  for (const Refusal& refusal : kRefusals) {
    if (refusal.status != 69) continue;
    const std::string key = key_of(refusal);
    refuse(key, refusal.error);
    runs.emplace_back(key, run_under_lease(options(key, {"-w", "60"}), {"echo", "runs"}).start());
  }
  for (auto& one : runs) {
    const std::string& key = one.first;
    SCOPED_TRACE(key);
    ASSERT_TRUE(eventually([&] { return refused(key) >= 2; }));
    refuse(key, "");
    const Ended ended = one.second.wait();
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.out, "runs\n");
    EXPECT_EQ(ended.err, "");
  }
}

TEST_F(AnswersTest, WhileTheJobRunsAreNoAnswerAndItGoesOn) {
  Pipe input;
  Process holder =
      run_under_lease(options("job-a", {"--heartbeat", "20ms", "-w", "60"}), job_until_stdin_ends())
          .give(input.read_end.get(), 0)
          .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  for (const Refusal& refusal : kRefusals) {
    const int before = refused("job-a");
    refuse("job-a", refusal.error);
    ASSERT_TRUE(eventually([&] { return refused("job-a") >= before + 2; })) << refusal.error;
    const int renewed = answered("job-a");
    refuse("job-a", "");
    ASSERT_TRUE(eventually([&] { return answered("job-a") > renewed; })) << refusal.error;
  }
  EXPECT_TRUE(holder.running());
  input.write_end.reset();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.err, "");
}

TEST_F(AnswersTest, WhileTheJobRunsStopItOnlyAtItsDeadlineWhichNamesTheCause) {
  std::vector<Process> holders;
  for (const Refusal& refusal : kRefusals) {
    const std::string key = key_of(refusal);
    const Words options =
        this->options(key, {"--ttl", "5", "--heartbeat", "200ms", "--kill-after", "2", "-w", "60"});
    holders.push_back(
        run_under_lease(
            options, {"sh", "-c", "trap 'echo stopped; exit 0' TERM; sleep 1000 & echo runs; wait"})
            .start());
    ASSERT_TRUE(holders.back().says("runs")) << holders.back().err();
    refuse(key, refusal.error);
  }
  for (const Refusal& refusal : kRefusals) {
    SCOPED_TRACE(refusal.error);
    const Ended ended = holders[static_cast<std::size_t>(&refusal - &kRefusals[0])].wait();
    EXPECT_EQ(ended.status(), 79) << ended;
    EXPECT_EQ(ended.out, "runs\nstopped\n") << "it was given its time to end";
    expect_one_line(ended.err, {"key " + key_of(refusal) + " at redis://127.0.0.1:",
                                "the lease could not be renewed in time", refusal.cause});
    EXPECT_GE(refused(key_of(refusal)), 3);
  }
}

TEST_F(AnswersTest, APasswordThatChangesWhileTheJobRunsIsReadAgain) {
  const auto set_password = [&](const std::string& password) {
    server_.text({"ACL", "SETUSER", "worker", "reset", "on", '>' + password, "~*", "&*", "+@all"});
    server_.integer({"CLIENT", "KILL", "USER", "worker"});
  };
  const auto denied = [&] { return server_.command({"ACL", "LOG"})->elements; };
  set_password("first");
  const std::string file = folder_.write("password", "first\n", 0600);
  Pipe input;
  Process holder = run_under_lease(on(server_, {"--heartbeat", "100ms", "--user", "worker",
                                                "--password-file", file, "-w", "60"}),
                                   job_until_stdin_ends())
                       .give(input.read_end.get(), 0)
                       .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  set_password("second");
  EXPECT_TRUE(eventually([&] { return denied() > 0; }));
  folder_.write("password", "second\n", 0600);
  const long long before = server_.calls("pexpire");
  EXPECT_TRUE(eventually([&] { return server_.calls("pexpire") > before; }));
  EXPECT_TRUE(holder.running());
  input.write_end.reset();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.err, "");
}

/// Executes every other request, and closes the connection in place of the answer.
TEST_F(AnswersTest, ThatAreLostAreAskedForAgainUnderTheSameId) {
  std::atomic<int> requests = 0;
  const RespProxy proxy(server_.tcp(),
                        [&](int, RespProxy::Words& words) -> std::optional<std::string> {
                          if (!words[0].starts_with("EVAL")) return std::nullopt;
                          if (++requests % 2 == 0) return std::nullopt;
                          server_.command(words);
                          return RespProxy::kClose;
                        });
  Pipe input;
  const Words options = {"--server", url_at(proxy.location()), "--heartbeat", "100ms"};
  Process holder = run_under_lease(options, {"sh", "-c", "echo $CLUSTER_LEADER_TOKEN; cat"})
                       .give(input.read_end.get(), 0)
                       .start();
  ASSERT_TRUE(holder.says("\n")) << holder.err();
  const int granted_after = requests;
  EXPECT_TRUE(eventually([&] { return requests >= granted_after + 4; }));
  input.write_end.reset();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.err, "");
  // One grant, and no lease that is left behind.
  EXPECT_EQ(ended.out, server_.text({"HGET", "cluster-leader:record:{job-a}", "fence"}) + "\n");
  EXPECT_EQ(server_.text({"GET", "job-a"}), "(nil)");
}

TEST_F(CliTest, AServerWithTooManyClientsIs69AndSaysSo) {
  FakeServer full(FakeServer::is_full());
  const std::string url = url_at(full.location());
  expect_failure(
      run_under_lease({"--server", url, "--connect-timeout", "200ms"}, {"echo", "no"}).run(), 69,
      {"key job-a at " + url, "the server has too many clients: raise its maxclients"});
}

}  // namespace
}  // namespace cluster_leader
