// Leases on the server that Sentinels name, on the built binary and real servers, judged by the
// jobs themselves.
#include <gmock/gmock.h>

#include <string>

#include "support/elector.h"
#include "support/failover_world.h"
#include "support/sentinel_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class SentinelTest : public FailoverTest {
 protected:
  Words at(const std::string& url, const Words& more = {}) const {
    return joined(joined({"--server", url, "--key", "job-a"}, tls_), more);
  }

  Words tls_;  ///< options for it
};

class SentinelFailoverTest : public SentinelTest, public testing::WithParamInterface<const char*> {
 protected:
  static std::string program() {
    const std::string server = GetParam();
    return server == "Redis" ? REDIS_SERVER : server == "Redis6" ? REDIS_6_SERVER : VALKEY_SERVER;
  }
};
INSTANTIATE_TEST_SUITE_P(Servers, SentinelFailoverTest,
                         testing::Values("Redis", "Redis6", "Valkey"),
                         [](const auto& server) { return std::string(server.param); });

// With the URL of the old primary, the jobs of this test overlap for seconds.
TEST_P(SentinelFailoverTest, RunsNeverOverlapAtAFailoverByCommand) {
  SentinelWorld world(program());
  expect_no_overlap(at(world.url()), "3", "9000", [&] { world.fail_over(); });
}

TEST_P(SentinelFailoverTest, AJobSurvivesAPrimaryThatIsFrozenAndComesBack) {
  SentinelWorld world(program());
  expect_no_overlap(at(world.url()), "10", "5000", [&] {
    world.server(0).pause();
    world.await_another(0);
    world.server(0).resume();
  });
}

TEST_F(SentinelTest, RunsNeverOverlapAtAFailoverWithALongTtl) {
  SentinelWorld world;
  expect_no_overlap(at(world.url()), "10", "9000", [&] { world.fail_over(); });
}

TEST_F(SentinelTest, OneSentinelMayBeDownAndNotTwo) {
  SentinelWorld world;
  world.sentinel(0).kill();
  Ended ended = run_under_lease(at(world.url()), {"echo", "runs"}).run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out, "runs\n");
  // The others are learned from the one that is named.
  EXPECT_EQ(run_under_lease(at("redis+sentinel://127.0.0.1:" +
                               std::to_string(world.sentinel(1).port()) + "/mymaster"),
                            {"true"})
                .run()
                .status(),
            0);
  Process holder =
      run_under_lease(at(world.url(), {"--ttl", "2"}), {"sh", "-c", "echo runs; exec sleep 60"})
          .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  const Time begin = BootClock::now();
  world.sentinel(1).kill();
  ended = holder.wait(10s);
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_LT(BootClock::now() - begin, 2s + kBusy);
  expect_failure(run_under_lease(at(world.url()), {"echo", "runs"}).run(), 69,
                 {"only 1 of 3 Sentinels answer", "connection refused"});
}

TEST_F(SentinelTest, AMajorityThatFallsSilentStopsTheHolderInTimeAlthoughItsServerIsWell) {
  SentinelWorld world;
  Process holder =
      run_under_lease(at(world.url(), {"--ttl", "3"}), {"sh", "-c", "echo runs; exec sleep 60"})
          .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  const Time begin = BootClock::now();
  world.sentinel(1).pause();
  world.sentinel(2).pause();
  Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_LT(ended.at - begin, 3s + kBusy);
  EXPECT_EQ(world.server(0).text({"SET", "probe", "1"}), "OK");
  expect_failure(run_under_lease(at(world.url(), {"-n"}), {"true"}).run(), 69, {"Sentinels"});
  world.sentinel(1).resume();
  world.sentinel(2).resume();
  ended = run_under_lease(at(world.url(), {"-w", "60"}), {"echo", "runs"}).run();
  EXPECT_EQ(ended.out, "runs\n") << ended;
}

TEST_F(SentinelTest, WhatIsWrongIsSaid) {
  SentinelWorld world;
  for (std::size_t i = 0; i < 3; ++i) {
    world.sentinel(i).command({"ACL", "SETUSER", "default", "resetpass", ">pw"});
  }
  const Words job = {"echo", "runs"};
  expect_failure(run_under_lease(at(world.url()), job).run(), 77, {"--sentinel-password-file"});
  const auto with_password = [](Command command) {
    return command.with("CLUSTER_LEADER_SENTINEL_PASSWORD", "pw").run();
  };
  expect_failure(with_password(run_under_lease(at(world.url(3, "other")), job)), 78,
                 {"do not monitor 'other'"});
  expect_failure(
      with_password(run_under_lease(
          at("redis+sentinel://127.0.0.1:" + std::to_string(world.server(0).port()) + "/mymaster"),
          job)),
      78, {"this is not a Sentinel"});
  expect_failure(run_under_lease(at("redis+sentinel://127.0.0.1:1/mymaster"), job).run(), 69,
                 {"no Sentinel could be reached"});
}

