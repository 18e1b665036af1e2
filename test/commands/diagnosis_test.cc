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
  RedisMeasurements checkup;
  checkup.times = {1ms, 200us, 300us};
  checkup.version = "7.0.15";
  checkup.facts = ServerFacts{"7.0.15", "master", 86400, true, "noeviction", 0, 0, {}};
  checkup.append_fsync = "everysec";
  checkup.clock_ahead = 3ms;
  checkup.lease = LeaseProbe{{}, {}, std::vector<Duration>(20, 500us)};
  return checkup;
}

RedisLocation redis() {
  RedisLocation location;
  location.host = "redis";
  return location;
}

class DiagnosisTest : public testing::Test {
 protected:
  std::vector<Finding> diagnose_it() const { return diagnose(checkup_, location_, timeline_); }

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

  RedisMeasurements checkup_ = healthy();
  RedisLocation location_ = redis();
  Timeline timeline_ = Timeline::of(10s);
};

TEST_F(DiagnosisTest, OfAHealthyServerIsAllRight) {
  EXPECT_EQ(checks(),
            (std::vector<std::string>{"name", "connect", "tls", "login", "rights", "version",
                                      "role", "uptime", "persistence", "eviction", "replicas",
                                      "clock", "lease", "latency", "timing"}));
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
  checkup_.times.lookup = 400ms;
  expect("name", Result::kWarning, "400 ms", "resolv.conf");
  location_.host = "10.0.0.1";
  checkup_.is_address = true;
  expect("name", Result::kOk, "is an address");
  location_.socket_path = "/run/redis.sock";
  expect("name", Result::kOk, "Unix socket");
  location_ = redis();
  checkup_ = {};
  checkup_.failure = Failed{Trouble::kUnreachable, "this host name is not known", false, {}};
  expect("name", Result::kFailed, "not known", "--host");
  EXPECT_EQ(checks(), std::vector<std::string>{"name"});
  EXPECT_EQ(status(), 69);
}

TEST_F(DiagnosisTest, EndsWhereTheConnectionEnds) {
  checkup_ = {};
  checkup_.times.lookup = 1ms;
  checkup_.failure = Failed{Trouble::kUnreachable, "connection refused", false, {}};
  expect("connect", Result::kFailed, "refused", "--port");
  EXPECT_EQ(checks(), (std::vector<std::string>{"name", "connect"}));
  EXPECT_EQ(status(), 69);
  checkup_.times.connect = 1ms;
  checkup_.failure = Failed{Trouble::kDenied, "the password is wrong", false, {}};
  expect("login", Result::kFailed, "wrong", "--password-file");
  EXPECT_EQ(checks(), (std::vector<std::string>{"name", "connect", "tls", "login"}));
  EXPECT_EQ(status(), 77);
  checkup_.failure = Failed{Trouble::kMisconfigured, "no database 99", false, {}};
  EXPECT_EQ(status(), 78);
  checkup_.times.login = 1ms;
  checkup_.failure = Failed{Trouble::kUnreachable, "no answer in time", false, {}};
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
  checkup_.speaks_resp2 = true;
  expect("login", Result::kOk, "old protocol");
}

TEST_F(DiagnosisTest, EachMissingRightIsNamedWithHowToGiveIt) {
  location_.credentials.user = "job";
  checkup_.refusals = {{"publish", Refusal::Cause::kCommand}, {"scan", Refusal::Cause::kCommand}};
  expect("rights", Result::kWarning, "no publish", "ACL SETUSER job +publish +scan");
  expect("rights", Result::kWarning, "who waits does not hear");
  EXPECT_EQ(status(), 0);
  checkup_.refusals = {{"hdel", Refusal::Cause::kCommand}};
  expect("rights", Result::kFailed, "no hdel", "ACL SETUSER job +hdel");
  EXPECT_EQ(status(), 77);
  checkup_.refusals = {{"subscribe", Refusal::Cause::kChannel},
                       {"publish", Refusal::Cause::kChannel}};
  expect("rights", Result::kWarning, "no right to the channels", "&cluster-leader:events:");
  checkup_.refusals = {{"set", Refusal::Cause::kKey}, {"get", Refusal::Cause::kKey}};
  location_.credentials.user = "";
  expect("rights", Result::kFailed, "no right to the keys", "ACL SETUSER default ~KEY");
  expect("rights", Result::kFailed, "", "--prefix");
}

