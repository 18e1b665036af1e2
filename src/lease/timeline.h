#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace cluster_leader {

/// The durations of a lease, and its deadlines. All deadlines count from `sent_at`, the moment
/// before the acquire or renewal that succeeded was written to the socket: the server begins to
/// count later, so our lease ends first.
///
///   sent_at -- renew every heartbeat -- stop_at -- kill_after -- kill_at -- margin -- expires_at
///                                       SIGTERM                  SIGKILL        sent_at + ttl
struct Timeline {
  Duration ttl{};         ///< how long the server keeps a lease that is not renewed
  Duration heartbeat{};   ///< the pause between renewals; at most ttl / 3
  Duration kill_after{};  ///< from the stop signal to SIGKILL
  Duration margin{};   ///< from SIGKILL to the server's expiry, for clock drift and the kill itself
  Duration attempt{};  ///< how long to wait for an answer on an open connection
  Duration connect{};  ///< how long to wait for an answer including the connect
  Duration retry_min{};  ///< the first pause after a failure
  Duration retry_max{};  ///< the longest one

  /// A timeline with this ttl and the defaults for everything else.
  static Timeline of(Duration ttl);

  Time expires_at(Time sent_at) const { return sent_at + ttl; }
  Time kill_at(Time sent_at) const { return expires_at(sent_at) - margin; }
  Time stop_at(Time sent_at) const { return kill_at(sent_at) - kill_after; }
  Time renew_at(Time sent_at) const { return sent_at + heartbeat; }
  /// The first moment after `sent_at`, so at most a heartbeat later, that is `beat` after a whole
  /// multiple of the heartbeat.
  Time renew_at(Time sent_at, Duration beat) const;
  /// The latest time to start a job: a later one would be stopped before a renewal could succeed.
  Time start_by(Time sent_at) const { return stop_at(sent_at) - attempt; }

  /// One sentence about a rule that is broken, or nothing. The ttl is 1 s to 1 d, the heartbeat is
  /// at most a third of it, and heartbeat, one retry, kill-after and margin fit into it together.
  std::optional<std::string> fault() const;
};

}  // namespace cluster_leader
