#include "commands/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Result = Finding::Result;
using testing::HasSubstr;

RedisMeasurements healthy() {
  RedisMeasurements measured;
  measured.times = {1ms, 200us, 300us};
  measured.version = "7.0.15";
  ServerFacts& facts = measured.facts.emplace();
  facts.version = "7.0.15";
  facts.role = "master";
  facts.uptime_s = 86400;
  facts.has_append_file = true;
  facts.eviction = "noeviction";
  facts.max_memory = facts.replicas = 0;
  measured.append_fsync = "everysec";
  measured.clock_ahead = 3ms;
  measured.lease = LeaseProbe{{}, {}, std::vector<Duration>(20, 500us)};
  return measured;
}

SentinelMeasurements sentinels() {
  SentinelMeasurements measured;
  measured.answered = measured.members = 3;
  measured.primary = Endpoint{"10.0.0.1", 6379};
  measured.down_after = 1s;
  return measured;
}

RedisLocation redis() {
  RedisLocation location;
  location.host = "redis";
  return location;
}

class DiagnosisTest : public testing::Test {
 protected:
  std::vector<Finding> diagnose_it() const { return diagnose(measured_, location_, timeline_); }

  /// What is found about `check`; a failure of the test if nothing is.
  Finding finding(const std::string& check) const {
    for (const Finding& finding : diagnose_it()) {
      if (check != finding.check) continue;
      EXPECT_EQ(finding.advice.empty(), finding.result == Result::kOk) << check;
      return finding;
    }
    ADD_FAILURE() << "nothing about " << check;
    return {};
  }
  void expect(const std::string& check, Result result, const std::string& detail,
              const std::string& advice = "") const {
    const Finding found = finding(check);
    EXPECT_EQ(found.result, result) << found.detail;
    EXPECT_THAT(found.detail, HasSubstr(detail));
    EXPECT_THAT(found.advice, HasSubstr(advice));
  }
  int status() const { return exit_status_of(diagnose_it()); }
  std::vector<std::string> checks() const {
    std::vector<std::string> names;
    for (const Finding& finding : diagnose_it()) names.emplace_back(finding.check);
    return names;
  }

  RedisMeasurements measured_ = healthy();
  RedisLocation location_ = redis();
  Timeline timeline_ = Timeline::of(10s);
};

TEST_F(DiagnosisTest, OfAHealthyServerIsAllRight) {
  EXPECT_EQ(checks(),
            (std::vector<std::string>{"name", "connect", "tls", "login", "rights", "version",
                                      "role", "uptime", "persistence", "eviction", "replicas",
                                      "clock", "ttl", "lease", "latency", "timing"}));
  for (const Finding& finding : diagnose_it()) {
    EXPECT_EQ(finding.result, Result::kOk) << finding.check;
    EXPECT_NE(finding.detail, "") << finding.check;
  }
  EXPECT_EQ(status(), 0);
  expect("name", Result::kOk, "redis in 1.0 ms");
  expect("connect", Result::kOk, "0.200 ms");
  expect("latency", Result::kOk, "median 0.500 ms, worst 0.500 ms of 20 renewals");
}

TEST_F(DiagnosisTest, ANameThatTakesLongOrIsUnknownIsTold) {
  measured_.times.lookup = 400ms;
  expect("name", Result::kWarning, "400 ms", "resolv.conf");
  location_.host = "10.0.0.1";
  measured_.is_address = true;
  expect("name", Result::kOk, "is an address");
  location_.socket_path = "/run/redis.sock";
  expect("name", Result::kOk, "Unix socket");
  location_ = redis();
  measured_ = {};
  measured_.failure = Failed{Trouble::kUnreachable, "this host name is not known", false, {}};
  expect("name", Result::kFailed, "not known", "--host");
  EXPECT_EQ(checks(), std::vector<std::string>{"name"});
  EXPECT_EQ(status(), 69);
}

