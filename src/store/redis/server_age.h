#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

struct redisReply;

namespace cluster_leader {

/// What the script of an acquire must be told about the server where it cannot ask itself.
struct KnownServer {
  std::int64_t age_s = 0;           ///< it has been up for at least so long
  std::string_view replication_id;  ///< empty: not known
  bool was_replica = false;         ///< it may have been promoted
};

/// How long the server has been up, for servers whose scripts may not run INFO: the connection asks
/// instead. If INFO is refused to it as well, the server is only known to be up for as long as it
/// was watched over this connection, which a restart breaks. A proxy may keep a connection through
/// a restart, so that every sign of one begins the watch anew: where INFO says at least who the
/// server is, it is asked before each acquire.
/// A promotion is covered in the same way: it breaks all connections, or their login is refused as
/// long as the server is a replica.
class ServerAge {
 public:
  explicit ServerAge(Time now) : watched_since_(now) {}

  /// Whether INFO was asked for and has not been answered.
  bool is_asked() const { return is_asked_; }
  void set_asked() { is_asked_ = true; }

  /// Handles the reply to INFO.
  void handle(const redisReply& info, Time now);
  /// The server may have restarted.
  void watch_from(Time now) { watched_since_ = now; }

  /// By the last reply, or by watching. Valid until the next reply.
  KnownServer at(Time now) const;

  /// Whether INFO is refused, so that asking again is of no use.
  bool is_only_watched() const { return is_refused_; }

  /// Whether the server does not say it.
  bool is_hidden() const { return !hidden_because_.empty(); }
  /// Why not, for people; empty if it does.
  const std::string& hidden_because() const { return hidden_because_; }

 private:
  Time watched_since_;
  std::int64_t uptime_s_ = 0;   ///< as the last reply had it
  std::string replication_id_;  ///< likewise
  bool was_replica_ = false;    ///< likewise
  bool is_asked_ = false;
  bool is_refused_ = false;
  std::string run_id_;  ///< new in each start of the server; empty if it has never said it
  std::string hidden_because_;
};

}  // namespace cluster_leader
