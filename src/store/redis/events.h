#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "store/location.h"
#include "store/redis/line.h"
#include "store/redis/replies.h"

namespace cluster_leader {

/// The events of keys over a connection of their own, for servers that speak only RESP2: there, a
/// connection that is subscribed can do nothing else. It connects again whenever it breaks, with a
/// pause, and never reports a failure: events are hints, and every wait has its own timer.
///
/// Each turn: watch(), a wait until wake_at() at the latest, advance(), and next() until it returns
/// nothing.
class RedisEvents {
 public:
  /// Events may have been missed before this moment, so that it is time to ask again.
  struct Subscribed {
    std::uint32_t candidacy;
  };
  /// The candidacy has no right to a channel.
  struct Refused {
    std::uint32_t candidacy = 0;
  };
  using Event = std::variant<Subscribed, Refused, ReplyPtr>;

  /// Does no I/O yet. `asking`: as in RedisLine.
  RedisEvents(RedisLocation location, Duration asking);

  /// Subscribes to `channel`, whose events concern `candidacy`, unless that was done.
  void subscribe(std::uint32_t candidacy, const std::string& channel);

  /// Subscribes anew over another connection, since the server may be another one now.
  void reconnect(const RedisLocation& location);

  void watch(Poller& poller, Time now);
  Time wake_at() const;
  void advance(const Poller& poller, Time now);
  /// A message of the server, or one of the others; nothing for now.
  std::optional<Event> next();

 private:
  void append_subscriptions();
  void close();

  const Duration asking_;
  std::unique_ptr<RedisLine> line_;
  std::vector<std::pair<std::uint32_t, std::string>> channels_;
  std::unordered_set<std::string> known_;  ///< the same
  bool is_logged_in_ = false;
  std::size_t appended_ = 0;   ///< how many of channels_, on this connection
  std::size_t confirmed_ = 0;  ///< how many of those the server has answered
  Time open_at_ = Time::min();
  Time give_up_at_ = kNever;  ///< if the login, or a subscription, is not answered by then
  Time now_;                  ///< of the last call that named it
};

}  // namespace cluster_leader
