// What `elect` says, on the built binary with a real server: which lines there are, what stands in
// them, and many keys at once.
#include <signal.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "base/wall_time.h"
#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ElectLinesTest : public ElectTest {
 protected:
  /// The clients of the server but for the one that asks.
  std::vector<std::string> clients() const {
    std::vector<std::string> found;
    const std::string list = server_.text({"CLIENT", "LIST"});
    for (std::size_t at = 0; at < list.size();) {
      const std::size_t end = list.find('\n', at);
      const std::string client = list.substr(at, end - at);
      if (client.find("cmd=client|list") == client.npos) found.push_back(client);
      at = end + 1;
    }
    return found;
  }
};

constexpr const char* kTime = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z";

TEST_F(ElectLinesTest, FirstLineOfALeaderHasEveryMember) {
  Elector elector(options_for("web-1"));
  ASSERT_TRUE(elector.says({"leader"})) << elector.transcript();
  const StateLine line = elector.last();
  EXPECT_THAT(
      line.text,
      MatchesRegex(std::string("[{]\"time\":\"") + kTime +
                   "\",\"key\":\"job-a\",\"state\":\"leader\",\"node\":\"web-1\","
                   "\"holder\":\"web-1/[0-9a-f]{32}\",\"token\":[0-9]+,"
                   "\"slot\":0,\"leader\":\"web-1\",\"ready_in_ms\":null,\"reason\":null[}]"));
  EXPECT_EQ(line.holder, value());
  EXPECT_EQ(std::to_string(line.token),
            server_.text({"HGET", "cluster-leader:record:{job-a}", "fence"}));
}

TEST_F(ElectLinesTest, FirstLineOfAFollowerNamesTheLeader) {
  Elector leader(options_for("web-1"));
  ASSERT_TRUE(leader.says({"leader"})) << leader.transcript();
  Elector follower(options_for("web-2"));
  ASSERT_TRUE(follower.says({"follower"})) << follower.transcript();
  const StateLine line = follower.last();
  EXPECT_EQ(line.node, "web-2");
  EXPECT_EQ(line.leader, "web-1");
  EXPECT_EQ(line.holder, leader.last().holder);
  EXPECT_EQ(line.token, leader.last().token);
}

