#include <signal.h>

#include <nlohmann/json.hpp>

#include "support/look_world.h"
#include "support/terminal.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

const std::string kTitles =
    "KEY  STATE  LEADER  HOST:PID  LABEL  SINCE  REMAINING  TOKEN  WAITERS  LAST RUN\n";

class StatusTest : public LookTest {
 protected:
  Json json(const Words& options = {}) const {
    const Ended ended = say("status", joined({"--json"}, options));
    EXPECT_EQ(ended.status(), 0) << ended;
    return Json::parse(ended.out);
  }

  /// All that is stored about a key, in quotes.
  std::string stored(const std::string& key) const {
    if (!server_) return content_of(path("leases/" + key + ".lease"));
    const ServerReply record = server_->command({"HGETALL", "cluster-leader:record:{" + key + '}'});
    std::string text = server_->text({"GET", key});
    for (std::size_t i = 0; i < record->elements; ++i) {
      text += " \"" + std::string(record->element[i]->str, record->element[i]->len) + '"';
    }
    return text;
  }
};

INSTANTIATE_TEST_SUITE_P(Place, StatusTest, ::testing::Values("File", "Redis"),
                         [](const auto& place) { return std::string(place.param); });

TEST_P(StatusTest, OfAnEmptyPlaceIsTheTitlesAlone) {
  const Ended ended = say("status");
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out, kTitles);
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(say("status", {"--json"}).out, "[]\n");
}

TEST_P(StatusTest, ShowsTheLabelOfAJobAndNobodySeesItsArguments) {
  const Words secretive = {"sh", "-c", "echo runs; exec sleep 1000", "s3cret"};
  const Words a = here({"--key", "job-a"}), b = here({"--key", "job-b", "--label", "nightly\x1b"});
  Process run = run_under_lease(a, secretive).with("PATH", "/usr/bin:/bin").start();
  ASSERT_TRUE(run.says("runs")) << run.err();
  Process elect =
      Command(joined(joined({CLUSTER_LEADER_BINARY, "elect"}, b), joined({"--"}, secretive)))
          .with("PATH", "/usr/bin:/bin")
          .start();
  ASSERT_TRUE(elect.says("runs")) << elect.err();
  const Json keys = json();
  ASSERT_EQ(keys.size(), 2U) << keys;
  EXPECT_EQ(keys[0]["label"], "sh");
  EXPECT_EQ(keys[1]["label"], "nightly\x1b");
  for (const char* key : {"job-a", "job-b"}) {
    EXPECT_THAT(stored(key), HasSubstr("\"label\"")) << key;
    EXPECT_THAT(stored(key), testing::Not(HasSubstr("s3cret"))) << key;
  }
  const std::string table = say("status").out;
  EXPECT_THAT(table, HasSubstr("  nightly\\x1b  "));
  EXPECT_THAT(table + keys.dump(), testing::Not(HasSubstr("s3cret")));
}

TEST_P(StatusTest, ShowsEveryKeyInUse) {
  Process holder = hold("web-1");
  const Words b = here({"--key", "job-b", "--node", "web-2"});
  run_under_lease(joined(b, {"--sticky"}), {"true"}).with("PATH", "/usr/bin:/bin").run();
  const Words c = here({"--key", "job-c", "--node", "web-2"});
  run_under_lease(c, {"true"}).with("PATH", "/usr/bin:/bin").run();
  const Json keys = json();
  ASSERT_EQ(keys.size(), 2U) << keys;
  EXPECT_EQ(keys[0]["key"], "job-a");
  EXPECT_EQ(keys[0]["state"], "held");
  EXPECT_EQ(keys[0]["leader"], "web-1");
  EXPECT_EQ(keys[0]["pid"], holder.pid());
  EXPECT_EQ(keys[0]["label"], "sh");
  EXPECT_EQ(keys[0]["ttl_ms"], 60'000);
  EXPECT_EQ(keys[0]["waiters"], 0);
  EXPECT_EQ(keys[0]["waiting_since"], Json());
  EXPECT_EQ(keys[1]["key"], "job-b");
  EXPECT_EQ(keys[1]["state"], "parked");
  const std::string table = say("status").out;
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3) << table;
  EXPECT_THAT(table, HasSubstr("\njob-a  held "));
  EXPECT_THAT(table, HasSubstr("\njob-b  parked "));
  EXPECT_THAT(table, testing::Not(HasSubstr("\x1b")));
}