TEST_F(DiagnosisTest, EndsWhereTheConnectionEnds) {
  measured_ = {};
  measured_.times.lookup = 1ms;
  measured_.failure = Failed{Trouble::kUnreachable, "connection refused", false, {}};
  expect("connect", Result::kFailed, "refused", "--port");
  EXPECT_EQ(checks(), (std::vector<std::string>{"name", "connect"}));
  EXPECT_EQ(status(), 69);
  measured_.times.connect = 1ms;
  measured_.failure = Failed{Trouble::kDenied, "the password is wrong", false, {}};
  expect("login", Result::kFailed, "wrong", "--password-file");
  EXPECT_EQ(checks(), (std::vector<std::string>{"name", "connect", "tls", "login"}));
  EXPECT_EQ(status(), 77);
  measured_.failure = Failed{Trouble::kMisconfigured, "no database 99", false, {}};
  EXPECT_EQ(status(), 78);
  measured_.times.login = 1ms;
  measured_.failure = Failed{Trouble::kUnreachable, "no answer in time", false, {}};
  expect("login", Result::kOk, "1.0 ms");
  expect("answers", Result::kFailed, "no answer in time");
  EXPECT_EQ(status(), 69);
}

TEST_F(DiagnosisTest, TheLoginSaysAsWhom) {
  expect("login", Result::kOk, "without a password");
  location_.credentials.password_file = "/run/secret";
  expect("login", Result::kOk, "with a password");
  location_.credentials.user = "job";
  expect("login", Result::kOk, "as job");
  measured_.speaks_resp2 = true;
  expect("login", Result::kOk,
         "with RESP2: each candidate that waits needs a second connection for events");
}

TEST_F(DiagnosisTest, EachMissingRightIsNamedWithHowToGiveIt) {
  location_.credentials.user = "job";
  measured_.refusals = {{"publish", Refusal::Cause::kCommand}, {"scan", Refusal::Cause::kCommand}};
  expect("rights", Result::kWarning, "no publish", "ACL SETUSER job +publish +scan");
  expect("rights", Result::kWarning, "not woken by a release");
  EXPECT_EQ(status(), 0);
  measured_.refusals = {{"publish", Refusal::Cause::kCommand},
                        {"zadd", Refusal::Cause::kCommand},
                        {"subscribe", Refusal::Cause::kCommand},
                        {"zrem", Refusal::Cause::kCommand}};
  // What is missed is said once, however many rights it needs.
  expect("rights", Result::kWarning,
         "no publish, no subscribe: a waiting candidate is not woken by a release; no right to the "
         "queues: those who wait are not served in the order in which they came",
         "ACL SETUSER job +publish +@sortedset +subscribe");
  measured_.refusals = {{"hdel", Refusal::Cause::kCommand}};
  expect("rights", Result::kFailed, "no hdel", "ACL SETUSER job +hdel");
  EXPECT_EQ(status(), 77);
  measured_.refusals = {{"subscribe", Refusal::Cause::kChannel},
                        {"publish", Refusal::Cause::kChannel}};
  expect("rights", Result::kWarning,
         "no right to the channels: a waiting candidate is not woken by a release",
         "&cluster-leader:events:");
  measured_.refusals = {{"zadd", Refusal::Cause::kKey}, {"zrem", Refusal::Cause::kKey}};
  expect("rights", Result::kWarning, "no right to the queues: ", "~cluster-leader:queue:{KEY");
  measured_.refusals = {{"set", Refusal::Cause::kKey}, {"get", Refusal::Cause::kKey}};
  location_.credentials.user = "";
  expect("rights", Result::kFailed, "no right to the keys", "ACL SETUSER default ~KEY");
  expect("rights", Result::kFailed, "", "--prefix");
}