TEST_F(ElectLinesTest, FirstLineWithoutAServerSaysDown) {
  const std::string nowhere = "redis://127.0.0.1:" + std::to_string(free_port());
  Elector elector({"--server", nowhere, "--key", "job-a", "--node", "web-1", "--ttl", "1"});
  ASSERT_TRUE(elector.says({"down"})) << elector.transcript();
  const StateLine line = elector.last();
  EXPECT_THAT(line.text, HasSubstr(R"("state":"down","node":"web-1","holder":null,"token":null,)"
                                   R"("slot":null,"leader":null,"ready_in_ms":null,"reason":")"));
  EXPECT_THAT(line.text, HasSubstr("connection refused"));
  EXPECT_EQ(elector.stop().status(), 0);
  expect_one_line(elector.process().err(), {"warning", "job-a", nowhere});
}

TEST_F(ElectLinesTest, FirstLineSaysNoneWhereNobodyLeads) {
  const Ended run =
      run_under_lease(on(server_, {"--key", "job-a", "--min-hold", "600"}), {"true"}).run();
  ASSERT_EQ(run.status(), 0) << run;
  Elector elector(options_for("web-1"));
  EXPECT_TRUE(elector.says({"none"})) << elector.transcript();
}

TEST_F(ElectLinesTest, ServerThatHasJustStartedIsStartingUntilItCanTell) {
  const Server young(REDIS_SERVER);
  Elector elector(on(young, {"--key", "job-a", "--ttl", "1"}));
  EXPECT_TRUE(elector.says({"starting", "leader"})) << elector.transcript();
  const std::string first = elector.lines().front().text;
  EXPECT_THAT(first,
              testing::ContainsRegex("\"leader\":null,\"ready_in_ms\":[1-9][0-9]*,"
                                     "\"reason\":\"the server started [0-9]+ s ago, [^\"]+\"}"));
  EXPECT_THAT(elector.last().text, HasSubstr("\"ready_in_ms\":null,\"reason\":null}"));
}

TEST_F(ElectLinesTest, TimeIsThatOfTheChangeInUtc) {
  const std::int64_t before = wall_clock_ms();
  Elector elector(Elector::command(options_for("web-1")).with("TZ", "Asia/Kathmandu"));
  ASSERT_TRUE(elector.says({"leader"})) << elector.transcript();
  EXPECT_GE(elector.last().at_ms(), before);
  EXPECT_LE(elector.last().at_ms(), wall_clock_ms());
}

TEST_F(ElectLinesTest, EachLineIsOneWriteOfAsciiWhateverTheNames) {
  // A socket that keeps what was one write apart from the next.
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const std::string key = "caf\xc3\xa9 \xf0\x9f\x98\x80 \xff\xc3 \"\\\n\x01/";
  const std::string node =
      "n\xc3\xb6"
      "de\xe2\x82 1";
  Elector elector(Elector::command(on(server_, {"--key", key, "--key", "b", "--node", node}))
                      .give(writer.get(), 1));
  writer.reset();
  std::map<std::string, std::vector<StateLine>> lines;
  const auto read_one = [&] {
    char packet[4096];
    const ssize_t got = ::recv(reader.get(), packet, sizeof packet, 0);
    if (got <= 0) return false;
    const std::string text(packet, static_cast<std::size_t>(got));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_EQ(text.back(), '\n');
    EXPECT_TRUE(std::all_of(text.begin(), text.end() - 1, [](char c) {
      return c >= ' ' && c < 127;
    })) << text;
    const StateLine line = StateLine::parse(text.substr(0, text.size() - 1));
    lines[line.key].push_back(line);
    return true;
  };
  ASSERT_TRUE(read_one() && read_one());
  elector.signal(SIGTERM);
  while (read_one()) {
  }
  EXPECT_EQ(elector.process().wait().status(), 0);
  const std::string shown = "caf\u00e9 \U0001f600 \ufffd\ufffd \"\\\n\x01/";
  ASSERT_THAT(lines, ElementsAre(testing::Key("b"), testing::Key(shown)));
  EXPECT_EQ(lines[shown].front().node,
            "n\u00f6"
            "de\ufffd 1");
  EXPECT_EQ(lines[shown].front().leader, lines[shown].front().node);
  EXPECT_THAT(lines[shown].front().text, HasSubstr(R"(caf\u00e9 \ud83d\ude00 \ufffd)"));
}

TEST_F(ElectLinesTest, ConnectionThatIsMadeAnewIsNoChange) {
  Elector leader(options_for("web-1", "3"));
  ASSERT_TRUE(leader.says({"leader"})) << leader.transcript();
  Elector follower(options_for("web-2", "3"));
  ASSERT_TRUE(follower.says({"follower"})) << follower.transcript();
  for (int i = 0; i < 4; ++i) {
    const std::size_t before = clients().size();
    EXPECT_GE(server_.integer({"CLIENT", "KILL", "TYPE", "normal"}) +
                  server_.integer({"CLIENT", "KILL", "TYPE", "pubsub"}),
              2);
    wait_for_renewals(1);
    EXPECT_TRUE(eventually([&] { return clients().size() == before; }));
  }
  EXPECT_THAT(leader.states(), ElementsAre("leader"));
  EXPECT_THAT(follower.states(), ElementsAre("follower"));
  EXPECT_EQ(leader.process().err() + follower.process().err(), "");
  // It hears again of what happens.
  EXPECT_EQ(leader.stop().status(), 0);
  EXPECT_TRUE(follower.is("leader"));
}

TEST_F(ElectLinesTest, OutputForPeopleIsOneLineAsWell) {
  Elector leader(options_for("web-1", kLong, {"--output", "text"}));
  ASSERT_TRUE(leader.process().says("\n"));
  Elector follower(options_for("web-2", kLong, {"--output", "text"}));
  ASSERT_TRUE(follower.process().says("\n"));
  EXPECT_EQ(leader.stop().status(), 0);
  ASSERT_TRUE(follower.process().says(" leader\n"));
  // What came in between may have been over when it could be said.
  EXPECT_THAT(leader.process().out(),
              MatchesRegex(std::string(kTime) + " job-a leader\n(" + kTime + " job-a none\n)?(" +
                           kTime + " job-a follower of web-2\n)?"));
  EXPECT_THAT(follower.process().out(),
              MatchesRegex(std::string(kTime) + " job-a follower of web-1\n(" + kTime +
                           " job-a none\n)?" + kTime + " job-a leader\n"));
}

TEST_F(ElectLinesTest, OutputCanBeNothing) {
  Elector elector(options_for("web-1", kLong, {"--output", "none"}));
  ASSERT_TRUE(eventually([&] { return server_.integer({"EXISTS", "job-a"}) == 1; }));
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.out + ended.err, "");
}

