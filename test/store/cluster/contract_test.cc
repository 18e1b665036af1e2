// What holds for every store holds for a cluster, of which one node is named.
#include <memory>
#include <string>

#include "store/location.h"
#include "store/queue_contract.h"
#include "store/slots_contract.h"
#include "store/store_contract.h"
#include "support/cluster_world.h"

namespace cluster_leader {

namespace {

struct ClusterLeases {
  explicit ClusterLeases(const std::string& program = REDIS_SERVER)
      : cluster({.has_replicas = false, .program = program}) {}

  std::unique_ptr<Store> open(const Candidate& candidate) const {
    return open_store(cluster.location(), candidate);
  }
  std::unique_ptr<Registry> registry() const { return open_registry(cluster.location()); }
  void lose_lease(const Key& key) {
    // Wherever it is.
    for (std::size_t i = 0; i < cluster.size(); ++i) cluster.node(i).command({"DEL", key.value});
  }

  ClusterWorld cluster;
};

struct ValkeyClusterLeases : ClusterLeases {
  ValkeyClusterLeases() : ClusterLeases(VALKEY_SERVER) {}
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, StoreContractTest, ClusterLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, ExpiringStoreContractTest, ClusterLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, QueueContractTest, ClusterLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, SlotsContractTest, ClusterLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(ValkeyCluster, SlotsContractTest, ValkeyClusterLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(ValkeyCluster, StoreContractTest, ValkeyClusterLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(ValkeyCluster, ExpiringStoreContractTest, ValkeyClusterLeases);
INSTANTIATE_TYPED_TEST_SUITE_P(ValkeyCluster, QueueContractTest, ValkeyClusterLeases);

}  // namespace cluster_leader