TEST_F(DiagnosisTest, AMissingCommandAndABanInScriptsAreNoMatterOfRights) {
  measured_.refusals = {{"hmget", Refusal::Cause::kMissing}};
  expect("rights", Result::kFailed, "the server has no hmget (renamed?)", "rename-command");
  EXPECT_EQ(status(), 78);
  measured_.refusals = {{"time", Refusal::Cause::kScript}};
  expect("rights", Result::kFailed, "the server refuses time inside scripts", "another server");
  EXPECT_EQ(status(), 78);
  // The store runs it outside.
  measured_.refusals = {{"info", Refusal::Cause::kScript}};
  expect("rights", Result::kOk, "sufficient");
  measured_.refusals = {{"info", Refusal::Cause::kMissing}};
  measured_.facts.reset();
  expect("rights", Result::kWarning, "watches it for a ttl", "rename-command");
  expect("uptime", Result::kWarning, "the server has no INFO (renamed?)", "rename-command");
}

TEST_F(DiagnosisTest, AServerWhoseAgeIsNotKnownGrantsNothingToANewCandidate) {
  measured_.facts.reset();
  measured_.refusals = {{"info", Refusal::Cause::kCommand}};
  measured_.lease->not_granted = Failed{Trouble::kNotServing, "it is not known", false, 10s};
  measured_.lease->is_young = true;
  expect("rights", Result::kWarning, "no info", "+info");
  EXPECT_EQ(status(), 0);
}

TEST_F(DiagnosisTest, AnOldServerIsTooOld) {
  measured_.facts->version = "5.0.14";
  expect("version", Result::kFailed, "5.0.14", "Redis 6");
  EXPECT_EQ(status(), 78);
  for (const std::string version : {"6.0.0", "10.1.2", "8.0.1"}) {
    measured_.facts->version = version;
    expect("version", Result::kOk, version);
  }
  measured_.facts.reset();
  expect("version", Result::kOk, "7.0.15");
  measured_.version.clear();
  expect("version", Result::kWarning, "not known");
}

TEST_F(DiagnosisTest, AReplicaKeepsNoLeases) {
  measured_.wrong_role =
      Failed{Trouble::kNotServing, "this server is a read-only replica", false, {}};
  measured_.lease.reset();
  expect("role", Result::kFailed, "replica", "primary");
  EXPECT_EQ(status(), 69);
  const auto names = checks();
  EXPECT_THAT(names, testing::Not(testing::Contains("lease")));
  EXPECT_THAT(names, testing::Not(testing::Contains("rights")));
  // One that did not say so when it greeted.
  measured_ = healthy();
  measured_.facts->role = "slave";
  expect("role", Result::kFailed, "replica");
}

TEST_F(DiagnosisTest, AYoungServerGrantsNothingYet) {
  measured_.facts->uptime_s = 3;
  measured_.lease->not_granted =
      Failed{Trouble::kNotServing, "the server started 3 s ago", false, {}};
  measured_.lease->is_young = true;
  expect("uptime", Result::kWarning, "no lease for another 8 s", "wait");
  expect("lease", Result::kOk, "none is granted yet");
  measured_.facts->uptime_s = 10;
  expect("uptime", Result::kWarning, "no lease for another 1 s");
  measured_.facts->uptime_s = 11;
  expect("uptime", Result::kOk, "11.0s");
  measured_.lease->is_young = false;
  expect("lease", Result::kFailed, "started 3 s ago");
  EXPECT_EQ(status(), 69);
}

TEST_F(DiagnosisTest, AnUptimeThatMakesNoSenseIsABadClock) {
  measured_.facts->uptime_s.reset();
  expect("uptime", Result::kWarning, "watched the server for 11 s", "clock");
  EXPECT_EQ(status(), 0);
}

TEST_F(DiagnosisTest, APromotedServerSaysSo) {
  measured_.facts->was_replica = true;
  expect("uptime", Result::kOk, "1d00h, promoted from a replica");
  measured_.facts->uptime_s = 3;
  expect("uptime", Result::kWarning, "no lease for another 8 s");
}