TEST_F(ElectLinesTest, KeyIsNamedAsTheUserWroteItAndHasItsPrefixOnTheServer) {
  Elector elector(options_for("web-1", kLong, {"--prefix", "prod:"}));
  ASSERT_TRUE(elector.says({"leader"})) << elector.transcript();
  EXPECT_EQ(value("prod:job-a"), elector.last().holder);
  EXPECT_EQ(value("job-a"), "(nil)");
}

TEST_F(ElectLinesTest, SeveralKeysShareOneConnection) {
  Elector elector(on(server_, {"--key", "a", "--key", "b", "--key", "c", "--node", "web-1"}));
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(elector.says({"leader"}, key));
  const auto found = clients();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found.front(), HasSubstr(" name=cluster-leader "));
  // Each lease is one of its own.
  EXPECT_NE(elector.last("a").holder, elector.last("b").holder);
}

TEST_F(ElectLinesTest, HundredsOfKeysAreLedAndReleasedAtTheEnd) {
  constexpr int kKeys = 300;
  Elector elector(joined(on(server_, {"--ttl", kLong}), many_keys(kKeys)));
  ASSERT_TRUE(eventually([&] { return elector.count("leader") == kKeys; }))
      << elector.count("leader");
  EXPECT_EQ(elector.lines().size(), std::size_t{kKeys}) << "one line of each";
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(elector.count("none"), kKeys);
  // The records stay, and no lock.
  EXPECT_EQ(server_.integer({"DBSIZE"}), kKeys);
  EXPECT_EQ(value("key-17"), "(nil)");
}

TEST_F(ElectLinesTest, HundredsOfKeysAreRenewedInTime) {
  constexpr int kKeys = 300;
  Elector elector(joined(on(server_, {"--ttl", "6"}), many_keys(kKeys)));
  ASSERT_TRUE(eventually([&] { return elector.count("leader") == kKeys; }));
  wait_for_renewals(2 * kKeys);
  EXPECT_EQ(elector.lines().size(), std::size_t{kKeys}) << elector.process().err();
}

TEST_F(ElectLinesTest, NoKeyOfManyIsLedByTwo) {
  constexpr int kKeys = 300;
  Elector first(joined(on(server_, {"--ttl", kLong, "--node", "web-1"}), many_keys(kKeys)));
  Elector second(joined(on(server_, {"--ttl", kLong, "--node", "web-2"}), many_keys(kKeys, true)));
  const auto all_settled = [&] {
    return first.count("leader") + second.count("leader") == kKeys &&
           first.count("follower") + second.count("follower") == kKeys;
  };
  ASSERT_TRUE(eventually(all_settled))
      << first.count("leader") << " and " << second.count("leader");
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = "key-" + std::to_string(i);
    EXPECT_EQ(first.last(key).holder, second.last(key).holder) << key;
    EXPECT_EQ(first.last(key).token, second.last(key).token) << key;
  }
  EXPECT_EQ(first.stop().status(), 0);
  EXPECT_TRUE(eventually([&] { return second.count("leader") == kKeys; }))
      << second.count("leader");
}

