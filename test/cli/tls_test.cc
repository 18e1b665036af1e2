// The built binary over TLS: jobs, failures in one line with their status, and what is killed.
#include <signal.h>

#include <fstream>
#include <sstream>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/tls_redis.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

/// With Redis' own TLS, and with that of stunnel, which requires client certificates here. All
/// share one server, which grants nothing in its first seconds.
class TlsCliTest : public CliTest, public testing::WithParamInterface<TlsEnd> {
 protected:
  struct World {
    TlsEnd end;
    Certificates certificates;
    Certificates::Files files = certificates.sign({});
    TlsRedis redis;

    explicit World(TlsEnd whose) : end(whose), redis(end, files, demands()) {
      redis.server().grow_up(2s);
    }
    TlsDemands demands() const {
      return {.client_ca = end == TlsEnd::kStunnel ? certificates.ca() : ""};
    }
  };
  TlsCliTest() {
    if (!world_) world_ = std::make_unique<World>(GetParam());
  }
  static void TearDownTestSuite() { world_.reset(); }

  /// The options for one of our servers.
  static Words at(const TlsRedis& redis, const Words& more = {}) {
    Words words = {"--server", redis.url(), "--tls-ca", world_->certificates.ca(), "--ttl", "2"};
    if (!world_->demands().client_ca.empty()) {
      words =
          joined(words, {"--tls-cert", world_->files.certificate, "--tls-key", world_->files.key});
    }
    return joined(words, more);
  }
  static Words on_tls(const Words& more = {}) { return at(world_->redis, more); }
  static Words key(const std::string& name) { return {"--key", name}; }
  static Command verb(const std::string& name, const Words& more) {
    return Command(joined({CLUSTER_LEADER_BINARY, name}, more));
  }
  static bool is_free(const std::string& key) {
    return world_->redis.server().integer({"EXISTS", key}) == 0;
  }
  /// A job that lasts until it is stopped.
  static Process hold(const Words& options) {
    Process holder = run_under_lease(options, {"sh", "-c", "echo $$; exec sleep 1000"}).start();
    EXPECT_TRUE(holder.says("\n")) << holder.err();
    return holder;
  }
  static bool runs_job_of(const Process& holder) {
    return ::kill(std::atoi(holder.out().c_str()), 0) == 0;
  }

  static std::unique_ptr<World> world_;
};

std::unique_ptr<TlsCliTest::World> TlsCliTest::world_;

INSTANTIATE_TEST_SUITE_P(Redis, TlsCliTest, testing::Values(TlsEnd::kRedis));
INSTANTIATE_TEST_SUITE_P(Stunnel, TlsCliTest, testing::Values(TlsEnd::kStunnel));

TEST_P(TlsCliTest, AJobRunsUnderItsLease) {
  const Ended ended =
      run_under_lease(on_tls(key("a")), {"sh", "-c", "echo $CLUSTER_LEADER_KEY; exit 3"}).run();
  EXPECT_EQ(ended.status(), 3) << ended;
  EXPECT_EQ(ended.out, "a\n");
  EXPECT_EQ(ended.err, "");
  EXPECT_TRUE(is_free("a"));
}

TEST_P(TlsCliTest, AnotherRunIsAFollower) {
  Process holder = hold(on_tls(key("b")));
  expect_silent_follower(run_under_lease(on_tls(key("b")), {"true"}).run());
  holder.signal(SIGTERM);
  holder.wait();
  EXPECT_TRUE(is_free("b"));
}

TEST_P(TlsCliTest, AStoppedFrontDoesNotKeepTheLeaseFromBeingRenewed) {
  Process holder = hold(on_tls(key("f")));
  holder.signal(SIGSTOP);
  EXPECT_FALSE(eventually([] { return is_free("f"); }, 3s)) << "at the end of its ttl";
  EXPECT_TRUE(runs_job_of(holder));
  holder.signal(SIGCONT);
  holder.signal(SIGTERM);
  holder.wait();
  EXPECT_TRUE(is_free("f"));
}

TEST_P(TlsCliTest, AStoppedKeeperCostsTheJobBeforeTheLeaseEnds) {
  Process holder = hold(on_tls(key("g")));
  ::kill(holder.child(), SIGSTOP);
  EXPECT_TRUE(eventually([&] { return !runs_job_of(holder) || is_free("g"); }));
  EXPECT_FALSE(runs_job_of(holder));
  EXPECT_EQ(holder.wait().status(), 79);
}

TEST_P(TlsCliTest, AKilledFrontOrKeeperTakesTheJobAlongAndTheLeaseIsReleased) {
  for (const bool kills_front : {true, false}) {
    Process holder = hold(on_tls(key("c")));
    ::kill(kills_front ? holder.pid() : holder.child(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return !runs_job_of(holder); }));
    EXPECT_TRUE(eventually([] { return is_free("c"); }, 1s)) << "not at the end of its ttl";
    const Ended ended = holder.wait();
    EXPECT_EQ(ended.status(), kills_front ? 1000 + SIGKILL : 79) << ended;
  }
}

TEST_P(TlsCliTest, AFrozenServerEndsTheJobInTime) {
  TlsRedis& redis = world_->redis;
  Process holder = hold(on_tls(key("e")));
  redis.server().pause();
  const Ended ended = holder.wait();
  redis.server().resume();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_FALSE(runs_job_of(holder));
}

