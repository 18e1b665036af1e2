#include "store/finish_contract.h"
#include "store/redis/world.h"
#include "store/store_contract.h"

namespace cluster_leader {

INSTANTIATE_TYPED_TEST_SUITE_P(Redis, StoreContractTest, RedisWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, StoreContractTest, Redis6World);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, StoreContractTest, ValkeyWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, ExpiringStoreContractTest, RedisWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, ExpiringStoreContractTest, Redis6World);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, ExpiringStoreContractTest, ValkeyWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, FinishContractTest, RedisWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, FinishContractTest, Redis6World);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, FinishContractTest, ValkeyWorld);

}  // namespace cluster_leader
