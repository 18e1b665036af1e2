#include "store/location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace cluster_leader {
namespace {

std::optional<Location> parsed(const std::string& url) {
  std::string fault;
  auto location = parse_location(url, fault);
  EXPECT_TRUE(location.has_value()) << url << ": " << fault;
  return location;
}

RedisLocation redis(const std::string& url) {
  const auto location = parsed(url);
  const auto* redis = location ? std::get_if<RedisLocation>(&*location) : nullptr;
  EXPECT_NE(redis, nullptr) << url;
  return redis != nullptr ? *redis : RedisLocation{};
}

std::string directory(const std::string& url) {
  const auto location = parsed(url);
  const auto* file = location ? std::get_if<FileLocation>(&*location) : nullptr;
  EXPECT_NE(file, nullptr) << url;
  return file != nullptr ? file->directory : "";
}

/// Why `url` is refused; empty if it is not.
std::string fault_of(const std::string& url) {
  std::string fault;
  if (parse_location(url, fault)) return "";
  EXPECT_FALSE(fault.empty()) << url;
  EXPECT_EQ(fault.find('\n'), std::string::npos) << url;
  return fault;
}

TEST(LocationTest, SeveralServersHaveAMessageOfTheirOwn) {
  for (const char* url : {"redis://a,redis://b", "redis://:p@a,redis://:p@b:7",
                          "redis://a redis://b", "redis://a, rediss://b", "unix:///a,unix:///b"}) {
    EXPECT_THAT(fault_of(url), testing::HasSubstr("several servers")) << url;
  }
  EXPECT_EQ(redis("redis://:a,b@h").host, "h");
}

TEST(LocationTest, AHostIsANameOrAnAddress) {
  for (const char* host : {"redis", "cache-1.example_net", "127.0.0.1", "::1", "fe80::1"}) {
    EXPECT_TRUE(is_host(host)) << host;
  }
  for (const char* host : {"redis://h", "h:6379", "[::1]", "a b", "h/1", "\xff"}) {
    EXPECT_FALSE(is_host(host)) << host;
  }
  EXPECT_FALSE(is_host(std::string(254, 'h')));
}

TEST(LocationTest, AHostIsEnough) {
  const RedisLocation location = redis("redis://cache-1.example_net");
  EXPECT_EQ(location.host, "cache-1.example_net");
  EXPECT_EQ(location.port, 6379);
  EXPECT_EQ(location.db, 0);
  EXPECT_EQ(location.socket_path, "");
  EXPECT_EQ(location.credentials.user, "");
  EXPECT_EQ(location.credentials.password, "");
}

TEST(LocationTest, EveryPartOfARedisUrlIsRead) {
  const RedisLocation location = redis("redis://app:se%20cr%3aet@10.0.0.7:6380/15");
  EXPECT_EQ(location.host, "10.0.0.7");
  EXPECT_EQ(location.port, 6380);
  EXPECT_EQ(location.db, 15);
  EXPECT_EQ(location.credentials.user, "app");
  EXPECT_EQ(location.credentials.password, "se cr:et");
}

TEST(LocationTest, APasswordNeedsNoUserAndAUserNoPassword) {
  EXPECT_EQ(redis("redis://:pw@h").credentials.user, "");
  EXPECT_EQ(redis("redis://:pw@h").credentials.password, "pw");
  EXPECT_EQ(redis("redis://app@h").credentials.user, "app");
  EXPECT_EQ(redis("redis://app@h").credentials.password, "");
  EXPECT_EQ(redis("redis://@h").credentials.user, "");
}

TEST(LocationTest, APasswordMayContainColonsAndAts) {
  EXPECT_EQ(redis("redis://app:a:b@c@h").credentials.password, "a:b@c");
  EXPECT_EQ(redis("redis://app:a:b@c@h").host, "h");
}

TEST(LocationTest, AnIpv6AddressIsInBrackets) {
  EXPECT_EQ(redis("redis://[::1]").host, "::1");
  EXPECT_EQ(redis("redis://u:p@[fd00::7]:7000/3").host, "fd00::7");
  EXPECT_EQ(redis("redis://u:p@[fd00::7]:7000/3").port, 7000);
  EXPECT_NE(fault_of("redis://::1"), "");
  EXPECT_NE(fault_of("redis://[::1"), "");
  EXPECT_NE(fault_of("redis://[]"), "");
  EXPECT_NE(fault_of("redis://[1.2.3.4]"), "");
  EXPECT_NE(fault_of("redis://[::1]6379"), "");
  EXPECT_NE(fault_of("redis://[::1]:"), "");
}

TEST(LocationTest, TheSchemeIgnoresCase) { EXPECT_EQ(redis("REDIS://h").host, "h"); }

TEST(LocationTest, ATrailingSlashIsTheFirstDatabase) { EXPECT_EQ(redis("redis://h/").db, 0); }

TEST(LocationTest, APortIsFrom1To65535) {
  EXPECT_EQ(redis("redis://h:1").port, 1);
  EXPECT_EQ(redis("redis://h:65535").port, 65535);
  for (const char* port : {"0", "65536", "", "-1", "+1", "6379x", "0x10", "99999999999999999999"}) {
    EXPECT_NE(fault_of(std::string("redis://h:") + port), "") << port;
  }
}

TEST(LocationTest, ADatabaseIsANumberFrom0) {
  EXPECT_EQ(redis("redis://h/2147483647").db, 2147483647);
  for (const char* db : {"-1", "+1", "x", "1/", "1/2", "/1", "2147483648", "%31"}) {
    EXPECT_NE(fault_of(std::string("redis://h/") + db), "") << db;
  }
}

TEST(LocationTest, AUrlWithoutAHostIsRefused) {
  for (const char* url :
       {"redis://", "redis:///2", "redis://:6379", "redis://u:p@", "redis://@/1"}) {
    EXPECT_NE(fault_of(url).find("no host"), std::string::npos) << url;
  }
}

TEST(LocationTest, OtherTextsThanUrlsAreRefused) {
  for (const char* url : {"", "localhost", "localhost:6379", "redis:h", "redis:/h", "://h", "/tmp",
                          "redis://h h", " redis://h", "redis://h\n", "redis://h\t", "redis://h#1",
                          "redis://h,i", "redis://h%20", "redis://h\xC3\xA9"}) {
    EXPECT_NE(fault_of(url), "") << url;
  }
  EXPECT_NE(fault_of(std::string("redis://h\0i", 11)), "");
}

TEST(LocationTest, TheDatabaseMayBeAParameter) {
  EXPECT_EQ(redis("redis://h?db=4").db, 4);
  EXPECT_EQ(redis("rediss://h:1/?db=4").db, 4);
  for (const char* url : {"redis://h?", "redis://h?db", "redis://h?db=", "redis://h?db=x",
                          "redis://h?DB=1", "redis://h/1?db=2", "redis://h?db=1&db=2"}) {
    EXPECT_NE(fault_of(url), "") << url;
  }
}

TEST(LocationTest, OtherParametersAreRefusedOrNamed) {
  EXPECT_EQ(fault_of("redis://h:1?db=1&timeout=5s"),
            "'redis://h:1?***' has a parameter after the ?; only ?db=N is allowed");
  std::string fault;
  std::vector<std::string> unknown;
  const auto location =
      parse_location("redis://h?timeout=5s&db=3&&protocol&password=hush", fault, &unknown);
  ASSERT_TRUE(location) << fault;
  EXPECT_EQ(std::get<RedisLocation>(*location).db, 3);
  EXPECT_THAT(unknown, testing::ElementsAre("timeout", "a parameter without a value", "password"));
  EXPECT_TRUE(parse_location("unix:///s?timeout=1", fault, &unknown));
  // It may be the end of a password.
  EXPECT_FALSE(parse_location("redis://u:1?hush@h", fault, &unknown));
  EXPECT_EQ(fault, "'redis://***' has an @ after a ?; write %3F for a ? in a password");
}

TEST(LocationTest, AFaultQuotesWhatCannotBeAPassword) {
  const std::pair<const char*, const char*> quoted[] = {
      {"redis://h:x", "'redis://***' has a port"},
      {"REDISS://u:hush@[::1]:0/3", "'rediss://***' has a port"},
      {"redis://[::1]:0/3", "'redis://[::1]:0/3' has a port"},
      {"redis://h:99999", "'redis://h:99999' has a port"},
      {"redis://h:1/x?y", "'redis://***' has a database"},
      {"redis://h h", "'redis://***' has a blank"},
      {"http://h:80/1", "'http://h:80/1' is a URL of an unknown kind"},
      {"hush://h", "'***' is a URL of an unknown kind"},
      {"unix:///", "'unix:///' needs three slashes"},
      {"file:///d?hush", "'file:///d?***' has a ?"},
      {"file://hush", "'file://***' needs three slashes"},
      {"localhost:6379", "'localhost:6379' is not a URL; write redis://localhost:6379"},
      {"h:1/2", "'h:1/2' is not a URL; write redis://h:1/2"},
      {"u:hush@h:1", "'***' is not a URL like redis://HOST"},
      {"hush", "'***' is not a URL like redis://HOST"}};
  for (const auto& [url, fault] : quoted) EXPECT_THAT(fault_of(url), testing::StartsWith(fault));
}

TEST(LocationTest, ABadEscapeIsRefused) {
  for (const char* escape : {"%", "%2", "%2g", "%g2", "%%41", "%-1", "%+1", "% 1", "%00"}) {
    EXPECT_NE(fault_of(std::string("redis://u:a") + escape + "@h"), "") << escape;
    EXPECT_NE(fault_of(std::string("file:///a") + escape), "") << escape;
  }
}

TEST(LocationTest, AUnixSocketIsAPath) {
  EXPECT_EQ(redis("unix:///run/redis.sock").socket_path, "/run/redis.sock");
  EXPECT_EQ(redis("unix:///run/redis.sock").db, 0);
  EXPECT_EQ(redis("unix:///run/re%20dis.sock?db=4").socket_path, "/run/re dis.sock");
  EXPECT_EQ(redis("unix:///run/re%20dis.sock?db=4").db, 4);
  const RedisLocation location = redis("unix://app:p%40w@/run/r@1.sock");
  EXPECT_EQ(location.socket_path, "/run/r@1.sock");
  EXPECT_EQ(location.credentials.user, "app");
  EXPECT_EQ(location.credentials.password, "p@w");
  for (const char* url :
       {"unix://", "unix:///", "unix://run/redis.sock", "unix:///s?", "unix:///s?db",
        "unix:///s?db=", "unix:///s?db=x", "unix:///s?db=1&x=2", "unix:///s?DB=1"}) {
    EXPECT_NE(fault_of(url), "") << url;
  }
}

TEST(LocationTest, AUnixSocketsPathFitsItsAddress) {
  EXPECT_EQ(redis("unix:///" + std::string(106, 'x')).socket_path.size(), 107U);
  EXPECT_NE(fault_of("unix:///" + std::string(107, 'x')), "");
}

TEST(LocationTest, ADirectoryIsAbsolute) {
  EXPECT_EQ(directory("file:///var/lock/jobs"), "/var/lock/jobs");
  EXPECT_EQ(directory("file:///a%20b/%C3%A9@"), "/a b/\xC3\xA9@");
  for (const char* url : {"file://", "file://relative", "file://relative/dir", "file://u@/dir",
                          "file:dir", "file:/dir", "file:///dir?x"}) {
    EXPECT_NE(fault_of(url), "") << url;
  }
}

TEST(LocationTest, RedissIsTlsAndValkeyMeansTheSame) {
  EXPECT_FALSE(redis("redis://h").tls);
  EXPECT_FALSE(redis("valkey://h").tls);
  EXPECT_TRUE(redis("rediss://h").tls);
  EXPECT_TRUE(redis("VALKEYS://h:1/2").tls);
  EXPECT_EQ(describe(*parsed("valkeys://app:hush@h/2")), "rediss://app:***@h:6379/2");
}

ClusterLocation cluster(const std::string& url) {
  const auto location = parsed(url);
  const auto* cluster = location ? std::get_if<ClusterLocation>(&*location) : nullptr;
  EXPECT_NE(cluster, nullptr) << url;
  return cluster != nullptr ? *cluster : ClusterLocation{};
}

TEST(LocationTest, EveryPartOfAUrlOfAClusterIsRead) {
  const ClusterLocation location = cluster("redis+cluster://app:s%3a@n1,[fd00::7]:7000,10.0.0.3");
  ASSERT_EQ(location.nodes.size(), 3U);
  EXPECT_EQ(location.nodes[0], (Endpoint{"n1", 6379}));
  EXPECT_EQ(location.nodes[1], (Endpoint{"fd00::7", 7000}));
  EXPECT_EQ(location.nodes[2], (Endpoint{"10.0.0.3", 6379}));
  EXPECT_EQ(location.node.credentials.user, "app");
  EXPECT_EQ(location.node.credentials.password, "s:");
  EXPECT_FALSE(location.node.tls);
  EXPECT_TRUE(cluster("rediss+cluster://n1").node.tls);
  EXPECT_TRUE(cluster("valkeys-cluster://n1/0").node.tls);
  EXPECT_FALSE(cluster("VALKEY+cluster://n1/?db=0").node.tls);
  EXPECT_EQ(describe(*parsed("valkey-cluster://app:hush@n1,n2:7000/")),
            "redis+cluster://app:***@n1:6379,n2:7000");
}

TEST(LocationTest, AUrlOfAClusterThatMakesNoSenseIsRefused) {
  EXPECT_EQ(fault_of("redis+cluster://n1/1"),
            "'redis+cluster://n1/1' names a database, and a cluster has only 0");
  EXPECT_NE(fault_of("redis+cluster://n1?db=2").find("only 0"), std::string::npos);
  EXPECT_NE(fault_of("redis+cluster://n1,n1:6379").find("names a node twice"), std::string::npos);
  for (const char* url : {"redis+cluster://", "redis+cluster://n1,", "redis+cluster://n1/name",
                          "redis+cluster://n1:0", "unix+cluster://n1", "redis+clusters://n1"}) {
    const std::string fault = fault_of(url);
    EXPECT_NE(fault, "") << url;
  }
  EXPECT_EQ(fault_of("redis+cluster://user:hush@h/name").find("hush"), std::string::npos);
}

SentinelLocation sentinels(const std::string& url) {
  const auto location = parsed(url);
  const auto* sentinels = location ? std::get_if<SentinelLocation>(&*location) : nullptr;
  EXPECT_NE(sentinels, nullptr) << url;
  return sentinels != nullptr ? *sentinels : SentinelLocation{};
}

TEST(LocationTest, EveryPartOfAUrlOfSentinelsIsRead) {
  const SentinelLocation location =
      sentinels("redis+sentinel://app:s%3a@s1,[fd00::7]:7000,10.0.0.3:26380/my%20master/2");
  ASSERT_EQ(location.sentinels.size(), 3U);
  EXPECT_EQ(location.sentinels[0], (Endpoint{"s1", 26379}));
  EXPECT_EQ(location.sentinels[1], (Endpoint{"fd00::7", 7000}));
  EXPECT_EQ(location.sentinels[2], (Endpoint{"10.0.0.3", 26380}));
  EXPECT_EQ(location.monitor, "my master");
  EXPECT_EQ(location.server.db, 2);
  EXPECT_FALSE(location.server.tls);
  // The login in the URL is for the server.
  EXPECT_EQ(location.server.credentials.user, "app");
  EXPECT_EQ(location.server.credentials.password, "s:");
  EXPECT_EQ(location.credentials.user, "");
  EXPECT_EQ(sentinels("redis+sentinel://s/m?db=3").server.db, 3);
}

TEST(LocationTest, SentinelsHaveSchemesInManySpellings) {
  for (const char* scheme :
       {"redis+sentinel", "redis-sentinel", "valkey+sentinel", "valkey-sentinel"}) {
    EXPECT_FALSE(sentinels(std::string(scheme) + "://s/m").server.tls) << scheme;
  }
  for (const char* scheme :
       {"rediss+sentinel", "rediss-sentinel", "valkeys+sentinel", "valkeys-sentinel"}) {
    EXPECT_TRUE(sentinels(std::string(scheme) + "://s/m").server.tls) << scheme;
  }
}

TEST(LocationTest, AWrongUrlOfSentinelsIsRefused) {
  for (const char* url :
       {"redis+sentinel://", "redis+sentinel:///m", "redis+sentinel://s", "redis+sentinel://s/",
        "redis+sentinel://s,/m", "redis+sentinel://s,s/m", "redis+sentinel://s:0/m",
        "redis+sentinel://s/m/x", "redis+sentinel://s/m/1/2", "redis+sentinel://s/m/1?db=2",
        "unix+sentinel://s/m", "redis+sentinels://s/m"}) {
    EXPECT_NE(fault_of(url), "") << url;
  }
  EXPECT_THAT(fault_of("redis+sentinel://a:1,b:2"),
              testing::AllOf(testing::HasSubstr("'redis+sentinel://a:1,b:2'"),
                             testing::HasSubstr("does not name the primary")));
  EXPECT_THAT(fault_of("redis+sentinel://u:hush@a,b"), testing::Not(testing::HasSubstr("hush")));
}

TEST(LocationTest, SeveralUrlsOfSentinelsAreNoList) {
  EXPECT_THAT(fault_of("redis+sentinel://a/m,redis+sentinel://b/m"),
              testing::HasSubstr("several servers"));
}

TEST(LocationTest, AnUnknownKindNamesTheKnownOnes) {
  const std::string fault = fault_of("http://user:hush@h");
  for (const char* known : {"redis://", "rediss://", "unix://", "file://"}) {
    EXPECT_NE(fault.find(known), std::string::npos) << fault;
  }
}

TEST(LocationTest, NoFaultContainsThePassword) {
  for (const char* url : {"redis://u:hush@h:x",
                          "redis://u:hush@",
                          "redis://u:hush@h/x",
                          "redis://u:hu%sh@h",
                          "redis://u:hush",
                          "redis://u:h/hush@h",
                          "redis://u:h?hush@h",
                          "redis://u:h#hush@h",
                          "redis://:hush @h",
                          "redis:u:hush@h",
                          "u:hush@h",
                          "hush",
                          "hush://h",
                          "hush@redis://h",
                          "rediss://u:hush@h",
                          "unix://u:hush@",
                          "unix://u:hush@/s?x=1",
                          "file://u:hush@/d",
                          "redis://u:hush@[::1",
                          "redis://u:hush@h,i"}) {
    EXPECT_EQ(fault_of(url).find("hush"), std::string::npos) << url;
  }
}

TEST(LocationTest, ADescriptionHasNoSecret) {
  EXPECT_EQ(describe(*parsed("redis://h")), "redis://h:6379");
  EXPECT_EQ(describe(*parsed("redis://app:hush@h:7000/3")), "redis://app:***@h:7000/3");
  EXPECT_EQ(describe(*parsed("redis://:hush@h")), "redis://***@h:6379");
  EXPECT_EQ(describe(*parsed("redis://[fd00::7]:7000")), "redis://[fd00::7]:7000");
  EXPECT_EQ(describe(*parsed("valkeys-sentinel://app:hush@a,[::1]:7/m%2fn/3")),
            "rediss+sentinel://app:***@a:26379,[::1]:7/m%2Fn/3");
  EXPECT_EQ(describe(*parsed("unix://app:hush@/run/a%3Fb.sock?db=2")),
            "unix://app:***@/run/a%3Fb.sock?db=2");
  EXPECT_EQ(describe(*parsed("file:///var/lock/a%20b")), "file:///var/lock/a%20b");
  RedisLocation location;
  location.credentials = {"app", "", "/run/secrets/hush"};
  EXPECT_EQ(describe(location), "redis://app:***@redis:6379");
}

TEST(LocationTest, AUserWithoutAPasswordMayBeAPassword) {
  EXPECT_EQ(describe(*parsed("redis://hush@h")), "redis://***@h:6379");
}

TEST(LocationTest, ADescriptionIsAUrlOfTheSameLocation) {
  for (const char* url : {"redis://h", "redis://[::1]:7/9", "redis+sentinel://a,b:1/%20m/9",
                          "unix:///a%20b%25%3F%40?db=3", "file:///x%0A%C3%A9%3F%23", "file:///",
                          "redis://a%3Ab:c@h"}) {
    const std::string text = describe(*parsed(url));
    EXPECT_EQ(describe(*parsed(text)), text) << url;
  }
}

/// URLs with a few bytes changed, so that most of them reach deep into the parser.
TEST(LocationTest, NoBytesCrashItOrShowThePassword) {
  const std::vector<std::string> seeds = {
      "redis://app:HUSHHUSH@host:6379/2", "redis://:HUSHHUSH@[fd00::1]:6379/2",
      "unix://app:HUSHHUSH@/run/redis.sock?db=3", "file:///var/lib/cluster-leader",
      "redis+sentinel://app:HUSHHUSH@a:1,b:2/main"};
  const std::string alphabet = "%:/@?#[]0123456789aF.-_ \n=&";
  std::mt19937 random(20261123);
  const auto below = [&random](std::size_t n) { return random() % n; };
  int understood = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string url = seeds[below(seeds.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
      const char c =
          below(8) == 0 ? static_cast<char>(below(256)) : alphabet[below(alphabet.size())];
      const std::size_t at = below(url.size());
      switch (below(4)) {
        case 0:
          url[at] = c;
          break;
        case 1:
          url.insert(at, 1, c);
          break;
        case 2:
          url.erase(at, 1 + below(3));
          break;
        default:
          url.resize(at + 1);
          break;
      }
      if (url.empty()) url = "x";
    }
    std::string fault;
    const auto location = parse_location(url, fault);
    // Without both of the characters around it, it is a host, which every message shows.
    const std::size_t scheme = url.find("://");
    const bool is_host = scheme != url.npos && url.find('@') == url.npos &&
                         url.find_first_of(":/?", scheme + 3) > url.find("HUSH");
    if (!is_host) {
      ASSERT_EQ(fault.find("HUSH"), std::string::npos) << url;
    }
    if (!location) {
      ASSERT_FALSE(fault.empty()) << url;
      continue;
    }
    ++understood;
    const std::string text = describe(*location);
    const auto again = parse_location(text, fault);
    ASSERT_TRUE(again.has_value()) << url << " became " << text << ": " << fault;
    ASSERT_EQ(again->index(), location->index()) << url;
    ASSERT_EQ(describe(*again), text) << url;
    if (const auto* redis = std::get_if<RedisLocation>(&*location)) {
      ASSERT_GE(redis->db, 0);
      ASSERT_NE(redis->port, 0);
      ASSERT_TRUE(!redis->host.empty());
      const auto& same = std::get<RedisLocation>(*again);
      ASSERT_EQ(same.host, redis->host);
      ASSERT_EQ(same.port, redis->port);
      ASSERT_EQ(same.db, redis->db);
      ASSERT_EQ(same.socket_path, redis->socket_path);
    }
  }
  EXPECT_GT(understood, 10'000);
}

}  // namespace
}  // namespace cluster_leader
