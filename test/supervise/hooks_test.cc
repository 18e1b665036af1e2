// The hooks of many keys, as children of a test whose clock the test turns.
#include "supervise/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <sstream>
#include <utility>

#include "support/command.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Leadership kLeading{ElectionState::kLeader, {"web-1/abc"}, {1764}};
const Leadership kFollowing{ElectionState::kFollower, {"web-2/def"}, {1765}};
const Leadership kNobody{ElectionState::kNone, {}, {}};
const Leadership kNoServer{ElectionState::kDown, {}, {}};

class HooksTest : public ::testing::Test {
 protected:
  HooksTest() {
    for (int i = 0; i < 40; ++i) keys_.push_back("key-" + std::to_string(i));
    const std::string program = folder_.write(
        "hook",
        "#!/bin/sh\n"
        "echo \"$1 $CLUSTER_LEADER_KEY $CLUSTER_LEADER_STATE $CLUSTER_LEADER_TOKEN\" >>" +
            folder_.file("log") + "\n",
        0755);
    commands_.on_leader = {program, "on-leader"};
    commands_.on_follower = {program, "on-follower"};
  }

  void TearDown() override {
    hooks_.reset();
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
  }

  Hooks& hooks() {
    if (!hooks_) hooks_.emplace(commands_, keys_, environment_, inherited_, reporter_);
    return *hooks_;
  }

  void say(std::size_t index, const Leadership& leadership) { hooks().update(index, leadership); }
  void advance() { hooks().advance(now_); }

  static std::size_t children() {
    std::size_t count = 0;
    const std::string pid = std::to_string(::getpid());
    std::istringstream list(content_of("/proc/" + pid + "/task/" + pid + "/children"));
    for (pid_t child = 0; list >> child;) ++count;
    return count;
  }

  /// Waits until one of our children has ended, and tells the hooks of it. False if there is none.
  bool hear_one() {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED) != 0) return false;
    hooks().handle(ChildChange{info.si_pid, info.si_code, info.si_status});
    return true;
  }

  /// Until there is nothing left to run.
  void run_all() {
    do {
      advance();
    } while (hear_one());
    EXPECT_FALSE(hooks().is_busy());
  }

  std::vector<std::string> log() const {
    std::vector<std::string> lines;
    std::istringstream text(content_of(folder_.file("log")));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  TempFolder folder_;
  HookCommands commands_;
  std::vector<std::string> keys_;
  LeaseEnvironment environment_{.node = "web-1", .ttl = 10s, .hides_service_manager = true};
  InheritedSignals inherited_;
  Reporter reporter_{LogStyle{}};
  Time now_{1000s};
  std::optional<Hooks> hooks_;
};

TEST_F(HooksTest, EachStateIsToldToItsOwn) {
  say(0, kLeading);
  run_all();
  say(0, kNobody);
  run_all();
  say(1, kFollowing);
  run_all();
  say(2, kNoServer);
  run_all();
  EXPECT_THAT(log(), ElementsAre("on-leader key-0 leader 1764", "on-follower key-0 none ",
                                 "on-follower key-1 follower ", "on-follower key-2 down "));
}

TEST_F(HooksTest, WhoeverDoesNotLeadIsToldSoOnce) {
  for (const Leadership& leadership : {kFollowing, kNoServer, kNobody, kFollowing}) {
    say(0, leadership);
    run_all();
  }
  EXPECT_EQ(log().size(), 1U);
  for (const std::int64_t token : {1764, 1766}) {
    say(0, {ElectionState::kLeader, {"web-1/x"}, {token}});
    run_all();
  }
  EXPECT_EQ(log().size(), 2U) << "it led before";
}

TEST_F(HooksTest, NothingIsStartedBeforeItsTurn) {
  say(0, kLeading);
  EXPECT_TRUE(hooks().is_busy());
  EXPECT_EQ(children(), 0U);
  advance();
  EXPECT_EQ(children(), 1U);
  run_all();
}

TEST_F(HooksTest, OnlyALeaderHasASlot) {
  commands_.on_leader = {"sh", "-c", "echo $CLUSTER_LEADER_SLOT >>" + folder_.file("log")};
  commands_.on_follower = {"sh", "-c", "echo ${CLUSTER_LEADER_SLOT-none} >>" + folder_.file("log")};
  Leadership leading = kLeading;
  leading.slot = 2;
  say(0, leading);
  run_all();
  say(0, kFollowing);
  run_all();
  EXPECT_THAT(log(), ElementsAre("2", "none"));
}

TEST_F(HooksTest, OneOfAKeyRunsAtATimeAndTheLatestNewsFollow) {
  say(0, kLeading);
  advance();
  for (const std::int64_t token : {1, 2, 3}) {
    say(0, kNobody);
    say(0, {ElectionState::kLeader, {"web-1/x"}, {token}});
    advance();
    EXPECT_EQ(children(), 1U);
  }
  run_all();
  EXPECT_THAT(log(), ElementsAre("on-leader key-0 leader 1764", "on-leader key-0 leader 3"));
}