TEST_F(SentinelTest, TheOtherVerbsLookAtTheServerThatIsNamed) {
  SentinelWorld world;
  world.fail_over();
  Process holder = run_under_lease(at(world.url(), {"-w", "60", "--ttl", "1", "--node", "a"}),
                                   {"sh", "-c", "echo runs; exec sleep 60"})
                       .start();
  ASSERT_TRUE(holder.says("runs")) << holder.err();
  const auto call = [&](const Words& words) {
    return Command(joined({CLUSTER_LEADER_BINARY}, joined(words, {"--server", world.url()}))).run();
  };
  EXPECT_EQ(call({"check", "--key", "job-a", "--node", "a"}).status(), 0);
  EXPECT_THAT(call({"status"}).out, HasSubstr("job-a"));
  const Ended examined = call({"doctor"});
  EXPECT_THAT(examined.out, HasSubstr("3 of 3 answer, and a majority names 127.0.0.1:" +
                                      std::to_string(world.server(world.primary()).port())));
  EXPECT_THAT(examined.out, HasSubstr("down-after"));
  EXPECT_EQ(call({"release", "--key", "job-a", "--node", "a"}).status(), 0);
  EXPECT_EQ(holder.wait(10s).status(), 79);
}

/// Servers and Sentinels speak TLS and require certificates of their clients. Theirs is for the
/// name localhost, and for no address.
class SecureSentinelTest : public SentinelTest {
 protected:
  SecureSentinelTest() {
    tls_ = joined(trusting(), {"--tls-cert", files_.certificate, "--tls-key", files_.key});
  }
  Words trusting() const { return {"--tls-ca", certificates_.ca()}; }
  SentinelSettings settings() const { return {.certificate = files_, .ca = certificates_.ca()}; }
  SentinelSettings with_names() const {
    SentinelSettings settings = this->settings();
    settings.names = {"localhost", "localhost", "localhost"};
    return settings;
  }

  Certificates certificates_;
  Certificates::Files files_ = certificates_.sign({.names = {"DNS:localhost"}});
};

TEST_F(SecureSentinelTest, RunsNeverOverlapAtAFailoverWhereNamesAreAnnounced) {
  SentinelWorld world(with_names());
  expect_no_overlap(at(world.url()), "3", "4000", [&] { world.fail_over(); });
}

TEST_F(SecureSentinelTest, TheOtherVerbsReachTheSentinelsAndTheServer) {
  SentinelWorld world(with_names());
  Elector elector(at(world.url(), {"--node", "a"}));
  ASSERT_TRUE(elector.is("leader")) << elector.transcript();
  const auto call = [&](const Words& words) {
    const Words server = joined({"--server", world.url()}, tls_);
    return Command(joined({CLUSTER_LEADER_BINARY}, joined(words, server))).run();
  };
  EXPECT_EQ(call({"check", "--key", "job-a", "--node", "a"}).status(), 0);
  const Ended examined = call({"doctor"});
  EXPECT_EQ(examined.status(), 0) << examined;
  EXPECT_THAT(examined.out, HasSubstr("3 of 3 answer, and a majority names " + world.address(0)));
  EXPECT_THAT(examined.out, HasSubstr("certificate for localhost"));
  EXPECT_THAT(examined.out, HasSubstr("down-after"));
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(SecureSentinelTest, SentinelsThatRequireACertificateAreNamed) {
  SentinelWorld world(with_names());
  tls_ = trusting();
  expect_failure(run_under_lease(at(world.url()), {"true"}).run(), 77,
                 {"client certificate: --tls-cert, --tls-key"});
}

TEST_F(SecureSentinelTest, AnAddressThatIsAnnouncedInsteadOfTheNameIsExplained) {
  SentinelWorld world(settings());
  std::string url = world.url();
  for (std::size_t i = 0; (i = url.find("127.0.0.1")) != url.npos;) url.replace(i, 9, "localhost");
  expect_failure(run_under_lease(at(url), {"true"}).run(), 78,
                 {world.address(0) + ": the server's certificate is for localhost, not "
                                     "for 127.0.0.1",
                  "announce-hostnames", "--tls-server-name"});
  const Ended ended =
      run_under_lease(at(url, {"--tls-server-name", "localhost"}), {"echo", "runs"}).run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out, "runs\n");
}

}  // namespace
}  // namespace cluster_leader