/// What is wrong from the beginning is told as by `run`.
class ElectBadInputTest : public ElectTest {};

TEST_F(ElectBadInputTest, UsageIs64AndOneLine) {
  const std::vector<std::pair<Words, Words>> cases = {
      {{"--key", "a", "--key", "a"}, {"twice"}},
      {{"--key", ""}, {"empty"}},
      {{"--key", "a", "--key", "b", "--", "true"}, {"one key"}},
      {{"--on-exit", "exit"}, {"--on-exit"}},
      {{"--wait", "3"}, {"--wait"}},
      {{"true"}, {"--"}},
  };
  for (const auto& [words, parts] : cases) {
    expect_failure(Elector::command(joined(on(server_), words)).run(), 64, parts);
  }
}

TEST_F(ElectBadInputTest, UrlThatMakesNoSenseIs78) {
  expect_failure(Elector::command({"--server", "http://127.0.0.1"}).run(), 78, {"URL", "redis://"});
}

TEST_F(ElectBadInputTest, KeyOfAnotherTypeIs78) {
  server_.integer({"RPUSH", "job-a", "x"});
  const Ended ended = Elector::command(options_for("web-1")).run();
  EXPECT_EQ(ended.status(), 78) << ended;
  expect_one_line(ended.err, {"job-a", url_of(server_)});
}

TEST_F(ElectBadInputTest, WrongPasswordIs77) {
  server_.text({"ACL", "SETUSER", "app", "on", ">right", "~*", "&*", "+@all"});
  const Ended ended = Elector::command(options_for("web-1", kLong, {"--user", "app"}))
                          .with("REDIS_PASSWORD", "a secret")
                          .run();
  EXPECT_EQ(ended.status(), 77) << ended;
  expect_one_line(ended.err, {"job-a", std::to_string(server_.port()), "password"});
  EXPECT_EQ(ended.err.find("a secret"), ended.err.npos);
}

TEST_F(ElectBadInputTest, WhatIsWrongForAllKeysIsSaidOnce) {
  server_.text({"ACL", "SETUSER", "default", "resetkeys", "~allowed"});
  const Ended ended = Elector::command(joined(on(server_), many_keys(50))).run();
  EXPECT_EQ(ended.status(), 77) << ended;
  expect_one_line(ended.err, {"key-", url_of(server_)});
}

TEST_F(ElectBadInputTest, WrongKeyAmongOthersLeavesNoneOfThemHeld) {
  server_.integer({"RPUSH", "wrong", "x"});
  for (const Words& keys : {Words{"--key", "a", "--key", "wrong", "--key", "b"},
                            Words{"--key", "wrong", "--key", "a", "--key", "b"}}) {
    const Ended ended = Elector::command(joined(on(server_, {"--ttl", kLong}), keys)).run();
    EXPECT_EQ(ended.status(), 78) << ended;
    expect_one_line(ended.err, {"wrong", url_of(server_)});
    EXPECT_EQ(value("a"), "(nil)");
    EXPECT_EQ(value("b"), "(nil)");
  }
}

TEST_F(ElectBadInputTest, StopBeforeTheServerHasAnsweredIs0) {
  server_.pause();
  Elector elector(options_for("web-1"));
  const pid_t keeper = elector.keeper();
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  server_.resume();
  EXPECT_TRUE(eventually([&] { return is_gone(keeper); }));
  // What the server found when it went on was the end of it all.
  EXPECT_EQ(value(), "(nil)");
}

}  // namespace
}  // namespace cluster_leader
