#include "support/cluster_world.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "support/command.h"

namespace cluster_leader {

namespace {

constexpr std::size_t kPrimaries = 3;
constexpr std::size_t kSlots = 16384;

std::uint16_t first_slot(std::size_t number) {
  return static_cast<std::uint16_t>(number * kSlots / kPrimaries);
}

std::string port_of(const Server& node) { return std::to_string(node.port()); }

}  // namespace

ClusterWorld::ClusterWorld(const Settings& settings) {
  std::vector<std::uint16_t> bus_ports;
  const std::size_t count = settings.has_replicas ? 2 * kPrimaries : kPrimaries;
  for (std::size_t i = 0; i < count; ++i) {
    bus_ports.push_back(free_port());
    std::vector<std::string> arguments = {"--cluster-enabled",
                                          "yes",
                                          "--cluster-port",
                                          std::to_string(bus_ports.back()),
                                          "--cluster-node-timeout",
                                          "1000",
                                          "--cluster-allow-replica-migration",
                                          "no"};
    arguments.insert(arguments.end(), settings.arguments.begin(), settings.arguments.end());
    nodes_.push_back(std::make_unique<GrownServer>(arguments, settings.program));
  }
  for (std::size_t i = 0; i < count; ++i) {
    node(i).command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i < kPrimaries) {
      node(i).command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first_slot(i)),
                       std::to_string(first_slot(i + 1) - 1)});
    }
    if (i == 0) continue;
    node(0).command(
        {"CLUSTER", "MEET", "127.0.0.1", port_of(node(i)), std::to_string(bus_ports[i])});
  }
  for (std::size_t i = kPrimaries; i < count; ++i) {
    const std::string primary = id(i - kPrimaries);
    EXPECT_TRUE(eventually([&] {
      return node(i).text({"CLUSTER", "REPLICATE", primary}) == "OK";
    }));
  }
  EXPECT_TRUE(eventually([&] { return is_ready(); }));
}

/// Whether all nodes know the same slots, and all replicas have the data.
bool ClusterWorld::is_ready() const {
  for (std::size_t i = 0; i < size(); ++i) {
    const std::string info = node(i).text({"CLUSTER", "INFO"});
    if (info.find("cluster_state:ok") == info.npos) return false;
    if (info.find("cluster_known_nodes:" + std::to_string(size())) == info.npos) return false;
    for (std::size_t primary = 0; primary < kPrimaries; ++primary) {
      if (owner(first_slot(primary), i) != primary) return false;
    }
    if (i >= kPrimaries &&
        node(i).text({"INFO", "replication"}).find("master_link_status:up") == std::string::npos) {
      return false;
    }
  }
  return true;
}

std::string ClusterWorld::url(const std::vector<std::size_t>& numbers) const {
  std::string url = "redis+cluster://";
  for (const std::size_t number : numbers) {
    url += (url.ends_with('/') ? "127.0.0.1:" : ",127.0.0.1:") + port_of(node(number));
  }
  return url;
}

ClusterLocation ClusterWorld::location(const std::vector<std::size_t>& numbers) const {
  ClusterLocation location;
  for (const std::size_t number : numbers) {
    location.nodes.push_back({"127.0.0.1", node(number).port()});
  }
  return location;
}

std::size_t ClusterWorld::owner(std::uint16_t slot, std::size_t asked) const {
  try {
    const ServerReply reply = node(asked).command({"CLUSTER", "SLOTS"});
    for (std::size_t range = 0; range < reply->elements; ++range) {
      const redisReply* const* const words = reply->element[range]->element;
      if (slot < words[0]->integer || slot > words[1]->integer) continue;
      for (std::size_t i = 0; i < size(); ++i) {
        if (node(i).port() == words[2]->element[1]->integer) return i;
      }
    }
  } catch (const std::runtime_error&) {
    // It is down, or stopped.
  }
  return size();
}

void ClusterWorld::fail_over(std::size_t number) {
  const std::size_t replica = number + kPrimaries;
  EXPECT_EQ(node(replica).text({"CLUSTER", "FAILOVER"}), "OK");
  const auto all_know = [&] {
    for (std::size_t i = 0; i < size(); ++i) {
      if (owner(first_slot(number), i) != replica) return false;
    }
    return true;
  };
  EXPECT_TRUE(eventually(all_know));
}

void ClusterWorld::await_primary(std::size_t number) const {
  EXPECT_TRUE(eventually([&] {
    try {
      return node(number).text({"CLUSTER", "NODES"}).find("myself,master") != std::string::npos;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
}

void ClusterWorld::begin_move(std::uint16_t slot, std::size_t from, std::size_t to) {
  const std::string text = std::to_string(slot);
  EXPECT_EQ(node(to).text({"CLUSTER", "SETSLOT", text, "IMPORTING", id(from)}), "OK");
  EXPECT_EQ(node(from).text({"CLUSTER", "SETSLOT", text, "MIGRATING", id(to)}), "OK");
}

void ClusterWorld::move_key(const std::string& key, std::size_t from, std::size_t to) {
  const std::string moved =
      node(from).text({"MIGRATE", "127.0.0.1", port_of(node(to)), key, "0", "5000"});
  EXPECT_TRUE(moved == "OK" || moved == "NOKEY") << moved;
}

void ClusterWorld::end_move(std::uint16_t slot, std::size_t from, std::size_t to) {
  const std::string text = std::to_string(slot);
  for (const std::size_t number : {to, from}) {
    EXPECT_EQ(node(number).text({"CLUSTER", "SETSLOT", text, "NODE", id(to)}), "OK");
  }
}

std::uint16_t ClusterWorld::slot_of(const std::string& key) const {
  return static_cast<std::uint16_t>(nodes_.back()->integer({"CLUSTER", "KEYSLOT", key}));
}

std::string ClusterWorld::key_on(std::size_t number, const std::string& beginning) const {
  for (int i = 0;; ++i) {
    const std::string key = beginning + '-' + std::to_string(i);
    const std::uint16_t slot = slot_of(key);
    if (slot >= first_slot(number) && slot < first_slot(number + 1)) return key;
  }
}

}  // namespace cluster_leader
