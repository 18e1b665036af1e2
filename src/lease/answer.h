#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/clock.h"
#include "lease/claim.h"

namespace cluster_leader {

/// What a supervisor asks of a store. A store answers each with one of the outcomes below.
enum class RequestKind : std::uint8_t { kAcquire, kRenew, kRelease };

struct Request {
  RequestKind kind = RequestKind::kAcquire;
  /// Counts up with every request; an answer names the request that it belongs to.
  std::uint64_t attempt = 0;
  /// The token of the lease, for kRenew: a renewal may rebuild a lease that the server forgot, but
  /// never one that a later holder has had.
  Token token;
};

/// The lease is ours, or was already (acquiring is idempotent for one holder id).
struct Granted {
  Token token;
};

/// Somebody else may own the key.
struct Busy {
  /// The node label of the holder; empty if the server does not know it.
  std::string leader;
  /// When asking again is worth while, unless a hint comes first. It honours the holder's ttl, not
  /// ours, and is never zero.
  Duration retry_after{};
};

/// The lease runs for a whole ttl again, from a moment after the request was sent.
struct Renewed {};

/// The key has another value, or a later lease has been given away: not ours any more.
struct Lost {
  std::string leader;  ///< the node label of the present holder, or empty
};

/// Nothing of this claim stands on the server (any more).
struct Released {};

/// Why there is no answer about the lease. Each is one exit status.
enum class Trouble : std::uint8_t {
  kUnreachable,    ///< name, network or peer: nobody answered, or the connection broke
  kNotServing,     ///< answered, but cannot serve: loading, read-only, out of memory, too young
  kDenied,         ///< authentication or permission
  kMisconfigured,  ///< wrong kind of server, wrong database, a key of another type
};

/// No answer about the lease.
struct Failed {
  Trouble trouble = Trouble::kUnreachable;
  /// One line for people: what happened and what to do, without the server's name or any secret.
  std::string text;
  /// True if the request may have been executed, or may yet be: its answer was lost.
  bool unknown = false;
  /// When asking again is worth while; zero if the store does not know.
  Duration retry_after{};
};

using Answer = std::variant<Granted, Busy, Renewed, Lost, Released, Failed>;

}  // namespace cluster_leader
