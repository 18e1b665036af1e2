// A cluster that is reached by TLS only: nodes name each other's TLS ports, and a redirection never
// leads to a connection without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "store/cluster/store.h"
#include "store/redis/names.h"
#include "store/store_contract.h"
#include "support/certificates.h"
#include "support/command.h"
#include "support/grown_server.h"
#include "support/tls_redis.h"

namespace cluster_leader {
namespace {

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

class ClusterTlsTest : public testing::Test {
 protected:
  static constexpr std::size_t kNodes = 3;

  ClusterTlsTest() {
    std::vector<std::uint16_t> bus;
    for (std::size_t i = 0; i < kNodes; ++i) {
      ports_.push_back(free_port());
      bus.push_back(free_port());
      auto arguments = tls_arguments(ports_[i], files_, {.client_ca = certificates_.ca()});
      for (const std::string& word :
           {std::string("--cluster-enabled"), std::string("yes"), std::string("--cluster-port"),
            std::to_string(bus[i]), std::string("--tls-cluster"), std::string("yes")}) {
        arguments.push_back(word);
      }
      nodes_.push_back(std::make_unique<GrownServer>(arguments));
      const std::size_t end = (i + 1) * kSlots / kNodes - 1;
      node(i).command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
      node(i).command(
          {"CLUSTER", "ADDSLOTSRANGE", std::to_string(i * kSlots / kNodes), std::to_string(end)});
      if (i > 0) {
        node(0).command(
            {"CLUSTER", "MEET", "127.0.0.1", std::to_string(ports_[i]), std::to_string(bus[i])});
      }
    }
    EXPECT_TRUE(eventually([&] {
      for (std::size_t i = 0; i < kNodes; ++i) {
        const std::string info = node(i).text({"CLUSTER", "INFO"});
        if (info.find("cluster_state:ok") == info.npos) return false;
        if (info.find("cluster_known_nodes:3") == info.npos) return false;
      }
      return true;
    }));
  }

  GrownServer& node(std::size_t number) { return *nodes_[number]; }
  static Key key_at(std::size_t number) {
    for (;;) {
      Key key = fresh_key();
      if (slot_of(key.value) * kNodes / kSlots == number) return key;
    }
  }
  std::unique_ptr<LoopedStore> open(const Key& key) const {
    ClusterLocation location;
    location.nodes = {{"127.0.0.1", ports_[0]}};
    location.node.tls =
        TlsSettings{.ca = certificates_.ca(), .certificate = files_.certificate, .key = files_.key};
    const Contender contender = make_contender(key, "a", 10s);
    auto store = std::make_unique<LoopedStore>(
        std::make_unique<ClusterStore>(location, contender.candidate));
    store->add(contender.candidacy);
    return store;
  }

  Certificates certificates_;
  Certificates::Files files_ = certificates_.sign({});
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<GrownServer>> nodes_;
};

TEST_F(ClusterTlsTest, LeasesAreKeptOnEachNodeAndMoveWithTheirSlots) {
  for (std::size_t i = 0; i < kNodes; ++i) {
    auto a = open(key_at(i));
    expect_renewed(*a, expect_granted(*a).token);
    expect_released(*a);
  }
  const Key key = key_at(1);
  auto a = open(key);
  const Token token = expect_granted(*a).token;
  const std::string slot = std::to_string(slot_of(key.value));
  const std::string to = node(2).text({"CLUSTER", "MYID"});
  node(2).command({"CLUSTER", "SETSLOT", slot, "NODE", to});
  for (const std::string& name : {key.value, record_name(key)}) {
    const ServerReply dump = node(1).command({"DUMP", name});
    ASSERT_EQ(dump->type, REDIS_REPLY_STRING);
    const std::string copy(dump->str, dump->len);
    EXPECT_EQ(node(2).text({"RESTORE", name, node(1).text({"PTTL", name}), copy}), "OK");
    node(1).command({"DEL", name});
  }
  node(1).command({"CLUSTER", "SETSLOT", slot, "NODE", to});
  expect_renewed(*a, token);
  expect_released(*a);
}

}  // namespace
}  // namespace cluster_leader
