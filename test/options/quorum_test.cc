#include "options/options_fixture.h"

namespace cluster_leader {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class QuorumOptionsTest : public OptionsTest {
 protected:
  using Words = std::vector<std::string>;

  static Words on(const Words& urls, const Words& more = {}) {
    Words words;
    for (const std::string& url : urls) words.insert(words.end(), {"--server", url});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static inline const Words kThree = {"redis://a", "rediss://b:1/2", "unix:///c"};
};

TEST_F(QuorumOptionsTest, SeveralServersAreAQuorum) {
  const Options options = run(on(kThree));
  EXPECT_EQ(options.servers, kThree);
  EXPECT_EQ(options.server, "redis://a rediss://b:1/2 unix:///c");
  EXPECT_EQ(options.server_source, "--server");
  EXPECT_THAT(run(on({"redis://a"})).servers, IsEmpty());
}

TEST_F(QuorumOptionsTest, TheVariableNamesThemWithBlanksBetween) {
  const Options options =
      run({}, {{"CLUSTER_LEADER_SERVER", " redis://a  redis://b\tvalkey://c\n"}});
  EXPECT_THAT(options.servers, ElementsAre("redis://a", "redis://b", "valkey://c"));
  EXPECT_EQ(options.server_source, "CLUSTER_LEADER_SERVER");
  EXPECT_THAT(run({}, {{"REDIS_URL", "redis://a redis://b redis://c"}}).servers, IsEmpty());
}

TEST_F(QuorumOptionsTest, ABlankInAUrlMakesNoList) {
  const std::string url = "redis://:pass word@a";
  const Options options = run({}, {{"CLUSTER_LEADER_SERVER", url}});
  EXPECT_THAT(options.servers, IsEmpty());
  EXPECT_EQ(options.server, url);
}

TEST_F(QuorumOptionsTest, ItHasThreeOrFiveServers) {
  for (const std::size_t count : {2U, 4U, 6U, 7U}) {
    Words urls;
    for (std::size_t i = 0; i < count; ++i) urls.push_back("redis://s" + std::to_string(i));
    EXPECT_THAT(refusal(on(urls)), HasSubstr("--server: a quorum consists of 3 or 5 servers, not " +
                                             std::to_string(count)));
  }
  EXPECT_EQ(
      run(on({"redis://a", "redis://b", "redis://c", "redis://d", "redis://e"})).servers.size(),
      5U);
}

TEST_F(QuorumOptionsTest, NoServerCountsTwice) {
  for (const char* other : {"redis://a", "redis://A:6379", "rediss://u:p@a/3", "valkey://a?db=1"}) {
    EXPECT_EQ(refusal(on({"redis://a", "redis://b", other})),
              "--server: a:6379 is given twice; a quorum needs independent servers");
  }
  EXPECT_THAT(refusal(on({"unix:///s", "redis://b", "unix:///s?db=1"})),
              HasSubstr("/s is given twice"));
  EXPECT_THAT(refusal(on({"redis://[::1]", "redis://b", "redis://[::1]:6379"})),
              HasSubstr("[::1]:6379 is given twice"));
  EXPECT_EQ(run(on({"redis://a", "redis://a:1", "redis://a:2"})).servers.size(), 3U);
}

TEST_F(QuorumOptionsTest, OnlySingleServersArePartOfIt) {
  for (const char* other : {"file:///d", "redis+sentinel://a/m", "redis+cluster://a"}) {
    EXPECT_THAT(
        refusal(on({"redis://a", "redis://b", other})),
        testing::AllOf(testing::StartsWith("--server: "), HasSubstr("cannot be part of a quorum")));
  }
}

TEST_F(QuorumOptionsTest, WhatNeedsASingleServerIsRefused) {
  for (const Words& option : {Words{"--once", "1h"}, Words{"--join"}, Words{"--supersede"},
                              Words{"--sticky"}, Words{"--min-hold", "5"}, Words{"--slots", "3"}}) {
    EXPECT_EQ(
        refusal(on(kThree, option)),
        option.front() + " needs a single server: it cannot be combined with a quorum (--server)");
  }
  for (const Words& option : {Words{"--result"}, Words{"--slot", "1"}}) {
    Words release = on(kThree, option);
    release.insert(release.begin(), "release");
    EXPECT_EQ(usage_error(release), option.front() +
                                        " needs a single server: it cannot be "
                                        "combined with a quorum (--server)");
  }
  EXPECT_THAT(
      refusal({"--port", "1"}, {{"CLUSTER_LEADER_SERVER", "redis://a redis://b redis://c"}}),
      HasSubstr("--port cannot be combined with the several URLs in CLUSTER_LEADER_SERVER"));
}

TEST_F(QuorumOptionsTest, TlsOptionsRequireTlsOnEveryServer) {
  EXPECT_THAT(refusal(on({"rediss://a", "redis://b", "rediss://c"}, {"--tls-ca", "x"})),
              HasSubstr("--tls-ca requires TLS"));
  EXPECT_EQ(run(on({"rediss://a", "rediss://b", "valkeys://c"}, {"--tls-ca", "x"})).tls_ca, "x");
}

}  // namespace
}  // namespace cluster_leader
