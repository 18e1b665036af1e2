#include "support/sentinel_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "support/command.h"
#include "support/replication.h"

namespace cluster_leader {

namespace {

/// A field of SENTINEL MASTER; empty if there is none.
std::string fact(const Server& sentinel, const std::string& name) {
  const ServerReply reply = sentinel.command({"SENTINEL", "MASTER", "mymaster"});
  for (std::size_t i = 0; i + 1 < reply->elements; i += 2) {
    if (reply->element[i]->str == name) return reply->element[i + 1]->str;
  }
  return "";
}

}  // namespace

SentinelWorld::SentinelWorld(const std::string& program) {
  for (int i = 0; i < 3; ++i) {
    servers_.push_back(std::make_unique<GrownServer>(std::vector<std::string>(), program));
  }
  for (int i = 1; i < 3; ++i) replicate(server(0), server(i));
  for (int i = 0; i < 3; ++i) {
    sentinels_.push_back(std::make_unique<Server>(
        program, std::vector<std::string>{"--sentinel"},
        "sentinel monitor mymaster 127.0.0.1 " + std::to_string(server(0).port()) +
            " 2\nsentinel down-after-milliseconds mymaster 1000\n"
            "sentinel failover-timeout mymaster 10000\n"));
    // So that they soon know each other.
    sentinel(i).command({"SENTINEL", "DEBUG", "PUBLISH-PERIOD", "100"});
  }
  for (const auto& one : sentinels_) {
    EXPECT_TRUE(eventually([&] {
      return fact(*one, "num-other-sentinels") == "2" && fact(*one, "num-slaves") == "2";
    }));
  }
}

std::string SentinelWorld::url(std::size_t count, const std::string& monitor) const {
  std::string url = "redis+sentinel://";
  for (std::size_t i = 0; i < count; ++i) {
    url += (i == 0 ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(sentinels_[i]->port());
  }
  return url + '/' + monitor;
}

SentinelLocation SentinelWorld::location() const {
  SentinelLocation location;
  for (const auto& one : sentinels_) location.sentinels.push_back({"127.0.0.1", one->port()});
  location.monitor = "mymaster";
  return location;
}

std::uint16_t SentinelWorld::named_by(const Server& sentinel) const {
  try {
    const ServerReply reply = sentinel.command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"});
    if (reply->elements != 2) return 0;
    return static_cast<std::uint16_t>(std::atoi(reply->element[1]->str));
  } catch (const std::runtime_error&) {
    return 0;  // It is down, or stopped.
  }
}

std::size_t SentinelWorld::primary() const {
  std::vector<std::uint16_t> named;
  for (const auto& one : sentinels_) named.push_back(named_by(*one));
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (std::count(named.begin(), named.end(), servers_[i]->port()) >= 2) return i;
  }
  return servers_.size();
}

void SentinelWorld::fail_over() {
  const std::size_t before = primary();
  EXPECT_EQ(sentinel(0).text({"SENTINEL", "FAILOVER", "mymaster"}), "OK");
  await_another(before);
}

void SentinelWorld::await_another(std::size_t before) const {
  EXPECT_TRUE(eventually([&] {
    const std::size_t now = primary();
    return now != before && now < servers_.size();
  }));
}

}  // namespace cluster_leader
