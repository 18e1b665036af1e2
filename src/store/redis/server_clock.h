#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace cluster_leader {

/// The wall clock of a server, as its replies show it, to notice that it was set. A step forward
/// ends leases whose holders still run their jobs. One back ends none, but makes them last longer.
///
/// A new connection may lead to another server, whose clock differs. The expectation is kept all
/// the same: a replica takes over leases with the time at which they end, so that the difference
/// between the clocks is a step for them. Where it is not, it costs a wait of a ttl at most. Assign
/// a new ServerClock to forget it.
class ServerClock {
 public:
  /// In ms since 1970, unless the clock was set.
  struct Expected {
    std::int64_t earliest_ms;
    std::int64_t latest_ms;
  };
  struct Step {
    Duration by;  ///< forward
    Time noticed_at;
  };

  /// A reply said that the clock was at `server_ms`. It was read at `now`, and its request written
  /// at `asked_at` or later.
  void record(std::int64_t server_ms, Time asked_at, Time now);

  /// When the server executes a request that is written at `now` and arrives at once; nothing
  /// before the first reply.
  std::optional<Expected> at(Time now) const;

  /// The last step forward.
  const std::optional<Step>& step() const { return step_; }

 private:
  struct Seen {
    std::int64_t ms;
    Time at;
    Duration round_trip;
  };
  std::optional<Seen> seen_;
  std::optional<Step> step_;
};

}  // namespace cluster_leader
