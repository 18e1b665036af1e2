#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "lease/claim.h"

namespace cluster_leader {

/// What a supervisor asks of a store. A store answers each with one of the outcomes below.
enum class RequestKind : std::uint8_t {
  kAcquire,
  kRenew,
  kRelease,  ///< gives back a lease under which no job has run
  kSettle,   ///< gives it back after a job: Claim::aftermath says how
};

/// How a run ended by itself, as others learn it.
struct RunResult {
  int status = 0;                ///< as shells show it: 0 to 255, 128 + N if signal N ended the job
  std::int64_t started_ms = 0;   ///< since 1970
  std::int64_t finished_ms = 0;  ///< since 1970
  bool operator==(const RunResult&) const = default;
};

struct Request {
  RequestKind kind = RequestKind::kAcquire;
  /// Counts up with every request; an answer names the request that it belongs to.
  std::uint64_t attempt = 0;
  /// The token of the lease, for kRenew: a renewal may rebuild a lease that the server forgot, but
  /// never one that a later holder has had.
  Token token;
  /// The token of the run whose result a joining candidate waits for, for kAcquire; 0: of none yet.
  Token awaited{};
  /// For kSettle; nothing if the job did not end by itself, which leaves nothing for others to take
  /// over.
  std::optional<RunResult> result{};
};

/// Whether a settlement parks the key. It does not after a job that was made to end, for then this
/// node is going away.
inline bool parks(const Candidate& candidate, const Request& request) {
  return candidate.aftermath.park && request.result.has_value();
}

/// The lease is ours, or was already (acquiring is idempotent for one holder id).
struct Granted {
  Token token;
};

/// Somebody else may own the key.
struct Busy {
  /// What stands at the key: a holder id, or what is_settled() knows; empty if the server does not
  /// know it.
  HolderId holder;
  /// When asking again is worth while, unless a hint comes first. It honours the holder's ttl, not
  /// ours, and is never zero.
  Duration retry_after{};
  /// Of the lease that stands in the way; 0 if the server does not know it.
  Token token{};
};

/// There is nothing to run: a run that ended well forbids another one for a while, or, for a claim
/// that joins, the run that it waited for has ended.
struct Done {
  RunResult result;
  std::string node;  ///< where it ran
  Token token;       ///< its token
};

/// The lease runs for a whole ttl again, from a moment after the request was sent.
struct Renewed {};

/// The key has another value, or a later lease has been given away: not ours any more.
struct Lost {
  HolderId holder;  ///< what stands at the key now; empty: nothing
};

/// Nothing of this claim stands on the server (any more).
struct Released {};

/// The server has been up for less than a ttl and 1 s, so it may have forgotten a lease whose job
/// is still running. It grants nothing but a lease that is the candidate's own already.
struct Young {
  Duration age{};   ///< how long it has been up, in whole seconds
  Duration rest{};  ///< until it grants leases with the candidate's ttl; more than zero
};

/// Why there is no answer about the lease. Each is one exit status.
enum class Trouble : std::uint8_t {
  kUnreachable,    ///< name, network or peer: nobody answered, or the connection broke
  kNotServing,     ///< answered, but cannot serve: loading, read-only, out of memory, too young
  kExhausted,      ///< this machine or process has no descriptor or memory left to ask with
  kDenied,         ///< authentication or permission
  kMisconfigured,  ///< wrong kind of server, wrong database, a key of another type
};

/// Whether trying again cannot help: credentials and configuration do not mend themselves.
constexpr bool is_permanent(Trouble trouble) {
  return trouble == Trouble::kDenied || trouble == Trouble::kMisconfigured;
}

/// No answer about the lease.
struct Failed {
  Trouble trouble = Trouble::kUnreachable;
  /// One line for people: what happened and what to do, without the server's name or any secret.
  std::string text;
  /// True if the request may have been executed, or may yet be: its answer was lost.
  bool unknown = false;
  /// When asking again is worth while; zero if the store does not know.
  Duration retry_after{};
  /// True if a release of the holder id may still be on its way to the server, so that the id must
  /// never acquire again: that release would delete the lease that it gets.
  bool id_spent = false;
};

using Answer = std::variant<Granted, Busy, Done, Renewed, Lost, Released, Young, Failed>;

/// Why nothing is granted yet, as one line for people.
std::string describe(const Young& answer);

/// An answer with the number of the request that it belongs to (Request::attempt).
struct Answered {
  std::uint64_t attempt = 0;
  Answer answer;
};

}  // namespace cluster_leader
