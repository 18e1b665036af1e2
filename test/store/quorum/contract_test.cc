// What holds for every store holds for a majority of three servers, of two makes.
#include "store/location.h"
#include "store/store_contract.h"
#include "support/grown_server.h"

namespace cluster_leader {

namespace {

struct QuorumWorld {
  static constexpr bool kMayRenewToken = true;

  std::unique_ptr<Store> open(const Candidate& candidate) const {
    return open_store(QuorumLocation{{one.tcp(), two.tcp(), three.tcp()}}, candidate);
  }
  void lose_lease(const Key& key) const {
    for (const Server* server : {&one, &two, &three}) server->command({"DEL", key.value});
  }

  GrownServer one;
  GrownServer two;
  GrownServer three{{}, VALKEY_SERVER};
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Quorum, StoreContractTest, QuorumWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Quorum, ExpiringStoreContractTest, QuorumWorld);

}  // namespace cluster_leader
