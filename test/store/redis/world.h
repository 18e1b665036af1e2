#pragma once

#include <memory>
#include <string>

#include "store/redis/store.h"
#include "store/store_contract.h"
#include "support/server.h"

namespace cluster_leader {

/// A grown-up server for a whole suite, and stores on it.
template <typename Program>
struct WorldOn {
  static constexpr const char* kName = Program::kName;
  static std::string program() { return Program::path(); }

  WorldOn() { server.grow_up(std::chrono::seconds(1)); }

  std::unique_ptr<Store> open(const Candidate& candidate) {
    return std::make_unique<RedisStore>(server.tcp(), candidate);
  }
  void lose_lease(const Key& key) { server.command({"DEL", key.value}); }

  Server server{program()};
};

struct Redis {
  static constexpr const char* kName = "Redis";
  static std::string path() { return REDIS_SERVER; }
};
struct Valkey {
  static constexpr const char* kName = "Valkey";
  static std::string path() { return VALKEY_SERVER; }
};

using RedisWorld = WorldOn<Redis>;
using ValkeyWorld = WorldOn<Valkey>;

inline Failed expect_failed(LoopedStore& store, RequestKind kind = RequestKind::kAcquire,
                            Token token = {}) {
  return expect<Failed>(ask(store, kind, token));
}

inline std::unique_ptr<LoopedStore> open_at(const RedisLocation& location, Contender contender,
                                            bool listening = false) {
  contender.candidate.listens = listening;
  auto store =
      std::make_unique<LoopedStore>(std::make_unique<RedisStore>(location, contender.candidate));
  store->add(contender.candidacy);
  return store;
}

}  // namespace cluster_leader
