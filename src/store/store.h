#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"

namespace cluster_leader {

/// Where the lease of one claim lives. A store does what it is asked, in order, and says what
/// happened; when to ask, how long to wait for an answer and what an answer means is the
/// supervisor's business (lease/supervisor.h). No call ever blocks.
///
/// A store may be carried through fork(2): afterwards one of the two processes goes on using it,
/// and the other may only destroy it, which closes descriptors and tells the server nothing.
class Store {
 public:
  virtual ~Store() = default;

  /// Begins `request`, connecting first where there is no connection. REQUIRES: none is in flight.
  virtual void send(const Request& request, Time now) = 0;

  /// Gives up the request in flight, if there is one: its answer will never be reported and the
  /// connection that it could come on is closed. The server may still execute it.
  virtual void cancel() = 0;

  /// Gives up the claim for good without waiting for anybody: a release follows whatever was sent
  /// on the open connection, as far as the kernel takes it at once, and the connection is closed.
  virtual void abandon() = 0;

  /// Names the descriptors that the next wait() of `poller` must watch.
  virtual void watch(Poller& poller) = 0;

  /// When advance() wants to be called even though no descriptor is ready; kNever if never.
  virtual Time wake_at() const = 0;

  /// Goes on with what is ready. Returns the answer to the request in flight once it is there; at
  /// most one. `poller` has waited since watch().
  virtual std::optional<Answer> advance(const Poller& poller, Time now) = 0;

  /// True once after each sign that asking again may be worth while: the lease was released, or the
  /// connection that would have told it broke. A hint, never a proof.
  virtual bool take_hint() = 0;

  /// What the request in flight waits for, for people: "looking up redis", "connecting",
  /// "waiting for an answer".
  virtual std::string stage() const = 0;
};

}  // namespace cluster_leader
