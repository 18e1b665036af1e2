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

/// Makes a connected socket to a server: looks its name up, then tries the addresses in turn, each
/// for a fair share of the time, so that one that swallows packets does not hide the next. The
/// socket is non-blocking and closed on exec; what it speaks (TLS or not) is the next owner's
/// business.
class Dialer {
 public:
  using Result = std::variant<UniqueFd, Failed>;

  /// Begins. `patience` is the time for all addresses together; the last one may go on beyond it.
  Dialer(const RedisLocation& location, Duration patience, Time now);

  void watch(Poller& poller);
  Time wake_at() const;

  /// Goes on with what is ready; what /etc/hosts and a Unix socket give is there without waiting.
  /// Returns the result once it is there, and is of no further use then.
  /// A null `poller` has not waited yet.
  std::optional<Result> advance(const Poller* poller, Time now);

  /// Goes on with the lookup alone; false if it has failed. REQUIRES: is_looking_up().
  bool advance_lookup(const Poller& poller, Time now);

  bool is_looking_up() const { return resolver_ != nullptr; }

 private:
  void try_next_address(Time now);

  Duration patience_;
  std::unique_ptr<Resolver> resolver_;  ///< while a name is being looked up
  std::vector<Address> addresses_;      ///< that are still to be tried, the next one last
  UniqueFd socket_;                     ///< that is being connected
  bool connected_ = false;
  bool watched_ = false;      ///< socket_ has been in a wait, so that ready() speaks of it
  Time give_up_at_ = kNever;  ///< on this address
  Failed failure_;            ///< of the last address
};

}  // namespace cluster_leader
