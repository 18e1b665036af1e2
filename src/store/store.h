#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// What a store learned about a key without having asked. A hint, never a proof.
struct Notice {
  enum class Kind : std::uint8_t {
    kFree,    ///< asking again may succeed: the lease was released or parked, or the connection
              ///< that would have reported it broke
    kTaken,   ///< `holder` has acquired the key
    kBroken,  ///< somebody has ended another holder's lease; that holder may not know yet
  };
  Kind kind = Kind::kFree;
  HolderId holder{};  ///< for kTaken the new holder, for kFree the last one; empty: not known
  Token token{};      ///< for kTaken; 0: not known
  Duration delay{};   ///< for kFree: until then others are to try, who are before us in line
};

/// What has happened to one candidacy. An answer carries the number of its request, since the
/// answer to a cancelled request may come while the next one is in flight.
struct StoreEvent {
  std::size_t candidacy = 0;
  std::variant<Answered, Notice> what;
};

/// Where leases live: the candidacies of one candidate for any number of keys. A store executes
/// requests in order and reports what happened. The supervisor (lease/supervisor.h) decides when to
/// ask, how long to wait for an answer, and what an answer means. No call blocks. If this machine
/// refuses a descriptor or memory for a connection, that is an answer too: Trouble::kExhausted.
///
/// A store may be carried through fork(2): afterwards one of the two processes goes on using it,
/// and the other may only destroy it, which closes descriptors and sends nothing.
class Store {
 public:
  virtual ~Store() = default;

  /// Adds a candidacy for `key` and returns its number: 0, 1, 2, ... No two candidacies have the
  /// same key.
  virtual std::size_t add(Key key) = 0;

  /// Sets the holder id of `candidacy`. REQUIRES: none of its requests is in flight. To be called
  /// before its first request, and again before it acquires after a release, since copies of that
  /// release on abandoned connections may be executed later. If the store itself has released what
  /// an acquire got, it refuses another acquire under the same id (Failed::id_spent).
  virtual void set_holder(std::size_t candidacy, HolderId holder) = 0;

  /// Begins `request`, connecting first if there is no connection. Requests that are sent between
  /// two waits are written as one packet, by watch(). REQUIRES: none of this candidacy is in
  /// flight.
  virtual void send(std::size_t candidacy, const Request& request, Time now) = 0;

  /// Cancels the request of `candidacy` that is in flight, if there is one, and closes the
  /// connection that it waits on, which did not answer in time. Other candidacies that wait on that
  /// connection get a Failed. The server may still execute all of these requests, at any later
  /// time.
  virtual void cancel(std::size_t candidacy) = 0;

  /// Ends the candidacy under its present holder id without waiting: a release follows whatever was
  /// sent on the open connection, as far as the kernel takes it at once.
  virtual void abandon(std::size_t candidacy) = 0;

  /// Writes what was sent, and registers the descriptors for the next wait() of `poller`.
  virtual void watch(Poller& poller) = 0;

  /// When advance() must be called although no descriptor is ready; kNever if never.
  virtual Time wake_at() const = 0;

  /// Continues with what is ready. `poller` has waited since watch().
  virtual void advance(const Poller& poller, Time now) = 0;

  /// The next event, or nothing. A request is answered at most once.
  virtual std::optional<StoreEvent> next() = 0;

  /// What a request of `candidacy` waits for, as text for people: "looking up redis", "connecting",
  /// "waiting for an answer".
  virtual std::string stage(std::size_t candidacy) const = 0;
};

}  // namespace cluster_leader
