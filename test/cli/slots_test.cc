// Several jobs of one key at once, on the built binary.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "support/cli_world.h"
#include "support/cluster_world.h"
#include "support/elector.h"
#include "support/grown_server.h"
#include "support/run_log.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::StartsWith;

class SlotsTest : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  SlotsTest() {
    const std::string place = GetParam();
    if (place == "Redis") server_ = std::make_unique<GrownServer>();
    if (place == "Valkey") server_ = std::make_unique<GrownServer>(Words{}, VALKEY_SERVER);
    if (place == "Cluster") cluster_.emplace(ClusterWorld::Settings{.has_replicas = false});
  }

  Words here(const Words& more = {}) const {
    return joined({"--server", server_    ? url_of(*server_)
                               : cluster_ ? cluster_->url()
                                          : file_url()},
                  more);
  }

  /// A run of job-a on `node`, whose job is a line for a shell.
  Command run(const std::string& node, const Words& options, const std::string& job) const {
    Words own = {"--key", "job-a", "--node", node};
    const bool has_ttl = std::count(options.begin(), options.end(), "--ttl") > 0;
    if (!has_ttl) own.insert(own.end(), {"--ttl", "60"});
    return run_under_lease(joined(here(own), options), {"sh", "-c", job})
        .with("PATH", "/usr/bin:/bin");
  }

  /// One that writes its slot, and then holds it until the test ends, or until it loses it.
  Process hold(const std::string& node, const Words& options) const {
    Process holder = run(node, options, "echo slot $CLUSTER_LEADER_SLOT; exec sleep 1000").start();
    EXPECT_TRUE(holder.says("slot ")) << holder.err();
    return holder;
  }
  /// Three that hold the three slots, the first of them slot 0.
  std::vector<Process> hold_three(const Words& nodes, const Words& more = {}) const {
    std::vector<Process> holders;
    for (const std::string& node : nodes) {
      holders.push_back(hold(node, joined({"--slots", "3"}, more)));
      EXPECT_EQ(holders.back().out(), "slot " + std::to_string(holders.size() - 1) + '\n');
    }
    return holders;
  }

  /// The slot that a run with these options gets now, or "75".
  std::string slot_now(const Words& options, const std::string& node = "web-9") const {
    const Ended ended = run(node, joined(options, {"-n"}), "echo $CLUSTER_LEADER_SLOT").run();
    if (ended.status() == 0) return ended.out.substr(0, ended.out.size() - 1);
    expect_silent_follower(ended);
    return std::to_string(ended.status());
  }

  Ended say(const std::string& verb, const Words& options) const {
    return Command(joined(joined({CLUSTER_LEADER_BINARY, verb, "--key", "job-a"}, here()), options))
        .run();
  }
  Json status() const { return Json::parse(say("status", {"--json"}).out); }
  std::size_t waiters() const { return status()[0]["waiters"].get<std::size_t>(); }

  Words lines(const std::string& name) const {
    Words lines;
    const std::string text = content_of(path(name));
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
      lines.push_back(text.substr(at, end - at));
    }
    return lines;
  }

  std::unique_ptr<Server> server_;
  std::optional<ClusterWorld> cluster_;
};

const auto kName = [](const auto& place) { return std::string(place.param); };

INSTANTIATE_TEST_SUITE_P(Place, SlotsTest, testing::Values("File", "Redis", "Valkey"), kName);

/// Also in a Cluster.
class SlotsRaceTest : public SlotsTest {};

INSTANTIATE_TEST_SUITE_P(Place, SlotsRaceTest,
                         testing::Values("File", "Redis", "Valkey", "Cluster"), kName);

/// The most jobs that ran at once, from their own intervals.
int most_at_once(const std::vector<RunLog>& logs) {
  std::vector<std::pair<std::int64_t, int>> changes;
  for (const RunLog& log : logs) {
    for (const RunLog::Line& line : log.lines)
      changes.emplace_back(line.at, line.what == "end" ? -1 : 1);
  }
  std::sort(changes.begin(), changes.end());
  int now = 0;
  int most = 0;
  for (const auto& [at, change] : changes) most = std::max(most, now += change);
  return most;
}