TEST_P(StatusTest, ShowsTheKeysThatAreAskedForAlsoIfTheyAreFree) {
  Process holder = hold("web-1");
  const Json keys = json({"--key", "zzz", "--key", "job-a"});
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0]["key"], "zzz");
  EXPECT_EQ(keys[0]["state"], "free");
  EXPECT_EQ(keys[1]["state"], "held");
}

TEST_P(StatusTest, APrefixKeepsClustersApart) {
  Process holder = hold("web-1", {"--prefix", "prod:"});
  EXPECT_EQ(json().size(), 1U);
  EXPECT_EQ(json()[0]["key"], "prod:job-a");
  EXPECT_EQ(json({"--prefix", "prod:"})[0]["key"], "job-a");
  EXPECT_EQ(json({"--prefix", "prod:", "--key", "job-a"})[0]["state"], "held");
  EXPECT_EQ(json({"--prefix", "test:"}).size(), 0U);
}

TEST_P(StatusTest, WatchShowsItAgainAndAgainAndEndsWellWhenToldTo) {
  for (const int signo : {SIGINT, SIGTERM}) {
    Process watcher = verb("status", {"--watch=100ms"}).start();
    EXPECT_TRUE(watcher.says(kTitles + "\n" + kTitles));
    Process holder = hold("web-1");
    EXPECT_TRUE(watcher.says("job-a  held "));
    watcher.signal(signo);
    const Ended ended = watcher.wait();
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.err, "");
    holder.signal(SIGKILL);
    holder.wait();
    EXPECT_TRUE(eventually([&] { return json().empty(); }));
  }
}

class StatusOnServerTest : public CliTest {
 protected:
  Ended status(const Words& options = {}) const {
    return Command(joined({CLUSTER_LEADER_BINARY, "status"}, on(server_, options))).run();
  }
  static std::string record_of(const std::string& key) {
    return "cluster-leader:record:{" + key + "}";
  }
  /// A lease of web-1.
  void record(const std::string& key) {
    server_.command({"SET", key, "web-1/x", "PX", "60000"});
    server_.command({"HSET", record_of(key), "fence", "5", "holder", "web-1/x", "node", "web-1"});
  }

  GrownServer server_;
};

TEST_F(StatusOnServerTest, GarbageIsToldAndTheOthersAreShownAllTheSame) {
  record("job-a");
  server_.command({"LPUSH", record_of("job-b"), "x"});
  record("job-c");
  server_.command({"DEL", "job-c"});
  server_.command({"LPUSH", "job-c", "x"});
  record("job-d");
  server_.command({"HSET", record_of("job-d"), "until", "tomorrow", "pid", "\xff"});
  const Ended ended = status();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.out, HasSubstr("\njob-a  held "));
  EXPECT_THAT(ended.out, testing::ContainsRegex("job-b +garbage .*record is data of another type"));
  EXPECT_THAT(ended.out, testing::ContainsRegex("job-c +garbage .*key holds data of another type"));
  EXPECT_THAT(ended.out,
              testing::ContainsRegex("job-d +held .*`(pid|until)` that is not a number"));
}

TEST_F(StatusOnServerTest, NamesCannotPlayWithTheTerminal) {
  record("evil\x1b[2J\nkey\xff");
  const std::string out = status().out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2) << out;
  EXPECT_THAT(out, HasSubstr("\nevil\\x1b[2J\\nkey\\xff  held "));
  const std::string json = status({"--json"}).out;
  EXPECT_TRUE(
      std::all_of(json.begin(), json.end() - 1, [](char c) { return c >= ' ' && c < 127; }));
}

TEST_F(StatusOnServerTest, ColoursAreForTerminals) {
  record("job-a");
  const std::string server = "--server " + url_of(server_);
  const std::string status = std::string(CLUSTER_LEADER_BINARY) + " status " + server;
  const std::string green = "\x1b[32mheld\x1b[0m";
  Terminal coloured({"env", "TERM=xterm", "sh", "-c", status});
  EXPECT_TRUE(coloured.sees(green)) << coloured.screen();
  for (const std::string plain : {"env NO_COLOR=1 TERM=xterm ", "env TERM=dumb ", "env -u TERM "}) {
    Terminal terminal({"sh", "-c", plain + status});
    EXPECT_TRUE(terminal.sees("WAITERS")) << terminal.screen();
    EXPECT_TRUE(terminal.sees("web-1"));
    EXPECT_THAT(terminal.screen(), testing::Not(HasSubstr("\x1b"))) << plain;
  }
}