TEST_F(DiagnosisTest, ALongTtlCostsALongTimeAfterAFailure) {
  expect("ttl", Result::kOk, "10 s: the lease of a machine that dies lasts that long");
  expect("ttl", Result::kOk, "for 11 s");
  timeline_ = Timeline::of(119s);
  expect("ttl", Result::kOk, "for 120 s");
  timeline_ = Timeline::of(119001ms);
  expect("ttl", Result::kWarning, "for 121 s, longer than the 2 min", "--wait");
  EXPECT_EQ(status(), 0);
}

TEST_F(DiagnosisTest, WhatARestartForgetsIsTold) {
  expect("persistence", Result::kOk, "fsync everysec");
  measured_.append_fsync.reset();
  expect("persistence", Result::kOk, "append-only file");
  measured_.facts->has_append_file = false;
  expect("persistence", Result::kWarning, "CONFIG", "+config|get");
  measured_.snapshots = "3600 1";
  expect("persistence", Result::kOk, "snapshots");
  measured_.snapshots = "";
  expect("persistence", Result::kWarning, "none", "appendonly yes");
  EXPECT_EQ(status(), 0);
}

TEST_F(DiagnosisTest, EveryPolicyButNoevictionMayEvictLeases) {
  measured_.facts->eviction = "allkeys-lru";
  expect("eviction", Result::kOk, "maxmemory is not set");
  measured_.facts->max_memory = 100 << 20;
  for (const std::string policy : {"volatile-lru", "volatile-ttl", "allkeys-random"}) {
    measured_.facts->eviction = policy;
    expect("eviction", Result::kWarning, policy + " at a maxmemory of 100 MiB",
           "maxmemory-policy noeviction");
  }
  measured_.facts->eviction = "noeviction";
  expect("eviction", Result::kOk, "noeviction");
}

TEST_F(DiagnosisTest, BeforeRedis7TooFewReplicasHoldNobodyBack) {
  measured_.facts->replicas = 2;
  measured_.facts->good_replicas = 2;
  expect("replicas", Result::kWarning, "2 count for");
  measured_.facts->version = "6.2.6";
  expect("replicas", Result::kWarning, "does not hold back scripts", "Redis 7");
}

TEST_F(DiagnosisTest, ReplicasMakeFailoversLoseLeases) {
  expect("replicas", Result::kOk, "none");
  measured_.facts->replicas = 2;
  expect("replicas", Result::kWarning, "2, and min-replicas-to-write is off",
         "min-replicas-to-write 1; replication is asynchronous");
  measured_.facts->good_replicas = 1;
  expect("replicas", Result::kWarning, "2, of which 1", "token");
  measured_.facts->replicas = measured_.facts->good_replicas = 0;
  expect("replicas", Result::kOk, "0, of which 0");
  EXPECT_THAT(checks(), testing::Not(testing::Contains("min-replicas")));
  location_.min_replicas = 2;
  expect("min-replicas", Result::kFailed, "2 of 0 replicas have it, so that nothing is granted");
  EXPECT_EQ(status(), 69);
  measured_.facts->replicas = 2;
  expect("min-replicas", Result::kOk, "once 2 of 2 replicas have it");
  measured_.facts->replicas = 3;
  expect("min-replicas", Result::kWarning, "another one may be promoted without",
         "--min-replicas 3");
}

TEST_F(DiagnosisTest, ClocksThatAreApartAreTold) {
  for (const Duration apart : {-1000ms, 1000ms, 0ms}) {
    measured_.clock_ahead = apart;
    expect("clock", Result::kOk, "ours");
  }
  measured_.clock_ahead = 1001ms;
  expect("clock", Result::kWarning, "1.001 s ahead of ours", "NTP");
  measured_.clock_ahead = -5s;
  expect("clock", Result::kWarning, "5 s behind ours: if it is set forward", "NTP");
  measured_.clock_ahead.reset();
  measured_.refusals = {{"time", Refusal::Cause::kCommand}};
  expect("clock", Result::kWarning, "not known", "+time");
}

