// The built binary over TLS: jobs, failures in one line with their status, and what is killed.
#include <signal.h>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/tls_redis.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

/// All share one server, which grants nothing in its first seconds.
class TlsCliTest : public CliTest {
 protected:
  struct World {
    Certificates certificates;
    Certificates::Files files = certificates.sign({});
    TlsRedis redis{REDIS_SERVER, files};
    World() { redis.server().grow_up(2s); }
  };
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

  static Words on_tls(const Words& more = {}) {
    return joined(
        {"--server", world_->redis.url(), "--tls-ca", world_->certificates.ca(), "--ttl", "2"},
        more);
  }
  static Words key(const std::string& name) { return {"--key", name}; }
  static Command verb(const std::string& name, const Words& more) {
    return Command(joined({CLUSTER_LEADER_BINARY, name}, more));
  }
  static bool is_free(const std::string& key) {
    return world_->redis.server().integer({"EXISTS", key}) == 0;
  }

  static std::unique_ptr<World> world_;
};

std::unique_ptr<TlsCliTest::World> TlsCliTest::world_;

TEST_F(TlsCliTest, AJobRunsUnderItsLease) {
  const Ended ended =
      run_under_lease(on_tls(key("a")), {"sh", "-c", "echo $CLUSTER_LEADER_KEY; exit 3"}).run();
  EXPECT_EQ(ended.status(), 3) << ended;
  EXPECT_EQ(ended.out, "a\n");
  EXPECT_EQ(ended.err, "");
  EXPECT_TRUE(is_free("a"));
}

TEST_F(TlsCliTest, AnotherRunIsAFollower) {
  Process holder = run_under_lease(on_tls(key("b")), {"sh", "-c", "echo runs; sleep 1000"}).start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  expect_silent_follower(run_under_lease(on_tls(key("b")), {"true"}).run());
  // The lease outlives its ttl, so it is renewed.
  EXPECT_FALSE(eventually([] { return is_free("b"); }, 3s));
  holder.signal(SIGTERM);
  holder.wait();
  EXPECT_TRUE(is_free("b"));
}

TEST_F(TlsCliTest, AKilledFrontOrKeeperTakesTheJobAlongAndTheLeaseIsReleased) {
  for (const bool kills_front : {true, false}) {
    Process holder =
        run_under_lease(on_tls(key("c")), {"sh", "-c", "echo $$; exec sleep 1000"}).start();
    ASSERT_TRUE(holder.says("\n")) << holder.err();
    const pid_t job = std::atoi(holder.out().c_str());
    ::kill(kills_front ? holder.pid() : holder.child(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return ::kill(job, 0) != 0; }));
    EXPECT_TRUE(eventually([] { return is_free("c"); }, 1s)) << "not at the end of its ttl";
    const Ended ended = holder.wait();
    EXPECT_EQ(ended.status(), kills_front ? 1000 + SIGKILL : 79) << ended;
  }
}

TEST_F(TlsCliTest, AFrozenServerEndsTheJobInTime) {
  Certificates::Files files = world_->certificates.sign({});
  TlsRedis redis(REDIS_SERVER, files);
  redis.server().grow_up(2s);
  Process holder = run_under_lease({"--server", redis.url(), "--tls-ca", world_->certificates.ca(),
                                    "--ttl", "2", "--key", "a"},
                                   {"sh", "-c", "echo runs; exec sleep 1000"})
                       .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  redis.server().pause();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  redis.server().resume();
}

TEST_F(TlsCliTest, EachFailureIsOneLineWithItsStatus) {
  const std::string url = world_->redis.url();
  const auto run = [&](const Words& words) {
    return run_under_lease(joined({"--key", "d", "-n"}, words), {"true"}).run();
  };
  expect_failure(run({"--server", url}), 78, {"key d at " + url, "--tls-ca"});
  expect_failure(run({"--server", url, "--tls-ca", "/nowhere"}), 78, {"--tls-ca /nowhere"});
  expect_failure(run(joined(on_tls(), {"--tls-server-name", "other"})), 78, {"not for other"});
  expect_failure(run({"--server", "redis" + url.substr(6)}), 69, {"rediss://"});
  expect_failure(run({"--tls-insecure"}), 64, {"--tls-insecure requires TLS"});
  const TlsRedis strict(REDIS_SERVER, world_->files,
                        {"--tls-ca-cert-file", world_->certificates.ca()});
  expect_failure(run({"--server", strict.url(), "--tls-ca", world_->certificates.ca()}), 77,
                 {"client certificate"});
}

TEST_F(TlsCliTest, DoctorShowsTheCertificate) {
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

TEST_F(TlsCliTest, AnElectionReconnectsAfterTheServerWasKilled) {
  TlsRedis redis(REDIS_SERVER, world_->files);
  redis.server().grow_up(2s);
  Elector elector(
      {"--server", redis.url(), "--tls-ca", world_->certificates.ca(), "--ttl", "2", "--key", "a"});
  ASSERT_TRUE(elector.is("leader", "a")) << elector.transcript();
  redis.server().kill();
  ASSERT_TRUE(elector.is("down", "a")) << elector.transcript();
  redis.server().start();
  ASSERT_TRUE(elector.is("leader", "a")) << elector.transcript();
  EXPECT_EQ(elector.stop().status(), 0);
}

}  // namespace
}  // namespace cluster_leader