TEST_F(StatusOnServerTest, OnATerminalWatchDrawsOverWhatItDrewBefore) {
  Terminal terminal({"env", "NO_COLOR=1", "TERM=xterm", CLUSTER_LEADER_BINARY, "status", "--server",
                     url_of(server_), "--watch=100ms"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(terminal.sees("\x1b[Hredis://127.0.0.1:")) << terminal.screen();
    EXPECT_TRUE(terminal.sees(", every 0.1s, ")) << terminal.screen();
    EXPECT_TRUE(terminal.sees("\r\nno key is in use\x1b[K\r\n\x1b[J")) << terminal.screen();
  }
  // Nothing is cleared before it is written again.
  EXPECT_THAT(terminal.screen(), testing::Not(HasSubstr("\x1b[2J")));
  terminal.type(kControlC);
  EXPECT_TRUE(eventually([&] { return state_of(terminal.pid()) == 'Z'; }));
}

TEST_F(StatusOnServerTest, OnATerminalTheTableFitsAndHasAges) {
  record("job-a");
  server_.command({"HSET", record_of("job-a"), "since", "1000", "host", "host-1"});
  const std::string status =
      std::string(CLUSTER_LEADER_BINARY) + " status --server " + url_of(server_);
  Terminal wide({"sh", "-c", status});
  EXPECT_TRUE(wide.sees("TOKEN\r\n")) << wide.screen();
  EXPECT_TRUE(wide.sees("d ago ")) << wide.screen();
  Terminal narrow({"sh", "-c", "stty cols 50; " + status});
  EXPECT_TRUE(narrow.sees("LAST RUN\r\njob-a  held   web-1 ")) << narrow.screen();
  EXPECT_THAT(narrow.screen(), testing::Not(HasSubstr("TOKEN")));
}

TEST_F(StatusOnServerTest, AWatchOutlivesTheServer) {
  record("job-a");
  Process watcher =
      Command(joined({CLUSTER_LEADER_BINARY, "status", "--watch=100ms"}, on(server_))).start();
  EXPECT_TRUE(watcher.says("job-a"));
  server_.kill();
  EXPECT_TRUE(watcher.says("connection refused"));
  server_.start();
  record("job-b");
  EXPECT_TRUE(watcher.says("job-b"));
  watcher.signal(SIGTERM);
  EXPECT_EQ(watcher.wait().status(), 0);
}

TEST_F(StatusOnServerTest, WhatWasNotReadIsAFailure) {
  record("job-a");
  record("secret");
  server_.command({"ACL", "SETUSER", "job", "reset", "on", ">p", "+@all", "~job-*",
                   "~cluster-leader:record:{job-*", "~cluster-leader:queue:{job-*"});
  const Words as_job = {CLUSTER_LEADER_BINARY, "status", "--user", "job"};
  const Ended some = Command(joined(as_job, on(server_))).with("REDIS_PASSWORD", "p").run();
  EXPECT_EQ(some.status(), 77) << some;
  EXPECT_THAT(some.out, HasSubstr("\njob-a  held "));
  expect_one_line(some.err, {std::to_string(server_.port()), "1 key was not read", "rights"});
  server_.kill();
  expect_failure(status(), 69, {url_of(server_), "connection refused"});
  expect_failure(status({"--key", "a", "--key", "b"}), 69, {url_of(server_), "connection refused"});
}

TEST_F(StatusOnServerTest, TheRightsThatItNeedsSuffice) {
  record("job-a");
  server_.command({"ACL", "SETUSER", "job", "reset", "on", ">p", "~job-*",
                   "~cluster-leader:record:{job-*", "~cluster-leader:queue:{job-*", "+eval",
                   "+evalsha", "+get", "+pttl", "+hmget", "+time", "+zcount", "+zscore",
                   "+zrangebyscore", "+scan"});
  server_.command({"ACL", "LOG", "RESET"});
  const Ended ended =
      Command(joined({CLUSTER_LEADER_BINARY, "status", "--user", "job", "--json"}, on(server_)))
          .with("REDIS_PASSWORD", "p")
          .run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(Json::parse(ended.out)[0]["waiters"], 0);
  EXPECT_EQ(server_.command({"ACL", "LOG"})->elements, 0U);
}

}  // namespace
}  // namespace cluster_leader