TEST_P(SlotsRaceTest, OfTwelveRunnersThreeRunAtATimeAndNoTwoWithTheSameNumber) {
  // The first three wait until the others are in line; then each job shows whether it is alone in
  // its slot.
  const std::string job = "echo $CLUSTER_LEADER_SLOT >>'" + path("begun") + "'; until test -e '" +
                          path("go") + "'; do sleep 0.02; done; exec '" +
                          test_program("job_exclusive") + "' '" + path("log") +
                          "'.$CLUSTER_LEADER_SLOT 30";
  std::list<Process> runners;
  for (int i = 0; i < 12; ++i) {
    runners.push_back(
        run("web-" + std::to_string(i), {"--slots", "3", "--wait", "60"}, job).start());
  }
  ASSERT_TRUE(eventually([&] { return lines("begun").size() == 3 && waiters() == 9; }))
      << status() << runners.front().err();
  EXPECT_THAT(lines("begun"), testing::UnorderedElementsAre("0", "1", "2"));
  folder_.write("go", "");
  for (Process& runner : runners) {
    const Ended ended = runner.wait(60s);
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.err, "");
  }
  std::vector<RunLog> logs;
  int ends = 0;
  for (const char* slot : {".0", ".1", ".2"}) {
    logs.push_back(RunLog::read(path("log") + slot));
    EXPECT_EQ(logs.back().fault(), "") << slot;
    ends += logs.back().count("end");
  }
  EXPECT_EQ(ends, 12);
  EXPECT_LE(most_at_once(logs), 3);
}

TEST_P(SlotsTest, AHolderThatCrashesFreesOnlyItsOwnSlot) {
  std::vector<Process> holders = hold_three({"web-1", "web-2", "web-3"}, {"--ttl", "3"});
  Process waiter = run("web-4", {"--slots", "3", "--ttl", "3", "--wait", "60"},
                       "echo slot $CLUSTER_LEADER_SLOT; exec sleep 1000")
                       .start();
  ASSERT_TRUE(eventually([&] { return waiters() == 1; })) << waiter.err();
  // As if its machine had died.
  ::kill(holders[1].child(), SIGKILL);
  holders[1].signal(SIGKILL);
  ASSERT_TRUE(waiter.says("slot ")) << waiter.err();
  EXPECT_EQ(waiter.out(), "slot 1\n");
  EXPECT_TRUE(holders[0].running() && holders[2].running());
  EXPECT_EQ(slot_now({"--slots", "3"}), "75");
}

TEST_P(SlotsTest, TheSlotOfAKeeperThatWasKilledIsReleasedAtOnce) {
  std::vector<Process> holders = hold_three({"web-1", "web-2", "web-3"});
  ::kill(holders[2].child(), SIGKILL);
  EXPECT_EQ(holders[2].wait().status(), 79);
  EXPECT_EQ(slot_now({"--slots", "3"}), "2") << "the ttl is a minute";
  EXPECT_TRUE(holders[0].running() && holders[1].running());
}

TEST_P(SlotsTest, EachCallerUsesTheFirstSlotsOfItsOwnNumber) {
  Process first = hold("web-1", {"--slots", "2"});
  EXPECT_EQ(first.out(), "slot 0\n");
  EXPECT_EQ(slot_now({}), "75") << "a run without --slots uses slot 0";
  EXPECT_EQ(slot_now({"--slots", "1"}), "75");
  Process second = hold("web-2", {"--slots", "2"});
  EXPECT_EQ(second.out(), "slot 1\n");
  EXPECT_EQ(slot_now({"--slots", "2"}), "75");
  EXPECT_EQ(slot_now({"--slots", "3"}), "2");
  first.signal(SIGTERM);
  first.wait();
  EXPECT_EQ(slot_now({}), "0");
  EXPECT_EQ(slot_now({"--slots", "64"}), "0");
}

TEST_P(SlotsTest, WhileAllAreTakenARunIsAFollower) {
  std::vector<Process> holders = hold_three({"web-1", "web-2", "web-3"});
  EXPECT_EQ(slot_now({"--slots", "3"}), "75");
  expect_silent_follower(run("web-4", {"--slots", "3"}, "echo no").run());
  const Ended waited = run("web-4", {"--slots", "3", "--wait", "300ms"}, "echo no").run();
  EXPECT_EQ(waited.status(), 75) << waited;
  EXPECT_EQ(waited.out, "");
  const std::string result = path("result.json");
  const Ended verbose =
      run("web-4", {"--slots", "3", "-v", "--result-file", result}, "echo no").run();
  EXPECT_THAT(verbose.err, HasSubstr(": follower; all its slots are taken\n"));
  const Json object = Json::parse(content_of(result));
  EXPECT_EQ(object["outcome"], "follower");
  EXPECT_EQ(object["slot"], nullptr);
  EXPECT_EQ(object["leader"], nullptr);
}