TEST_P(TlsCliTest, AFrozenTlsEndEndsTheJobBeforeTheLeaseEnds) {
  TlsRedis& redis = world_->redis;
  Process holder = hold(on_tls(key("h")));
  redis.pause_end();
  // If the TLS end is another process, the server itself can be asked.
  const bool can_ask = GetParam() == TlsEnd::kStunnel;
  EXPECT_TRUE(eventually([&] { return !runs_job_of(holder) || (can_ask && is_free("h")); }));
  EXPECT_FALSE(runs_job_of(holder));
  const Ended ended = holder.wait();
  redis.resume_end();
  EXPECT_EQ(ended.status(), 79) << ended;
}

TEST_P(TlsCliTest, AKilledServerEndsTheJobAndIsNamedAsUnreachable) {
  TlsRedis redis(GetParam(), world_->files, world_->demands());
  redis.server().grow_up(2s);
  Process holder = hold(at(redis, key("a")));
  redis.server().kill();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_FALSE(runs_job_of(holder));
  expect_failure(run_under_lease(at(redis, {"--key", "a", "-n"}), {"true"}).run(), 69, {});
}

TEST_P(TlsCliTest, EachFailureIsOneLineWithItsStatus) {
  const std::string url = world_->redis.url();
  const auto run = [&](const Words& words) {
    return run_under_lease(joined({"--key", "d", "-n"}, words), {"true"}).run();
  };
  expect_failure(run({"--server", url}), 78, {"key d at " + url, "--tls-ca"});
  expect_failure(run({"--server", url, "--tls-ca", "/nowhere"}), 78, {"--tls-ca /nowhere"});
  expect_failure(run(joined(on_tls(), {"--tls-server-name", "other"})), 78, {"not for other"});
  expect_failure(run({"--server", "redis" + url.substr(6)}), 69, {"rediss://"});
  expect_failure(run({"--tls-insecure"}), 64, {"--tls-insecure requires TLS"});
  const TlsRedis strict(GetParam(), world_->files, {.client_ca = world_->certificates.ca()});
  expect_failure(run({"--server", strict.url(), "--tls-ca", world_->certificates.ca()}), 77,
                 {"client certificate"});
}

TEST_P(TlsCliTest, DoctorShowsTheCertificate) {
  const Ended ended = verb("doctor", on_tls()).run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.out, HasSubstr("tls"));
  EXPECT_THAT(ended.out, HasSubstr("TLSv1.3; certificate for localhost, 127.0.0.1, ::1, expires in "
                                   "0 days"));
  const Ended wrong = verb("doctor", {"--server", world_->redis.url()}).run();
  EXPECT_EQ(wrong.status(), 78) << wrong;
  EXPECT_THAT(wrong.out, HasSubstr("failed  tls"));
  EXPECT_THAT(wrong.out, Not(HasSubstr("login")));
}

TEST_P(TlsCliTest, AnElectionReconnectsAfterTheTlsEndWasKilled) {
  TlsRedis redis(GetParam(), world_->files, world_->demands());
  redis.server().grow_up(2s);
  Elector elector(at(redis, key("a")));
  ASSERT_TRUE(elector.is("leader", "a")) << elector.transcript();
  redis.kill_end();
  ASSERT_TRUE(elector.is("down", "a")) << elector.transcript();
  redis.start_end();
  ASSERT_TRUE(elector.is("leader", "a")) << elector.transcript();
  EXPECT_EQ(elector.stop().status(), 0);
}

/// What strace(1) shows of one connection.
struct Traced {
  int before_fork = 0;  ///< writes of the front before it forked
  int of_front = 0;     ///< its writes afterwards
  int of_keeper = 0;
};

Traced trace_of(const std::string& path, std::uint16_t port) {
  const std::string connection = "->127.0.0.1:" + std::to_string(port) + "]>";
  Traced traced;
  std::string front;
  bool has_forked = false;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string pid;
    std::string call;
    words >> pid >> call;
    if (front.empty()) front = pid;
    call.resize(std::min(call.size(), call.find('(')));
    if (call.find("fork") != call.npos || call.find("clone") != call.npos) has_forked = true;
    // The first argument is the descriptor, whose connection strace has looked up.
    const std::string descriptor = line.substr(0, line.find_first_of(", )", line.find('(')));
    if (descriptor.find(connection) == line.npos) continue;
    ++(pid != front ? traced.of_keeper : has_forked ? traced.of_front : traced.before_fork);
  }
  return traced;
}

TEST_P(TlsCliTest, TheFrontWritesNothingToTheServerAfterItHasForked) {
  const std::string trace = path("trace");
  const Server& server = world_->redis.server();
  const Words options = on_tls({"--key", "i", "--heartbeat", "200ms"});
  const Words words = {
      STRACE, "-f", "-yy", "-o", trace, "-e", "trace=/write|send|splice|shutdown|fork|clone"};
  Process holder = Command(joined(words, joined(joined({CLUSTER_LEADER_BINARY, "run"}, options),
                                                {"--", "sh", "-c", "echo runs; exec sleep 1000"})))
                       // LeakSanitizer cannot run in a process that is traced.
                       .with("ASAN_OPTIONS", "detect_leaks=0")
                       .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  const long long renewals = server.calls("pexpire");
  EXPECT_TRUE(eventually([&] { return server.calls("pexpire") > renewals + 3; }));
  ::kill(holder.child(), SIGTERM);
  EXPECT_EQ(holder.wait().status(), kDiedOf + SIGTERM);
  EXPECT_TRUE(is_free("i"));
  const Traced traced = trace_of(trace, world_->redis.port());
  EXPECT_GT(traced.before_fork, 0) << content_of(trace);
  EXPECT_EQ(traced.of_front, 0) << content_of(trace);
  EXPECT_GT(traced.of_keeper, 1) << content_of(trace);
}

}  // namespace
}  // namespace cluster_leader
