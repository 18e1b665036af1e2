// --on-leader and --on-follower on the built binary: what they are told, when, and that whatever
// they do holds nothing up.
#include <signal.h>

#include <fstream>
#include <set>
#include <sstream>

#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class ElectHooksTest : public ElectTest {
 protected:
  /// A hook that does this, and its path. In it, `$folder` is this test's.
  std::string hook(const std::string& script, const std::string& name = "hook") const {
    return folder_.write(name, "#!/bin/sh\nfolder=" + folder_.path() + "\n" + script, 0755);
  }

  /// A hook that writes a line about each of its runs into the file `log`.
  std::string logging_hook(const std::string& then = "") const {
    return hook("echo \"$CLUSTER_LEADER_KEY $CLUSTER_LEADER_STATE $CLUSTER_LEADER_TOKEN\"" +
                std::string(" >>$folder/log\n") + then);
  }

  Words log() const { return lines_of("log"); }

  Words lines_of(const std::string& name) const {
    Words lines;
    std::istringstream text(content_of(path(name)));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  void let_go() const { std::ofstream(path("go")) << "go"; }
  static inline const std::string kUntilLetGo = "while ! [ -e $folder/go ]; do sleep 0.02; done\n";

  static std::string token_of(const Elector& elector) {
    return std::to_string(elector.last().token);
  }

  void release_by_hand() const {
    const Ended released = Command({CLUSTER_LEADER_BINARY, "release", "--force", "--server",
                                    url_of(server_), "--key", "job-a"})
                               .run();
    ASSERT_EQ(released.status(), 0) << released;
  }
};

TEST_F(ElectHooksTest, LeaderHasItsLeaseInTheEnvironment) {
  const std::string program = hook("env >$folder/new; mv $folder/new $folder/env\n");
  Elector elector(Elector::command(options_for("web-1", kLong, {"--on-leader", program}))
                      .with("CLUSTER_LEADER_TOKEN", "of another")
                      .with("NOTIFY_SOCKET", path("nobody"))
                      .with("WATCHDOG_USEC", "1000000")
                      .with("OF_THE_CALLER", "kept"));
  ASSERT_TRUE(elector.is("leader"));
  ASSERT_TRUE(eventually([&] { return exists("env"); })) << elector.transcript();
  Words ours;
  for (const std::string& line : lines_of("env")) {
    EXPECT_THAT(line, Not(StartsWith("NOTIFY_SOCKET")));
    EXPECT_THAT(line, Not(StartsWith("WATCHDOG")));
    if (line.starts_with("CLUSTER_LEADER_")) ours.push_back(line);
  }
  EXPECT_THAT(lines_of("env"), Contains("OF_THE_CALLER=kept"));
  EXPECT_THAT(ours, UnorderedElementsAre("CLUSTER_LEADER_KEY=job-a", "CLUSTER_LEADER_STATE=leader",
                                         "CLUSTER_LEADER_HOLDER=" + elector.last().holder,
                                         "CLUSTER_LEADER_TOKEN=" + token_of(elector),
                                         "CLUSTER_LEADER_TTL_MS=600000",
                                         "CLUSTER_LEADER_NODE=web-1", "CLUSTER_LEADER_SLOT=0"));
}

TEST_F(ElectHooksTest, FollowerHasNobodysLeaseInTheEnvironment) {
  Elector leader(options_for("web-1"));
  ASSERT_TRUE(leader.is("leader"));
  const std::string program = hook("env >$folder/new; mv $folder/new $folder/env\n");
  Elector elector(Elector::command(options_for("web-2", kLong, {"--on-follower", program}))
                      .with("CLUSTER_LEADER_TOKEN", "of another")
                      .with("CLUSTER_LEADER_HOLDER", "of another"));
  ASSERT_TRUE(eventually([&] { return exists("env"); })) << elector.transcript();
  Words ours;
  for (const std::string& line : lines_of("env")) {
    if (line.starts_with("CLUSTER_LEADER_")) ours.push_back(line);
  }
  EXPECT_THAT(ours,
              UnorderedElementsAre("CLUSTER_LEADER_KEY=job-a", "CLUSTER_LEADER_STATE=follower",
                                   "CLUSTER_LEADER_TTL_MS=600000", "CLUSTER_LEADER_NODE=web-2",
                                   "CLUSTER_LEADER_OUTER=of another"));
}

