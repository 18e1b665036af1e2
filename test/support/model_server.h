#pragma once

#include <string>

#include "lease/answer.h"

namespace cluster_leader {

/// One key on a server, with the rules of store/redis/scripts/*.lua in whole ticks of time: small
/// enough for a search to visit every state of it. Ids and tokens are numbers; a later one is
/// larger.
class ModelServer {
 public:
  static constexpr int kTtl = 6;   ///< of every lease, in ticks
  static constexpr int kHold = 3;  ///< how long a finish request with a hold keeps the key

  /// The owner of a parked key.
  enum class Node : char { kNone, kUs, kRival };

  struct Request {
    RequestKind kind{};
    int id = 0;     ///< the holder's; more than zero
    int token = 0;  ///< for kRenew: of the lease
    Node node = Node::kNone;
    bool holds = false;  ///< for kFinish
    /// For kAcquire: a fence that the candidate has seen, and whether one of those has gone back
    /// less than a ttl ago.
    int seen = 0;
    bool barred = false;
  };
  enum class Verdict : char { kGranted, kBusy, kYoung, kSuspect, kRenewed, kLost, kReleased };
  struct Reply {
    Verdict verdict{};
    int token = 0;  ///< for kGranted; of the last lease if an acquire was not granted
  };

  static ModelServer parked_for(Node node);
  /// One on which the key was held and released before.
  static ModelServer used();

  /// `now` is the server's wall clock, the source of new tokens; it must not go back.
  Reply execute(const Request& request, int now);

  void tick();
  /// The lock disappears, the record stays.
  void evict();
  /// A replica with the state of `copy` takes its place.
  void promote(const ModelServer& copy);
  /// Loses everything, like by FLUSHALL.
  void lose_data() { *this = ModelServer(); }
  /// Restarts with the state of `saved`, and young.
  void restart_from(const ModelServer& saved);

  /// The holder; 0 or less: none.
  int lock() const { return lock_; }
  bool is_free() const { return lock_ == kFree; }
  int young_for() const { return young_for_; }
  int fence() const { return fence_; }
  /// Whether the next acquire notices that this server was promoted.
  bool is_newly_promoted() const { return is_newly_promoted_; }

  /// Calls `id(x)` and `token(x)` for every id and token of the state, and appends the rest to
  /// `text`.
  template <typename OnId, typename OnToken>
  void encode(std::string& text, const OnId& id, const OnToken& token) const {
    id(lock_);
    id(holder_);
    token(fence_);
    for (const int n : {static_cast<int>(parked_for_), expires_in_, until_in_, young_for_,
                        static_cast<int>(is_newly_promoted_)}) {
      text.push_back(static_cast<char>(n));
    }
  }

 private:
  static constexpr int kFree = 0;
  static constexpr int kHeld = -1;
  static constexpr int kParked = -2;
  static constexpr int kReleased = -1;  ///< `until_in_` of a record without one

  Reply acquire(const Request& request, int now);
  Reply renew(const Request& request);
  Reply release(int id);
  Reply finish(const Request& request);

  int lock_ = kFree;
  Node parked_for_ = Node::kNone;
  int expires_in_ = 0;  ///< of the lock
  int holder_ = 0;      ///< in the record; 0: no record
  int fence_ = 0;
  int until_in_ = kReleased;
  int young_for_ = 0;
  bool is_newly_promoted_ = false;
};

}  // namespace cluster_leader
