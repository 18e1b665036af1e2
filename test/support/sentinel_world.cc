#include "support/sentinel_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "support/command.h"
#include "support/replication.h"
#include "support/tls_redis.h"

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

SentinelWorld::SentinelWorld(const SentinelSettings& settings) : settings_(settings) {
  for (std::size_t i = 0; i < 3; ++i) start_server(i);
  for (std::size_t i = 1; i < 3; ++i) replicate(server(0), server(i), endpoint(0));
  for (std::size_t i = 0; i < 3; ++i) start_sentinel(i);
  for (const auto& one : sentinels_) {
    EXPECT_TRUE(eventually([&] {
      return fact(*one, "num-other-sentinels") == "2" && fact(*one, "num-slaves") == "2";
    }));
  }
}

std::string SentinelWorld::host(std::size_t machine) const {
  return settings_.names.empty() ? "127.0.0.1" : settings_.names[machine];
}

Endpoint SentinelWorld::endpoint(std::size_t number) const {
  return {host(number), server_ports_[number]};
}

const std::string& SentinelWorld::program(std::size_t machine) const {
  return settings_.programs[settings_.programs.size() == 1 ? 0 : machine];
}

std::string SentinelWorld::address(std::size_t number) const {
  return host(number) + ':' + std::to_string(server_ports_[number]);
}

/// The arguments of a server or of a Sentinel for its port with TLS; 0: without TLS.
std::vector<std::string> SentinelWorld::tls(std::uint16_t port) const {
  if (port == 0) return {};
  auto words = tls_arguments(port, *settings_.certificate, {.client_ca = settings_.ca});
  words.insert(words.end(), {"--tls-replication", "yes"});
  return words;
}

void SentinelWorld::start_server(std::size_t machine) {
  const std::uint16_t tls_port = settings_.certificate ? free_port() : 0;
  std::vector<std::string> words = tls(tls_port);
  if (!settings_.names.empty()) {
    words.insert(words.end(), {"--replica-announce-ip", host(machine)});
  }
  servers_.push_back(std::make_unique<GrownServer>(words, program(machine)));
  server_ports_.push_back(tls_port != 0 ? tls_port : servers_.back()->port());
  lead_to(server_ports_.back());
}

void SentinelWorld::start_sentinel(std::size_t machine) {
  const std::uint16_t tls_port = settings_.certificate ? free_port() : 0;
  std::string text;
  if (!settings_.names.empty()) {
    text =
        "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\nsentinel announce-ip " +
        host(machine) + '\n';
  }
  text += "sentinel monitor mymaster " + host(0) + ' ' + std::to_string(server_ports_[0]) +
          " 2\nsentinel down-after-milliseconds mymaster 1000\n"
          "sentinel failover-timeout mymaster 10000\n";
  std::vector<std::string> words = tls(tls_port);
  words.emplace_back("--sentinel");
  sentinels_.push_back(std::make_unique<Server>(program(machine), words, text));
  // So that they soon know each other. Redis before version 7 has no such command.
  sentinels_.back()->command({"SENTINEL", "DEBUG", "PUBLISH-PERIOD", "100"});
  sentinel_ports_.push_back(tls_port != 0 ? tls_port : sentinels_.back()->port());
  lead_to(sentinel_ports_.back());
}

void SentinelWorld::lead_to(std::uint16_t port) {
  if (settings_.relay_address.empty()) return;
  relays_.push_back(std::make_unique<Relay>(port, settings_.relay_address, port));
}

void SentinelWorld::cut() {
  for (const auto& relay : relays_) relay->cut();
}

void SentinelWorld::mend() {
  for (const auto& relay : relays_) relay->mend();
}

std::string SentinelWorld::url(std::size_t count, const std::string& monitor) const {
  std::string url = settings_.certificate ? "rediss+sentinel://" : "redis+sentinel://";
  for (std::size_t i = 0; i < count; ++i) {
    url += (i == 0 ? "" : ",") + host(i) + ':' + std::to_string(sentinel_ports_[i]);
  }
  return url + '/' + monitor;
}

SentinelLocation SentinelWorld::location() const {
  SentinelLocation location;
  for (std::size_t i = 0; i < 3; ++i) location.sentinels.push_back({host(i), sentinel_ports_[i]});
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
    if (std::count(named.begin(), named.end(), server_ports_[i]) >= 2) return i;
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
