#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "base/unique_fd.h"
#include "lease/answer.h"
#include "store/location.h"
#include "store/net/resolver.h"

namespace cluster_leader {

/// Connects a socket to a server: looks up its name, then tries the addresses in turn, each for an
/// equal share of the time, so that one that drops packets does not hide the next. The socket is
/// non-blocking and closed on exec; what is spoken on it (TLS or not) is the next owner's business.
class Dialer {
 public:
  using Result = std::variant<UniqueFd, Failed>;

  /// How long nothing may be heard of the server before the kernel asks whether it is still there.
  static constexpr Duration kIdle = std::chrono::seconds(30);
  /// For how long it asks, where nobody has a reason for more or less.
  static constexpr Duration kAsking = std::chrono::seconds(15);

  /// Begins. `patience` is the time for all addresses together; the last one may take longer. After
  /// kIdle of silence, the kernel asks three times in `asking`, at least 3 s, and then reports the
  /// connection as broken; a Unix socket needs none of this.
  Dialer(const RedisLocation& location, Duration patience, Time now, Duration asking = kAsking);

  void watch(Poller& poller);
  Time wake_at() const;

  /// Continues with what is ready; names in /etc/hosts and Unix sockets need no waiting. Returns
  /// the result once there is one, and must not be called again then. Null `poller`: there was no
  /// wait yet.
  std::optional<Result> advance(const Poller* poller, Time now);

  /// Continues only the lookup; false if it has failed. REQUIRES: is_looking_up().
  bool advance_lookup(const Poller& poller, Time now);

  bool is_looking_up() const { return resolver_ != nullptr; }

 private:
  void try_next_address(Time now);

  const Duration asking_;
  Duration patience_;
  std::unique_ptr<Resolver> resolver_;  ///< while the name is being looked up
  std::vector<Address> addresses_;      ///< still to be tried, the next one last
  UniqueFd socket_;                     ///< being connected
  bool connected_ = false;
  bool watched_ = false;      ///< watch() was called for socket_, so that ready() is about it
  Time give_up_at_ = kNever;  ///< on this address
  Failed failure_;            ///< of the last address
};

}  // namespace cluster_leader