TEST_P(SlotsTest, ARunReportsItsSlotWhereItReportsItself) {
  Process first = hold("web-1", {"--slots", "3"});
  const Ended second = run("web-2",
                           {"--slots", "3", "-v", "--result-file", path("result.json"),
                            "--metrics-file", path("job-a.prom")},
                           "true")
                           .run();
  EXPECT_EQ(second.status(), 0) << second;
  EXPECT_THAT(second.err, HasSubstr(", slot 1\n"));
  EXPECT_EQ(Json::parse(content_of(path("result.json")))["slot"], 1);
  EXPECT_THAT(content_of(path("job-a.prom")),
              HasSubstr("\ncluster_leader_last_run_slot{key=\"job-a\",node=\"web-2\"} 1\n"));
}

TEST_P(SlotsTest, AHoldKeepsTheSlotOfItsJob) {
  const Words options = {"--slots", "2", "--min-hold", "60"};
  EXPECT_EQ(slot_now(options), "0");
  EXPECT_EQ(slot_now(options), "1");
  EXPECT_EQ(slot_now(options), "75");
  EXPECT_EQ(slot_now({"--slots", "3"}), "2");
}

TEST_P(SlotsTest, ARunInsideAJobOfTheKeyCountsAsOneMore) {
  std::string nested = std::string(CLUSTER_LEADER_BINARY) + " run";
  for (const std::string& word : here({"--key", "job-a", "--slots", "2"})) nested += ' ' + word;
  const Ended ended =
      run("web-1", {"--slots", "2"},
          nested + " -- sh -c 'echo $CLUSTER_LEADER_SLOT; " + nested + " -n -- echo no; echo $?'")
          .run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out, "1\n75\n");
}

TEST_P(SlotsTest, StatusHasARowForEachSlotInUseAndCountsWhoWaitsOnce) {
  std::vector<Process> holders = hold_three({"web-1", "web-2", "web-3"});
  Process waiter = run("web-4", {"--slots", "3", "--wait", "60"}, "true").start();
  ASSERT_TRUE(eventually([&] { return waiters() == 1; })) << waiter.err();
  Json json = status();
  ASSERT_EQ(json.size(), 3U) << json;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(json[i]["key"], "job-a");
    EXPECT_EQ(json[i]["slot"], i);
    EXPECT_EQ(json[i]["state"], "held");
    EXPECT_EQ(json[i]["leader"], "web-" + std::to_string(i + 1));
    EXPECT_EQ(json[i]["pid"], holders[i].pid());
    EXPECT_EQ(json[i]["waiters"], i == 0 ? Json(1) : Json());
  }
  const Ended all = Command(joined({CLUSTER_LEADER_BINARY, "status"}, here())).run();
  EXPECT_THAT(all.out, StartsWith("KEY    SLOT  STATE  LEADER "));
  for (const char* row : {"\njob-a  0     held   web-1 ", "\njob-a  1     held   web-2 ",
                          "\njob-a  2     held   web-3 "}) {
    EXPECT_THAT(all.out, HasSubstr(row));
  }
  waiter.signal(SIGTERM);
  waiter.wait();
  holders[0].signal(SIGTERM);
  holders[0].wait();
  json = status();
  ASSERT_EQ(json.size(), 2U) << "slot 0 is free now: " << json;
  EXPECT_EQ(json[0]["slot"], 1);
  const Json found =
      Json::parse(Command(joined({CLUSTER_LEADER_BINARY, "status", "--json"}, here())).run().out);
  ASSERT_EQ(found.size(), 2U) << "a key of which slot 0 is free is found, too";
  EXPECT_EQ(found[0]["slot"], 1);
  EXPECT_EQ(found[1]["slot"], 2);
}

TEST_P(SlotsTest, CheckIsZeroOnEachNodeWithASlot) {
  std::vector<Process> holders = hold_three({"web-1", "web-2", "web-3"});
  for (int i = 0; i < 3; ++i) {
    const std::string node = "web-" + std::to_string(i + 1);
    const Ended ended = say("check", {"--node", node, "--output", "json"});
    EXPECT_EQ(ended.status(), 0) << ended;
    const Json object = Json::parse(ended.out);
    EXPECT_EQ(object["state"], "leader");
    EXPECT_EQ(object["slot"], i);
    EXPECT_EQ(object["leader"], node);
  }
  const Ended other = say("check", {"--node", "web-4", "--output", "json"});
  EXPECT_EQ(other.status(), 75) << other;
  EXPECT_EQ(Json::parse(other.out)["state"], "follower");
  EXPECT_EQ(Json::parse(other.out)["slot"], nullptr);
  EXPECT_EQ(Json::parse(other.out)["leader"], nullptr);
  for (const int i : {0, 1}) {
    holders[i].signal(SIGTERM);
    holders[i].wait();
  }
  EXPECT_THAT(say("check", {"--node", "web-4", "--output", "text"}).out,
              StartsWith("follower: slot 2 of job-a is held by web-3 ("));
  EXPECT_EQ(say("check", {"--node", "web-1"}).status(), 75);
}

