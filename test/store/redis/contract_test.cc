#include "store/finish_contract.h"
#include "store/queue_contract.h"
#include "store/redis/world.h"
#include "store/slots_contract.h"
#include "store/store_contract.h"
#include "support/grown_server.h"
#include "support/tls_redis.h"

namespace cluster_leader {

namespace {

/// A server that is reached by TLS only, and requires client certificates.
struct TlsWorld {
  explicit TlsWorld(TlsEnd end) : redis(end, files, {.client_ca = certificates.ca()}) {
    redis.server().grow_up(std::chrono::seconds(1));
  }

  std::unique_ptr<Store> open(const Candidate& candidate) {
    return std::make_unique<RedisStore>(
        redis.location(
            {.ca = certificates.ca(), .certificate = files.certificate, .key = files.key}),
        candidate);
  }
  void lose_lease(const Key& key) { redis.server().command({"DEL", key.value}); }

  Certificates certificates;
  Certificates::Files files = certificates.sign({});
  TlsRedis redis;
};
struct RedisTlsWorld : TlsWorld {
  RedisTlsWorld() : TlsWorld(TlsEnd::kRedis) {}
};
struct StunnelWorld : TlsWorld {
  StunnelWorld() : TlsWorld(TlsEnd::kStunnel) {}
};

/// A server that is old enough for every ttl.
template <typename Program>
struct GrownWorldOn {
  std::unique_ptr<Store> open(const Candidate& candidate) {
    return std::make_unique<RedisStore>(server.tcp(), candidate);
  }
  std::unique_ptr<Registry> registry() { return open_registry(server.tcp()); }
  GrownServer server{{}, Program::path()};
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Redis, StoreContractTest, RedisWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, StoreContractTest, Redis6World);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, StoreContractTest, ValkeyWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, ExpiringStoreContractTest, RedisWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, ExpiringStoreContractTest, Redis6World);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, ExpiringStoreContractTest, ValkeyWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, FinishContractTest, RedisWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, FinishContractTest, Redis6World);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, FinishContractTest, ValkeyWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, QueueContractTest, GrownWorldOn<Redis>);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, QueueContractTest, GrownWorldOn<Redis6>);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, QueueContractTest, GrownWorldOn<Valkey>);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, SlotsContractTest, GrownWorldOn<Redis>);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis6, SlotsContractTest, GrownWorldOn<Redis6>);
INSTANTIATE_TYPED_TEST_SUITE_P(Valkey, SlotsContractTest, GrownWorldOn<Valkey>);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisTls, StoreContractTest, RedisTlsWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Stunnel, StoreContractTest, StunnelWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisTls, ExpiringStoreContractTest, RedisTlsWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Stunnel, ExpiringStoreContractTest, StunnelWorld);

}  // namespace cluster_leader
