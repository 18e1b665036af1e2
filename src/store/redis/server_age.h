#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

struct redisReply;

namespace cluster_leader {

/// How long the server at the end of one connection has been up, for servers whose scripts may not
/// run INFO. The connection asks once, since a restart of the server would break it. If INFO is
/// refused to the connection as well, the server is only known to be up for as long as the
/// connection is.
class ServerAge {
 public:
  explicit ServerAge(Time connected_at) : since_(connected_at) {}

  bool is_asked() const { return is_asked_; }
  void set_asked() { is_asked_ = true; }
  bool is_known() const { return is_known_; }

  /// Handles the reply to INFO, which came at `now`.
  void handle(const redisReply& info, Time now);

  /// At least so many seconds. REQUIRES: is_known().
  std::int64_t seconds_at(Time now) const;

  /// Why the server does not say how long it has been up, for people; empty if it does.
  const std::string& hidden_because() const { return hidden_because_; }

 private:
  Time since_;
  std::int64_t uptime_s_ = 0;  ///< at since_
  bool is_asked_ = false;
  bool is_known_ = false;
  std::string hidden_because_;
};

/// `uptime_in_seconds` in a reply to INFO; nothing if there is none.
std::optional<std::int64_t> uptime_in(const redisReply& info);

}  // namespace cluster_leader