TEST_P(SlotsTest, ReleaseEndsEverySlotOfThisNodeAndNoOthers) {
  std::vector<Process> holders = hold_three({"web-1", "web-2", "web-1"}, {"--heartbeat", "200ms"});
  const Ended ended = say("release", {"--node", "web-1"});
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.out,
              testing::MatchesRegex("released slot 0 of job-a: it was held by web-1 .*\n"
                                    "released slot 2 of job-a: it was held by web-1 .*\n"));
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(holders[0].wait().status(), 79);
  EXPECT_EQ(holders[2].wait().status(), 79);
  EXPECT_TRUE(holders[1].running());
  const Ended others = say("release", {"--node", "web-3"});
  EXPECT_EQ(others.status(), 75) << others;
  expect_one_line(others.err, {"slot 1 is held by web-2 (", "--force"});
}

TEST_P(SlotsTest, ReleaseOfOneSlotLeavesTheOthers) {
  std::vector<Process> holders = hold_three({"web-1", "web-1", "web-1"}, {"--heartbeat", "200ms"});
  const Ended ended = say("release", {"--node", "web-1", "--slot", "1"});
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_THAT(ended.out, StartsWith("released slot 1 of job-a: it was held by web-1 ("));
  EXPECT_EQ(holders[1].wait().status(), 79);
  EXPECT_EQ(slot_now({"--slots", "3"}), "1");
  const Ended nothing = say("release", {"--slot", "40"});
  EXPECT_EQ(nothing.status(), 0) << nothing;
  EXPECT_EQ(nothing.out, "nothing to release: slot 40 of job-a is free\n");
  const Ended others = say("release", {"--node", "web-2", "--slot", "2"});
  EXPECT_EQ(others.status(), 75) << others;
  expect_one_line(others.err, {"slot 2 is held by web-1 ("});
  EXPECT_TRUE(holders[0].running() && holders[2].running());
}

TEST_P(SlotsTest, ForceAndAskConcernEverySlotOrTheOneThatIsNamed) {
  std::vector<Process> holders =
      hold_three({"web-1", "web-2", "web-3"}, {"--heartbeat", "200ms", "--kill-after", "10s"});
  const Ended asked = say("release", {"--node", "web-9", "--ask", "--slot", "2"});
  EXPECT_EQ(asked.status(), 0) << asked;
  EXPECT_THAT(asked.out,
              testing::MatchesRegex("asked web-3 .* for slot 2 of job-a: it is free once .*\n"));
  EXPECT_EQ(holders[2].wait().status(), 79);
  EXPECT_TRUE(holders[0].running() && holders[1].running());
  const Ended forced = say("release", {"--node", "web-9", "--force"});
  EXPECT_EQ(forced.status(), 0) << forced;
  EXPECT_THAT(forced.out,
              testing::MatchesRegex("released slot 0 of job-a: it was held by web-1 .*\n"
                                    "released slot 1 of job-a: it was held by web-2 .*\n"));
  EXPECT_EQ(holders[0].wait().status(), 79);
  EXPECT_EQ(holders[1].wait().status(), 79);
}

TEST_P(SlotsTest, AskingForTheKeyAsksEachHolder) {
  std::vector<Process> holders = hold_three({"web-1", "web-2", "web-3"}, {"--heartbeat", "200ms"});
  const Ended asked = say("release", {"--node", "web-9", "--ask"});
  EXPECT_EQ(asked.status(), 0) << asked;
  EXPECT_EQ(std::count(asked.out.begin(), asked.out.end(), '\n'), 3) << asked;
  for (Process& holder : holders) EXPECT_EQ(holder.wait().status(), 79);
}

/// The slot that an elector leads, by its last line; -1: none.
int slot_of(const Elector& elector, const std::string& key = Elector::kKey) {
  const Json slot = Json::parse(elector.last(key).text)["slot"];
  return slot.is_null() ? -1 : slot.get<int>();
}