TEST_F(DiagnosisTest, AnOldServerIsTooOld) {
  checkup_.facts->version = "5.0.14";
  expect("version", Result::kFailed, "5.0.14", "Redis 6");
  EXPECT_EQ(status(), 78);
  for (const std::string version : {"6.0.0", "10.1.2", "8.0.1"}) {
    checkup_.facts->version = version;
    expect("version", Result::kOk, version);
  }
  checkup_.facts.reset();
  expect("version", Result::kOk, "7.0.15");
  checkup_.version.clear();
  expect("version", Result::kWarning, "not known");
}

TEST_F(DiagnosisTest, AReplicaKeepsNoLeases) {
  checkup_.wrong_role =
      Failed{Trouble::kNotServing, "this server is a read-only replica", false, {}};
  checkup_.lease.reset();
  expect("role", Result::kFailed, "replica", "primary");
  EXPECT_EQ(status(), 69);
  const auto names = checks();
  EXPECT_THAT(names, testing::Not(testing::Contains("lease")));
  EXPECT_THAT(names, testing::Not(testing::Contains("rights")));
  // One that did not say so when it greeted.
  checkup_ = healthy();
  checkup_.facts->role = "slave";
  expect("role", Result::kFailed, "replica");
}

TEST_F(DiagnosisTest, AYoungServerGrantsNothingYet) {
  checkup_.facts->uptime_s = 3;
  checkup_.lease->not_granted =
      Failed{Trouble::kNotServing, "the server started 3 s ago", false, {}};
  expect("uptime", Result::kWarning, "nothing for 8 s yet", "wait");
  expect("lease", Result::kOk, "none is granted yet");
  checkup_.facts->uptime_s = 10;
  expect("uptime", Result::kWarning, "nothing for 1 s yet");
  checkup_.facts->uptime_s = 11;
  expect("uptime", Result::kOk, "11.0s");
  // It is old enough, so that this is something else.
  expect("lease", Result::kFailed, "started 3 s ago");
  EXPECT_EQ(status(), 69);
}

TEST_F(DiagnosisTest, WhatARestartForgetsIsTold) {
  expect("persistence", Result::kOk, "fsync everysec");
  checkup_.append_fsync.reset();
  expect("persistence", Result::kOk, "append-only file");
  checkup_.facts->has_append_file = false;
  expect("persistence", Result::kWarning, "CONFIG", "+config|get");
  checkup_.snapshots = "3600 1";
  expect("persistence", Result::kOk, "snapshots");
  checkup_.snapshots = "";
  expect("persistence", Result::kWarning, "none", "appendonly yes");
  EXPECT_EQ(status(), 0);
}

TEST_F(DiagnosisTest, EveryPolicyButNoevictionMayEvictLeases) {
  checkup_.facts->eviction = "allkeys-lru";
  expect("eviction", Result::kOk, "no maxmemory");
  checkup_.facts->max_memory = 100 << 20;
  for (const std::string policy : {"volatile-lru", "volatile-ttl", "allkeys-random"}) {
    checkup_.facts->eviction = policy;
    expect("eviction", Result::kWarning, policy + " at a maxmemory of 100 MiB",
           "maxmemory-policy noeviction");
  }
  checkup_.facts->eviction = "noeviction";
  expect("eviction", Result::kOk, "noeviction");
}

TEST_F(DiagnosisTest, ReplicasMakeFailoversLoseLeases) {
  expect("replicas", Result::kOk, "none");
  checkup_.facts->replicas = 2;
  expect("replicas", Result::kWarning, "2, and no min-replicas-to-write",
         "min-replicas-to-write 1");
  checkup_.facts->good_replicas = 1;
  expect("replicas", Result::kOk, "2, of which 1");
}

TEST_F(DiagnosisTest, ClocksThatAreApartAreTold) {
  for (const Duration apart : {-1000ms, 1000ms, 0ms}) {
    checkup_.clock_ahead = apart;
    expect("clock", Result::kOk, "ours");
  }
  checkup_.clock_ahead = 1001ms;
  expect("clock", Result::kWarning, "1001 ms ahead of ours", "NTP");
  checkup_.clock_ahead = -5s;
  expect("clock", Result::kWarning, "5000 ms behind ours", "NTP");
  checkup_.clock_ahead.reset();
  expect("clock", Result::kWarning, "not known", "+time");
}

TEST_F(DiagnosisTest, WhatInfoDoesNotTellIsAWarning) {
  checkup_.facts.reset();
  for (const char* check : {"uptime", "persistence", "eviction", "replicas"}) {
    expect(check, Result::kWarning, "not known", "+info");
  }
  expect("role", Result::kOk, "primary");
  checkup_.speaks_resp2 = true;
  expect("role", Result::kWarning, "not known");
}

