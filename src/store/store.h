#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "lease/claim.h"

namespace cluster_leader {

/// What a store has heard about a key without having asked. A hint, never a proof.
struct Notice {
  enum class Kind : std::uint8_t {
    kFree,    ///< asking again may be worth while: the lease was released or parked, or the
              ///< connection that would have told it broke
    kTaken,   ///< `holder` has acquired the key
    kBroken,  ///< somebody has ended a lease that was not theirs; its holder may not know yet
  };
  Kind kind = Kind::kFree;
  HolderId holder{};  ///< for kTaken; for kFree whose lease it was, empty if that is not known
  Token token{};      ///< of the lease of kTaken; 0: not known
};

/// What has happened to one claim. An answer names its request: one that was cancelled may still
/// come, when another request of the claim is already in flight.
struct StoreEvent {
  std::size_t claim = 0;
  std::variant<Answered, Notice> what;
};

/// Where leases live: the claims of one candidate to any number of keys, over one connection. A
/// store does what it is asked, in order, and says what happened; when to ask, how long to wait for
/// an answer and what an answer means is the supervisor's business (lease/supervisor.h). No call
/// ever blocks. A descriptor or memory that this machine refuses to the connection is an answer
/// too: Trouble::kExhausted.
///
/// A store may be carried through fork(2): afterwards one of the two processes goes on using it,
/// and the other may only destroy it, which closes descriptors and tells the server nothing.
class Store {
 public:
  virtual ~Store() = default;

  /// Adds a claim to `key` and returns its number: 0, 1, 2, ... Every claim has a key of its own.
  virtual std::size_t add(Key key) = 0;

  /// From now on `claim` is made under `holder`. REQUIRES: no request of it is in flight. To be
  /// called before its first request, and again before it acquires after a release, whose copies on
  /// connections that were given up may be executed later. Where the store itself has taken back an
  /// acquire, it refuses another one under the same id (Failed::id_spent).
  virtual void set_holder(std::size_t claim, HolderId holder) = 0;

  /// Begins `request`, connecting first where there is no connection. What is sent between two
  /// waits is written as one packet, by watch(). REQUIRES: none of this claim is in flight.
  virtual void send(std::size_t claim, const Request& request, Time now) = 0;

  /// Gives up the request of `claim` that is in flight, if there is one, with the connection that
  /// its answer could come on, which has been silent for too long. Other claims that wait on it get
  /// a Failed. The server may still execute all of them, at any later time.
  virtual void cancel(std::size_t claim) = 0;

  /// Gives up the claim under its present holder id for good without waiting for anybody: a release
  /// follows whatever was sent on the open connection, as far as the kernel takes it at once.
  virtual void abandon(std::size_t claim) = 0;

  /// Writes what was sent, and names the descriptors that the next wait() of `poller` must watch.
  virtual void watch(Poller& poller) = 0;

  /// When advance() wants to be called even though no descriptor is ready; kNever if never.
  virtual Time wake_at() const = 0;

  /// Goes on with what is ready. `poller` has waited since watch().
  virtual void advance(const Poller& poller, Time now) = 0;

  /// The next thing that was found, or nothing. A request is answered once at most.
  virtual std::optional<StoreEvent> next() = 0;

  /// What a request of `claim` waits for, for people: "looking up redis", "connecting", "waiting
  /// for an answer".
  virtual std::string stage(std::size_t claim) const = 0;
};

}  // namespace cluster_leader