TEST_P(SlotsTest, SeveralElectorsLeadAtOnceEachInItsSlot) {
  const auto options = [&](const std::string& node) {
    return here(
        {"--key", "job-a", "--key", "job-b", "--node", node, "--ttl", "60", "--slots", "2"});
  };
  std::list<Elector> electors;
  for (const char* node : {"web-1", "web-2"}) {
    electors.emplace_back(options(node));
    for (const char* key : {"job-a", "job-b"}) {
      ASSERT_TRUE(electors.back().is("leader", key)) << electors.back().transcript();
      EXPECT_EQ(slot_of(electors.back(), key), static_cast<int>(electors.size()) - 1);
    }
  }
  Elector third(options("web-3"));
  ASSERT_TRUE(third.is("follower")) << third.transcript();
  EXPECT_EQ(third.last().leader, "") << "of several leaders none is the leader";
  EXPECT_EQ(third.last().token, 0);
  ASSERT_TRUE(third.is("follower", "job-b")) << third.transcript();
  electors.back().stop();
  for (const char* key : {"job-a", "job-b"}) {
    EXPECT_TRUE(third.is("leader", key)) << third.transcript();
    EXPECT_EQ(slot_of(third, key), 1);
  }
  third.stop();
}

TEST_P(SlotsTest, AJobAndAHookOfElectHaveTheNumberOfTheSlot) {
  Process other = hold("web-1", {"--slots", "3"});
  const std::string hook = folder_.write(
      "hook", "#!/bin/sh\necho hook $CLUSTER_LEADER_SLOT >>" + path("log") + "\n", 0755);
  Elector elector(
      Elector::command(
          here({"--key", "job-a", "--node", "web-2", "--ttl", "60", "--slots", "3", "--on-leader",
                hook, "--on-exit", "restart"}),
          {"sh", "-c", "echo job $CLUSTER_LEADER_SLOT >>" + path("log") + "; sleep 1000"})
          .with("PATH", "/usr/bin:/bin"));
  EXPECT_TRUE(eventually([&] { return lines("log").size() == 2; })) << elector.transcript();
  EXPECT_THAT(lines("log"), testing::UnorderedElementsAre("job 1", "hook 1"));
  elector.stop();
}

TEST_P(SlotsTest, ALeaseOfAnElectorWhoseKeeperDiesIsReleasedInItsSlot) {
  Process other = hold("web-1", {"--slots", "2"});
  Elector elector(here({"--key", "job-a", "--node", "web-2", "--ttl", "60", "--slots", "2"}));
  ASSERT_TRUE(elector.is("leader")) << elector.transcript();
  ::kill(elector.keeper(), SIGKILL);
  // Its next keeper gets the slot long before the lease would have ended.
  EXPECT_TRUE(elector.says({"leader", "none", "leader"})) << elector.transcript();
  EXPECT_EQ(slot_of(elector), 1);
  elector.stop();
}

TEST_P(SlotsTest, TextNamesTheSlot) {
  Elector elector(Elector::command(
      here({"--key", "job-a", "--ttl", "60", "--slots", "2", "--output", "text"})));
  EXPECT_TRUE(elector.process().says(" job-a leader in slot 0\n")) << elector.transcript();
  elector.stop();
}

TEST(SlotsUsageTest, WhatConcernsTheOneJobOfAKeyIsRefusedWithTheReason) {
  const auto refused = [](const std::vector<std::string>& options, const std::string& line) {
    std::vector<std::string> words = {"--key", "job-a", "--slots", "3"};
    words.insert(words.end(), options.begin(), options.end());
    const Ended ended = run_under_lease(words, {"echo", "no"}).run();
    EXPECT_EQ(ended.status(), 64) << ended;
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(ended.err, "cluster-leader: " + line + '\n');
  };
  refused({"--once", "1h"},
          "--slots and --once cannot be combined: --once requires that one job of a key runs at a "
          "time");
  refused({"--join"},
          "--slots and --join cannot be combined: --join requires that one job of a key runs at a "
          "time");
  refused({"--sticky"},
          "--slots and --sticky cannot be combined: --sticky requires that one job of a key runs "
          "at a time");
  refused({"--supersede"},
          "--slots and --supersede cannot be combined: --supersede requires that one job of a key "
          "runs at a time");
  refused({"--server", "redis://a", "--server", "redis://b", "--server", "redis://c"},
          "--slots needs a single server: it cannot be combined with a quorum (--server)");
}

}  // namespace
}  // namespace cluster_leader