TEST_F(ElectHooksTest, CommandIsSplitAtBlanksAndSeenByNoShell) {
  const std::string program = hook(
      "for word in \"$@\"; do echo \"$word\"; done >$folder/new; mv $folder/new $folder/words");
  Elector elector(
      options_for("web-1", kLong, {"--on-leader", program + "  $HOME \t* 'a b';echo "}));
  ASSERT_TRUE(eventually([&] { return exists("words"); })) << elector.transcript();
  EXPECT_THAT(lines_of("words"), ElementsAre("$HOME", "*", "'a", "b';echo"));
}

TEST_F(ElectHooksTest, EachIsToldOfItsChangeAndOnlyOfThat) {
  const std::string program = logging_hook();
  Elector elector(options_for("web-1", "2", {"--on-leader", program, "--on-follower", program}));
  ASSERT_TRUE(eventually([&] { return log().size() == 1; })) << elector.transcript();
  EXPECT_EQ(log()[0], "job-a leader " + token_of(elector));
  server_.pause();
  ASSERT_TRUE(elector.is("down"));
  ASSERT_TRUE(eventually([&] { return log().size() == 2; })) << elector.transcript();
  // Whichever of the two came first, it leads no more, and is told so once.
  EXPECT_TRUE(log()[1] == "job-a down " || log()[1] == "job-a none ") << log()[1];
  server_.resume();
  ASSERT_TRUE(elector.is("leader")) << elector.transcript();
  ASSERT_TRUE(eventually([&] { return log().size() == 3; })) << elector.transcript();
  EXPECT_EQ(log()[2], "job-a leader " + token_of(elector));
}

TEST_F(ElectHooksTest, FollowerIsToldAtTheEndBeforeItExits) {
  const std::string program = logging_hook("sleep 0.2; echo done >>$folder/log\n");
  Elector elector(options_for("web-1", kLong, {"--on-leader", program, "--on-follower", program}));
  ASSERT_TRUE(eventually([&] { return log().size() == 2; })) << elector.transcript();
  EXPECT_EQ(elector.stop().status(), 0);
  ASSERT_EQ(log().size(), 4U);
  EXPECT_EQ(log()[2], "job-a none ");
  EXPECT_EQ(log()[3], "done");
  EXPECT_EQ(elector.process().err(), "");
}

TEST_F(ElectHooksTest, OneRunsAtATimeAndIsFollowedByTheLatestNews) {
  const std::string program = logging_hook("(flock -n 9 || echo two at once >>$folder/log; " +
                                           kUntilLetGo + ") 9>$folder/lock\n");
  Elector elector(options_for("web-1", kLong, {"--on-leader", program, "--on-follower", program}));
  ASSERT_TRUE(eventually([&] { return log().size() == 1; })) << elector.transcript();
  const std::string first = token_of(elector);
  for (int i = 1; i <= 2; ++i) {
    release_by_hand();
    ASSERT_TRUE(eventually([&] {
      return elector.states().size() == 1U + 2 * static_cast<std::size_t>(i);
    })) << elector.transcript();
  }
  let_go();
  ASSERT_TRUE(eventually([&] { return log().size() >= 2; })) << elector.transcript();
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_THAT(log(), ElementsAre("job-a leader " + first,
                                 "job-a leader " + std::to_string(elector.lines()[4].token),
                                 "job-a none "));
}