TEST_F(DiagnosisTest, WhatInfoDoesNotTellIsAWarning) {
  measured_.facts.reset();
  expect("uptime", Result::kWarning, "does not say it", "clock");
  measured_.refusals = {{"info", Refusal::Cause::kCommand}};
  for (const char* check : {"uptime", "persistence", "eviction", "replicas"}) {
    expect(check, Result::kWarning, "not known", "+info");
  }
  expect("role", Result::kOk, "primary");
  measured_.speaks_resp2 = true;
  expect("role", Result::kWarning, "not known");
}

TEST_F(DiagnosisTest, ALeaseThatCannotBeKeptFails) {
  measured_.lease->not_kept =
      Failed{Trouble::kNotServing, "the server is out of memory", false, {}};
  measured_.lease->round_trips.clear();
  expect("lease", Result::kFailed, "out of memory");
  EXPECT_EQ(checks().back(), "lease");
  EXPECT_EQ(status(), 69);
}

TEST_F(DiagnosisTest, TheTtlMustSuitTheWorstAnswer) {
  // An attempt on a ttl of 1 s is given 166 ms.
  timeline_ = Timeline::of(1s);
  measured_.lease->round_trips[7] = 41ms;
  expect("timing", Result::kOk, "ttl 1 s, heartbeat 0.2 s");
  measured_.lease->round_trips[7] = 42ms;
  expect("timing", Result::kWarning, "less than 4 times", "--ttl 2 s or more");
  EXPECT_EQ(status(), 0);
  measured_.lease->round_trips[7] = 166ms;
  expect("timing", Result::kWarning, "less than 4 times", "--ttl 4 s or more");
  measured_.lease->round_trips[7] = 167ms;
  expect("timing", Result::kFailed, "less than the slowest answer", "--ttl 5 s or more");
  EXPECT_EQ(status(), 78);
  // With the ttl that is advised, all is well.
  timeline_ = Timeline::of(5s);
  expect("timing", Result::kOk, "ttl 5 s");
  measured_.lease->round_trips[7] = 300ms;
  expect("timing", Result::kWarning, "", "find out");
  expect("latency", Result::kOk, "median 0.500 ms, worst 300 ms");
}

TEST_F(DiagnosisTest, TheStatusIsThatOfTheFirstFailure) {
  measured_.refusals = {{"set", Refusal::Cause::kCommand}};
  measured_.facts->version = "5.0";
  EXPECT_EQ(status(), 77);
  measured_.refusals.clear();
  EXPECT_EQ(status(), 78);
}

TEST_F(DiagnosisTest, OfADirectory) {
  const auto findings_of = [&](const FileMeasurements& measured) {
    return diagnose(measured, timeline_);
  };
  FileMeasurements measured;
  measured.lease = LeaseProbe{{}, {}, std::vector<Duration>(20, 10us)};
  for (const Finding& finding : findings_of(measured)) EXPECT_EQ(finding.result, Result::kOk);
  EXPECT_EQ(findings_of(measured).size(), 7U);
  measured.no_watch = "No space left on device";
  EXPECT_EQ(exit_status_of(findings_of(measured)), 0);
  EXPECT_EQ(findings_of(measured)[3].result, Result::kWarning);
  measured.no_lock = "Function not implemented";
  EXPECT_EQ(exit_status_of(findings_of(measured)), 78);
  measured.is_shared = true;
  EXPECT_EQ(findings_of(measured).size(), 1U);
  EXPECT_EQ(exit_status_of(findings_of(measured)), 78);
  measured = {};
  measured.failure = Failed{Trouble::kDenied, "cannot make a file", false, {}};
  EXPECT_EQ(exit_status_of(findings_of(measured)), 77);
  measured = {};
  measured.exists = false;
  EXPECT_EQ(findings_of(measured)[0].result, Result::kWarning);
  EXPECT_EQ(exit_status_of(findings_of(measured)), 0);
}