TEST_F(HooksTest, WhatWaitsIsForgottenWhenItIsOver) {
  commands_.on_follower.clear();
  say(0, kLeading);
  advance();
  say(0, kNobody);
  say(0, {ElectionState::kLeader, {"web-1/x"}, {2}});
  say(0, kNobody);
  run_all();
  EXPECT_EQ(log().size(), 1U);
}

TEST_F(HooksTest, FewRunAtOnceAndTheOthersInTheOrderOfTheirChanges) {
  constexpr std::size_t kMostAtOnce = 16;
  const std::string program = commands_.on_leader.front();
  commands_.on_leader = {
      "sh", "-c", "[ $CLUSTER_LEADER_KEY = key-30 ] || exec sleep 1000; " + program + " on-leader"};
  for (std::size_t i = 0; i < kMostAtOnce - 1; ++i) say(i, kLeading);
  advance();
  for (const std::size_t i : {30, 20, 25}) say(i, kFollowing);
  say(30, kLeading);
  for (int i = 0; i < 3; ++i) {
    advance();
    EXPECT_EQ(children(), kMostAtOnce);
    ASSERT_TRUE(hear_one());
  }
  EXPECT_THAT(log(), ElementsAre("on-leader key-30 leader 1764", "on-follower key-20 follower ",
                                 "on-follower key-25 follower "));
  ::testing::internal::CaptureStderr();
  now_ += environment_.ttl;
  run_all();
  ::testing::internal::GetCapturedStderr();
}

TEST_F(HooksTest, HookThatHangsIsKilledAfterATtlAndSaidOnce) {
  commands_.on_leader = {"sleep", "1000"};
  EXPECT_EQ(hooks().wake_at(), kNever);
  say(3, kLeading);
  advance();
  EXPECT_EQ(hooks().wake_at(), now_ + environment_.ttl);
  now_ += environment_.ttl - 1ns;
  advance();
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
  EXPECT_EQ(ended.si_pid, 0);
  ::testing::internal::CaptureStderr();
  now_ += 1ns;
  advance();
  EXPECT_EQ(hooks().wake_at(), kNever) << "it only has to be collected";
  advance();
  run_all();
  EXPECT_EQ(
      ::testing::internal::GetCapturedStderr(),
      "cluster-leader: warning: the hook of key key-3 had not ended after a ttl; killed it\n");
}

TEST_F(HooksTest, ProgramThatCannotBeExecutedIsSaid) {
  commands_.on_leader = {"/nowhere/at/all"};
  commands_.on_follower = {folder_.write("plain", "no program")};
  say(0, kLeading);
  say(1, kFollowing);
  ::testing::internal::CaptureStderr();
  run_all();
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("cannot execute the hook of key key-0: No such file"));
  EXPECT_THAT(said, HasSubstr("cannot execute the hook of key key-1: Permission denied"));
}

TEST_F(HooksTest, HookThatFailsIsSaid) {
  commands_.on_leader = {"sh", "-c", "exit 3"};
  commands_.on_follower = {"sh", "-c", "kill -9 $$"};
  say(0, kLeading);
  say(1, kFollowing);
  ::testing::internal::CaptureStderr();
  run_all();
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("warning: the hook of key key-0 ended with status 3\n"));
  EXPECT_THAT(said, HasSubstr("warning: the hook of key key-1 ended with signal 9\n"));
}

TEST_F(HooksTest, StopOfAHookAndTheEndOfAStrangerAreNotItsEnd) {
  commands_.on_leader = {"sleep", "1000"};
  say(0, kLeading);
  advance();
  hooks().handle(ChildChange{first_child_of(::getpid()), CLD_STOPPED, SIGSTOP});
  hooks().handle(ChildChange{1, CLD_EXITED, 0});
  EXPECT_TRUE(hooks().is_busy());
  EXPECT_NE(hooks().wake_at(), kNever);
}

TEST_F(HooksTest, WithoutAProgramThereIsNothingToDo) {
  commands_.on_leader.clear();
  commands_.on_follower.clear();
  say(0, kLeading);
  say(0, kNobody);
  EXPECT_FALSE(hooks().is_busy());
  EXPECT_EQ(hooks().wake_at(), kNever);
}

TEST_F(HooksTest, ThoseThatAreGivenUpAreKilledAndCounted) {
  commands_.on_leader = {"sleep", "1000"};
  for (std::size_t key = 0; key < 20; ++key) say(key, kLeading);
  advance();
  ASSERT_EQ(children(), 16U);
  ::testing::internal::CaptureStderr();
  hooks().give_up();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("killed 16 that had not ended, and 4 were not started"));
  EXPECT_FALSE(hooks().is_busy());
  for (int i = 0; i < 16; ++i) {
    int status = 0;
    ASSERT_GT(::waitpid(-1, &status, 0), 0);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
  }
}

TEST_F(HooksTest, NobodyIsToldOfGivingUpNothing) {
  say(0, kLeading);
  run_all();
  ::testing::internal::CaptureStderr();
  hooks().give_up();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(HooksTest, TheyDieWithTheirOwner) {
  commands_.on_leader = {"sleep", "1000"};
  say(0, kLeading);
  advance();
  const pid_t child = first_child_of(::getpid());
  ASSERT_GT(child, 0);
  hooks_.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

}  // namespace
}  // namespace cluster_leader