TEST_F(DiagnosisTest, ALeaseThatCannotBeKeptFails) {
  checkup_.lease->not_kept = Failed{Trouble::kNotServing, "the server is out of memory", false, {}};
  checkup_.lease->round_trips.clear();
  expect("lease", Result::kFailed, "out of memory");
  EXPECT_EQ(checks().back(), "lease");
  EXPECT_EQ(status(), 69);
}

TEST_F(DiagnosisTest, TheTtlMustSuitTheWorstAnswer) {
  // An attempt on a ttl of 1 s is given 166 ms.
  timeline_ = Timeline::of(1s);
  checkup_.lease->round_trips[7] = 41ms;
  expect("timing", Result::kOk, "ttl 1 s, heartbeat 0.2 s");
  checkup_.lease->round_trips[7] = 42ms;
  expect("timing", Result::kWarning, "less than 4 times", "--ttl 2 s or more");
  EXPECT_EQ(status(), 0);
  checkup_.lease->round_trips[7] = 166ms;
  expect("timing", Result::kWarning, "less than 4 times", "--ttl 4 s or more");
  checkup_.lease->round_trips[7] = 167ms;
  expect("timing", Result::kFailed, "less than the worst answer", "--ttl 5 s or more");
  EXPECT_EQ(status(), 78);
  // With the ttl that is advised, all is well.
  timeline_ = Timeline::of(5s);
  expect("timing", Result::kOk, "ttl 5 s");
  checkup_.lease->round_trips[7] = 300ms;
  expect("timing", Result::kWarning, "", "find out");
  expect("latency", Result::kOk, "median 0.500 ms, worst 300 ms");
}

TEST_F(DiagnosisTest, TheStatusIsThatOfTheFirstFailure) {
  checkup_.refusals = {{"set", Refusal::Cause::kCommand}};
  checkup_.facts->version = "5.0";
  EXPECT_EQ(status(), 77);
  checkup_.refusals.clear();
  EXPECT_EQ(status(), 78);
}

TEST_F(DiagnosisTest, OfADirectory) {
  const auto findings_of = [&](const FileMeasurements& checkup) {
    return diagnose(checkup, timeline_);
  };
  FileMeasurements checkup;
  checkup.lease = LeaseProbe{{}, {}, std::vector<Duration>(20, 10us)};
  for (const Finding& finding : findings_of(checkup)) EXPECT_EQ(finding.result, Result::kOk);
  EXPECT_EQ(findings_of(checkup).size(), 7U);
  checkup.no_watch = "No space left on device";
  EXPECT_EQ(exit_status_of(findings_of(checkup)), 0);
  EXPECT_EQ(findings_of(checkup)[3].result, Result::kWarning);
  checkup.no_lock = "Function not implemented";
  EXPECT_EQ(exit_status_of(findings_of(checkup)), 78);
  checkup.is_shared = true;
  EXPECT_EQ(findings_of(checkup).size(), 1U);
  EXPECT_EQ(exit_status_of(findings_of(checkup)), 78);
  checkup = {};
  checkup.failure = Failed{Trouble::kDenied, "cannot make a file", false, {}};
  EXPECT_EQ(exit_status_of(findings_of(checkup)), 77);
  checkup = {};
  checkup.exists = false;
  EXPECT_EQ(findings_of(checkup)[0].result, Result::kWarning);
  EXPECT_EQ(exit_status_of(findings_of(checkup)), 0);
}

TEST_F(DiagnosisTest, IsALineForEachCheck) {
  checkup_.clock_ahead = 5s;
  const std::string report = report_of(diagnose_it(), false);
  EXPECT_EQ(std::count(report.begin(), report.end(), '\n'), 15);
  EXPECT_THAT(report, HasSubstr("ok       connect      0.200 ms\n"));
  EXPECT_THAT(report,
              HasSubstr("\nwarning  clock        the server's is 5000 ms ahead of ours; set"));
  EXPECT_THAT(report_of(diagnose_it(), true), HasSubstr("\x1b[33mwarning\x1b[0m  clock"));
  const auto json = nlohmann::json::parse(report_as_json(diagnose_it()));
  ASSERT_EQ(json.size(), 15U);
  EXPECT_EQ(json[1].dump(),
            R"({"advice":null,"check":"connect","detail":"0.200 ms","result":"ok"})");
  EXPECT_EQ(json[11]["result"], "warning");
  EXPECT_THAT(json[11]["advice"], HasSubstr("NTP"));
}

}  // namespace
}  // namespace cluster_leader
