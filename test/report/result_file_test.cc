#include "report/result_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/command.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kSeven = 1'795'417'200'000;  ///< 2026-11-23T07:00:00Z

class ResultFileTest : public ::testing::Test {
 protected:
  ResultFileTest() {
    ending_.key = "job-a";
    ending_.node = "web-1";
    ending_.holder = {"web-1/abc"};
    ending_.asked_ms = kSeven;
    ending_.decided_ms = kSeven + 1'234;
  }

  std::string text() const {
    EXPECT_EQ(write_result_file(path_, ending_), std::nullopt);
    return content_of(path_);
  }
  Json result() const { return Json::parse(text()); }

  void run_job() {
    ending_.outcome = RunEnding::Outcome::kRan;
    ending_.token = {1764};
    ending_.started_ms = kSeven + 1'300;
    ending_.finished_ms = kSeven + 61'400;
  }

  static Done run_of_another() { return {{3, kSeven - 5'000, kSeven - 1}, "web-2", {1763}}; }

  TempFolder folder_;
  std::string path_ = folder_.file("result.json");
  RunEnding ending_;
};

TEST_F(ResultFileTest, IsOneLineWithEveryField) {
  run_job();
  EXPECT_EQ(text(),
            R"({"outcome":"ran","status":0,"signal":null,"key":"job-a","node":"web-1",)"
            R"("holder":"web-1/abc","token":1764,"slot":0,"started":"2026-11-23T07:00:01.300Z",)"
            R"("finished":"2026-11-23T07:01:01.400Z","waited_ms":1234,"leader":null,)"
            R"("leader_token":null,"leader_status":null,"leader_started":null,)"
            R"("leader_finished":null})"
            "\n");
}

TEST_F(ResultFileTest, HasTheSameFieldsForEveryOutcome) {
  const auto fields_of = [](const Json& object) {
    std::vector<std::string> fields;
    for (const auto& [name, value] : object.items()) fields.push_back(name);
    return fields;
  };
  run_job();
  const std::vector<std::string> fields = fields_of(result());
  const char* names[] = {"ran",   "follower",   "joined",      "lost",
                         "asked", "superseded", "unavailable", "error"};
  for (int i = 0; i < 6; ++i) {
    ending_ = {};
    ending_.outcome = static_cast<RunEnding::Outcome>(i);
    EXPECT_EQ(result()["outcome"], names[i]);
    EXPECT_EQ(fields_of(result()), fields);
  }
}

TEST_F(ResultFileTest, TheSlotIsThatOfTheLease) {
  run_job();
  ending_.slot = 2;
  EXPECT_EQ(result()["slot"], 2);
  ending_.token = {};
  EXPECT_EQ(result()["slot"], nullptr);
}

TEST_F(ResultFileTest, SignalIsNamed) {
  run_job();
  ending_.status = 143;
  ending_.signal = 15;
  EXPECT_EQ(result()["signal"], "TERM");
  EXPECT_EQ(result()["status"], 143);
}

TEST_F(ResultFileTest, WithoutALeaseThereIsNoHolderAndNoToken) {
  run_job();
  ending_.token = {};
  EXPECT_EQ(result()["holder"], Json());
  EXPECT_EQ(result()["token"], Json());
  EXPECT_EQ(result()["started"], "2026-11-23T07:00:01.300Z");
}

TEST_F(ResultFileTest, FollowerNamesTheLeaderIfItIsKnown) {
  ending_.outcome = RunEnding::Outcome::kFollower;
  ending_.status = 75;
  EXPECT_EQ(result()["leader"], Json());
  ending_.leader = "web-2";
  EXPECT_EQ(result()["leader"], "web-2");
  EXPECT_EQ(result()["started"], Json());
  EXPECT_EQ(result()["finished"], Json());
}

TEST_F(ResultFileTest, FollowerTellsOfTheRunThatForbidsAnother) {
  ending_.outcome = RunEnding::Outcome::kFollower;
  ending_.leader = "web-2";
  ending_.joined = run_of_another();
  EXPECT_EQ(result()["leader"], "web-2");
  EXPECT_EQ(result()["leader_token"], 1763);
  EXPECT_EQ(result()["leader_status"], 3);
  EXPECT_EQ(result()["leader_started"], "2026-11-23T06:59:55.000Z");
  EXPECT_EQ(result()["leader_finished"], "2026-11-23T06:59:59.999Z");
  EXPECT_EQ(result()["started"], Json());
}

TEST_F(ResultFileTest, JoinedHasTheTimesAndTheStatusOfTheOthersRun) {
  ending_.outcome = RunEnding::Outcome::kJoined;
  ending_.joined = run_of_another();
  ending_.status = 3;
  ending_.started_ms = ending_.joined->result.started_ms;
  ending_.finished_ms = ending_.joined->result.finished_ms;
  EXPECT_EQ(result()["leader"], "web-2");
  EXPECT_EQ(result()["leader_status"], 3);
  EXPECT_EQ(result()["started"], result()["leader_started"]);
  EXPECT_EQ(result()["holder"], Json());
}

TEST_F(ResultFileTest, LeaderBeforeUsIsNotTheLeader) {
  run_job();
  ending_.leader = "web-2";
  EXPECT_EQ(result()["leader"], Json());
}

TEST_F(ResultFileTest, CommandThatWasNotExecutedHasNoTimes) {
  run_job();
  ending_.outcome = RunEnding::Outcome::kError;
  ending_.status = 127;
  EXPECT_EQ(result()["started"], Json());
  EXPECT_EQ(result()["finished"], Json());
  EXPECT_EQ(result()["token"], 1764);
}

TEST_F(ResultFileTest, WaitedIsNeverNegative) {
  ending_.decided_ms = 0;
  EXPECT_EQ(result()["waited_ms"], 0);
  ending_.decided_ms = kSeven + 100;
  EXPECT_EQ(result()["waited_ms"], 100);
  ending_.decided_ms = kSeven + 86'400'001;
  EXPECT_EQ(result()["waited_ms"], 86'400'001);
}

TEST_F(ResultFileTest, IsAsciiAndOneLineWhateverTheNames) {
  ending_.key = "quote\" back\\slash line\nbreak \xc3\xa4 \xff\xfe \x01";
  ending_.node = "\xe2\x82";  // the beginning of a character
  const std::string line = text();
  EXPECT_TRUE(std::all_of(line.begin(), line.end() - 1, [](char c) { return c >= ' ' && c < 127; }))
      << line;
  EXPECT_EQ(result()["key"], "quote\" back\\slash line\nbreak \u00e4 \ufffd\ufffd \x01");
  EXPECT_EQ(result()["node"], "\ufffd");
}

TEST_F(ResultFileTest, SaysWhyItCannotBeWritten) {
  EXPECT_EQ(write_result_file(folder_.path(), ending_), "Is a directory");
}

}  // namespace
}  // namespace cluster_leader
