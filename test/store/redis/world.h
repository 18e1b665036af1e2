#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/redis/store.h"
#include "store/store_contract.h"
#include "support/server.h"

namespace cluster_leader {

/// A grown-up server for a whole suite, and stores on it.
template <typename Program>
struct WorldOn {
  using ServerProgram = Program;
  static constexpr const char* kName = Program::kName;
  static std::string program() { return Program::path(); }

  WorldOn() { server.grow_up(std::chrono::seconds(1)); }

  std::unique_ptr<Store> open(const Candidate& candidate) {
    return std::make_unique<RedisStore>(server.tcp(), candidate);
  }
  void lose_lease(const Key& key) { server.command({"DEL", key.value}); }

  Server server{program()};
};

/// The servers that are tested. Where a server has no rights to channels, every user may use all.
struct Redis {
  static constexpr const char* kName = "Redis";
  static constexpr bool kHasChannelRights = true;
  static constexpr bool kCountsReplicasInScripts = true;
  static std::string path() { return REDIS_SERVER; }
};
/// The oldest version that we support.
struct Redis6 {
  static constexpr const char* kName = "Redis6";
  static constexpr bool kHasChannelRights = false;
  /// min-replicas-to-write does not hold for what a script writes.
  static constexpr bool kCountsReplicasInScripts = false;
  static std::string path() { return REDIS_6_SERVER; }
};
struct Valkey {
  static constexpr const char* kName = "Valkey";
  static constexpr bool kHasChannelRights = true;
  static constexpr bool kCountsReplicasInScripts = true;
  static std::string path() { return VALKEY_SERVER; }
};

/// For typed tests, which have a name for each program.
using Programs = testing::Types<Redis, Redis6, Valkey>;
struct NameOfProgram {
  template <typename Program>
  static std::string GetName(int /*index*/) {
    return Program::kName;
  }
};

/// Words of ACL SETUSER, without those for channels if the server does not know them.
template <typename Program>
std::vector<std::string> acl_words(std::vector<std::string> words) {
  if (!Program::kHasChannelRights) {
    std::erase_if(words, [](const std::string& word) { return word.starts_with('&'); });
    // Nor may everybody say HELLO there, and who may not speaks RESP2.
    words.emplace_back("+hello");
  }
  return words;
}

using RedisWorld = WorldOn<Redis>;
using Redis6World = WorldOn<Redis6>;
using ValkeyWorld = WorldOn<Valkey>;

inline Failed expect_failed(LoopedStore& store, RequestKind kind = RequestKind::kAcquire,
                            Token token = {}) {
  return expect<Failed>(ask(store, kind, token));
}

inline std::unique_ptr<LoopedStore> open_at(const RedisLocation& location, Contender contender,
                                            bool listening = false) {
  // As `elect`, which hears all that happens to its keys.
  if (listening) {
    contender.candidate.listens = true;
    contender.candidate.identity = contender.candidate.node + "/identity";
  }
  auto store =
      std::make_unique<LoopedStore>(std::make_unique<RedisStore>(location, contender.candidate));
  store->add(contender.candidacy);
  return store;
}

}  // namespace cluster_leader