TEST_F(DiagnosisTest, IsALineForEachCheck) {
  measured_.clock_ahead = 5s;
  const std::string report = report_of(diagnose_it(), {}, false);
  EXPECT_EQ(std::count(report.begin(), report.end(), '\n'), 17);
  EXPECT_THAT(report, HasSubstr("ok       connect      0.200 ms\n"));
  EXPECT_THAT(report, HasSubstr("\nwarning  clock        the server's clock is 5 s ahead of ours\n"
                                "                      -> use NTP on both: --once, "));
  EXPECT_THAT(report_of(diagnose_it(), {}, true), HasSubstr("\x1b[33mwarning\x1b[0m  clock"));
  const auto json = nlohmann::json::parse(report_as_json(diagnose_it()));
  ASSERT_EQ(json.size(), 16U);
  EXPECT_EQ(json[1].dump(),
            R"({"advice":null,"check":"connect","detail":"0.200 ms","result":"ok","server":null})");
  EXPECT_EQ(json[11]["result"], "warning");
  EXPECT_THAT(json[11]["advice"], HasSubstr("NTP"));
}

TEST(ReportOfFindingsTest, HasALineForEachPieceOfAdvice) {
  const std::vector<Finding> findings = {
      ok("name", "fine"),
      warning("clock", "the one is behind the other", "set it; or use NTP on both of them")};
  EXPECT_EQ(report_of(findings, {}, false),
            "ok       name   fine\n"
            "warning  clock  the one is behind the other\n"
            "                -> set it\n"
            "                -> or use NTP on both of them\n");
}

TEST(ReportOfFindingsTest, FitsATerminal) {
  const std::vector<Finding> findings = {
      warning("clock", "the one is behind the other", "use NTP on both of them")};
  EXPECT_EQ(report_of(findings, 38, false),
            "warning  clock  the one is behind the\n"
            "                other\n"
            "                -> use NTP on both of\n"
            "                   them\n");
}

TEST(SentinelDiagnosisTest, TheyMustAllAnswer) {
  const Timeline timeline = Timeline::of(10s);
  SentinelMeasurements measured = sentinels();
  Finding found = diagnose(measured, timeline)[0];
  EXPECT_EQ(found.result, Result::kOk);
  EXPECT_EQ(found.detail, "3 of 3 answer, and a majority names 10.0.0.1:6379");
  measured.answered = 2;
  found = diagnose(measured, timeline)[0];
  EXPECT_EQ(found.result, Result::kWarning);
  EXPECT_THAT(found.detail, HasSubstr("every holder stops within a ttl"));
  measured.answered = measured.members = 1;
  EXPECT_EQ(diagnose(measured, timeline)[0].result, Result::kWarning);
  measured.failure = Failed{Trouble::kUnreachable, "no Sentinel could be reached"};
  ASSERT_EQ(diagnose(measured, timeline).size(), 1U);
  EXPECT_EQ(diagnose(measured, timeline)[0].result, Result::kFailed);
}

TEST(SentinelDiagnosisTest, TheTtlMustOutliveAFailover) {
  SentinelMeasurements measured = sentinels();
  EXPECT_EQ(diagnose(measured, Timeline::of(6s))[1].result, Result::kOk);
  EXPECT_EQ(diagnose(measured, Timeline::of(5s))[1].result, Result::kWarning);
  // The default of Sentinels.
  measured.down_after = 30s;
  EXPECT_EQ(diagnose(measured, Timeline::of(64s))[1].result, Result::kOk);
  const Finding found = diagnose(measured, Timeline::of(10s))[1];
  EXPECT_EQ(found.result, Result::kWarning);
  EXPECT_THAT(found.detail, HasSubstr("survives a failover with a ttl of 64 s"));
  EXPECT_THAT(found.advice, HasSubstr("--ttl 64"));
  measured.down_after.reset();
  EXPECT_EQ(diagnose(measured, Timeline::of(10s))[1].result, Result::kWarning);
}

}  // namespace
}  // namespace cluster_leader
