#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

struct redisReply;

namespace cluster_leader {

/// How long the server has been up, for servers whose scripts may not run INFO: the connection asks
/// instead. If INFO is refused to it as well, the server is only known to be up for as long as it
/// was watched over this connection, which a restart breaks. A proxy may keep a connection through
/// a restart, so that every sign of one begins the watch anew: where INFO says at least who the
/// server is, it is asked before each acquire.
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

  /// At least so many seconds, by the last reply or by watching.
  std::int64_t seconds_at(Time now) const;

  /// Whether INFO is refused, so that asking again is of no use.
  bool is_only_watched() const { return is_refused_; }

  /// Whether the server does not say it.
  bool is_hidden() const { return !hidden_because_.empty(); }
  /// Why not, for people; empty if it does.
  const std::string& hidden_because() const { return hidden_because_; }

 private:
  Time watched_since_;
  std::int64_t uptime_s_ = 0;  ///< as the last reply had it
  bool is_asked_ = false;
  bool is_refused_ = false;
  std::string run_id_;  ///< new in each start of the server; empty if it has never said it
  std::string hidden_because_;
};

}  // namespace cluster_leader