TEST_F(ElectHooksTest, WhatIsOverBeforeItsTurnIsNotTold) {
  const std::string program = logging_hook(kUntilLetGo);
  // Nobody is to be told of the end: what has begun meanwhile, and ended, is nothing to tell.
  Elector elector(options_for("web-1", kLong, {"--on-leader", program}));
  ASSERT_TRUE(eventually([&] { return log().size() == 1; })) << elector.transcript();
  release_by_hand();
  ASSERT_TRUE(eventually([&] { return elector.states().size() == 3; }));
  elector.signal(SIGUSR2);
  ASSERT_TRUE(elector.is("none"));
  let_go();
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_EQ(log().size(), 1U);
}

TEST_F(ElectHooksTest, HookThatHangsIsKilledWithItsChildrenAfterATtlAndHoldsNothingUp) {
  const std::string program = hook(
      "trap '' TERM HUP INT\nsleep 1000 &\n"
      "echo $$ >$folder/new; echo $! >>$folder/new; mv $folder/new $folder/pids; wait\n");
  Elector elector(options_for("web-1", "2", {"--on-leader", program}));
  ASSERT_TRUE(eventually([&] { return exists("pids"); })) << elector.transcript();
  const Words pids = lines_of("pids");
  ASSERT_EQ(pids.size(), 2U);
  EXPECT_FALSE(is_gone(std::stoi(pids[0])) || is_gone(std::stoi(pids[1])));
  wait_for_renewals(1);
  for (const std::string& pid : pids) {
    EXPECT_TRUE(eventually([&] { return is_gone(std::stoi(pid)); }));
  }
  EXPECT_TRUE(elector.process().says("killed it"));
  expect_one_line(elector.process().err(), {"warning", "job-a", "hook"});
  EXPECT_TRUE(elector.is("leader"));
}

TEST_F(ElectHooksTest, HookThatHangsAtTheEndIsKilledAfterATtl) {
  const std::string program = hook("echo $$ >>$folder/pids; exec sleep 1000\n");
  Elector elector(options_for("web-1", "1", {"--on-follower", program}));
  ASSERT_TRUE(elector.is("leader"));
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(value(), "(nil)");
  ASSERT_EQ(lines_of("pids").size(), 1U);
  EXPECT_TRUE(eventually([&] { return is_gone(std::stoi(lines_of("pids")[0])); }));
}

TEST_F(ElectHooksTest, ProgramThatIsMissingIsToldAndEndsNothing) {
  Elector elector(options_for("web-1", "3", {"--on-leader", "/nowhere/at/all x"}));
  ASSERT_TRUE(elector.process().says("hook"));
  expect_one_line(elector.process().err(), {"cannot execute", "job-a", "No such file"});
  wait_for_renewals(1);
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectHooksTest, HookThatFailsIsTold) {
  Elector elector(options_for("web-1", kLong, {"--on-leader", hook("exit 3\n")}));
  ASSERT_TRUE(elector.process().says("status 3"));
  expect_one_line(elector.process().err(), {"warning", "job-a", "hook"});
  Elector other(on(server_, {"--key", "other", "--on-leader", hook("kill -9 $$\n", "dies")}));
  ASSERT_TRUE(other.process().says("signal 9"));
}

TEST_F(ElectHooksTest, HooksOfManyKeysRunAFewAtATime) {
  constexpr std::size_t kKeys = 40;
  constexpr std::size_t kMostAtOnce = 16;
  const std::string program = logging_hook(kUntilLetGo);
  Elector elector(joined(on(server_, {"--ttl", kLong, "--on-leader", program}), many_keys(kKeys)));
  ASSERT_TRUE(eventually([&] { return elector.count("leader") == kKeys; }));
  ASSERT_TRUE(eventually([&] { return log().size() == kMostAtOnce; })) << log().size();
  // The others have had all the time that it takes a process to look for itself.
  EXPECT_FALSE(eventually([&] { return log().size() > kMostAtOnce; }, 100ms));
  let_go();
  ASSERT_TRUE(eventually([&] { return log().size() == kKeys; })) << log().size();
  const Words told = log();
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), kKeys);
}

}  // namespace
}  // namespace cluster_leader
