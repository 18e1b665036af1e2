#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// What a supervisor requests of a store, which answers with one of the outcomes below.
enum class RequestKind : std::uint8_t {
  kAcquire,
  kRenew,
  kRelease,  ///< releases a lease under which no job has run
  kFinish,   ///< releases it after a job, as Candidate::aftermath says
  // Only what asks a quorum of servers sends the following to each of them.
  kVote,   ///< takes the lock as kAcquire does, and leaves all else as it was
  kAdopt,  ///< makes that lock a lease with Request::token
};

/// Whether a request of this kind takes the lock for the candidate, if nobody else has it.
constexpr bool takes_lock(RequestKind kind) {
  return kind == RequestKind::kAcquire || kind == RequestKind::kVote;
}

/// How a run ended by itself, as stored for others.
struct RunResult {
  int status = 0;                ///< as in shells: 0 to 255, 128 + N if signal N ended the job
  std::int64_t started_ms = 0;   ///< since 1970
  std::int64_t finished_ms = 0;  ///< since 1970
  bool operator==(const RunResult&) const = default;
};

/// A run that has ended.
struct EndedRun {
  RunResult result;
  std::string node;  ///< where it ran
  Token token;       ///< its token; 0: there was no run
};

struct Request {
  RequestKind kind = RequestKind::kAcquire;
  /// Increases with every request; an answer carries the number of its request.
  std::uint64_t attempt = 0;
  /// For kRenew, the token of the lease: a renewal may rebuild a lease that the server has lost,
  /// but not once a later lease has been granted. For kAdopt, the token that the lease gets.
  Token token;
  /// For kAcquire, the token of the run whose result a joining candidate waits for; 0: none yet.
  Token awaited{};
  /// For kAcquire of a candidate that yields to newer ones: Busy::era of the first answer; nothing:
  /// there was none yet.
  std::optional<std::int64_t> era{};
  /// For kFinish: how the job ended by itself, which others may take as their own result.
  std::optional<RunResult> result{};
  /// For kFinish: how it ended otherwise, which is stored for people only. At most one of the two.
  std::optional<RunResult> stopped{};
  /// For kRenew and kFinish, the slot of the lease: Granted::slot. A release ends the lease or the
  /// wait of its holder id in whichever slot it has: the answer that named it may have been lost.
  std::uint32_t slot = 0;
};

/// Whether a finish request parks the key. It does not after a job that was told to end, because
/// then this node is going away.
inline bool parks(const Candidate& candidate, const Request& request) {
  return candidate.aftermath.park && request.result.has_value();
}

/// The lease is ours now, or was already: acquiring is idempotent for one holder id.
struct Granted {
  Token token;
  std::uint32_t slot = 0;  ///< which of the key's leases it is; below Candidate::slots
};

/// This server's lock is ours. Only an answer to kVote.
struct Voted {
  Token fence;                 ///< the last one that the server knows
  std::int64_t server_ms = 0;  ///< the server's clock, since 1970
};

/// Somebody else may own the key.
struct Busy {
  /// The value of the key: a holder id, or one for which is_reserved() is true; empty if nobody has
  /// it, or if the server does not know who.
  HolderId holder;
  /// How long to wait before the next try, unless a hint comes first. It depends on the holder's
  /// ttl, not on ours, and is never zero.
  Duration retry_after{};
  /// The token of the lease in the way; 0 if the server does not know it.
  Token token{};
  /// Grows whenever a candidate supersedes those before it: to them, the next answer is Superseded.
  std::int64_t era = 0;
  /// Which one in line the candidate is, from 1 on; 0: it has no place in a queue.
  std::size_t place = 0;
  /// Nobody has the key, but others are in line before the candidate. `retry_after` is when it may
  /// have the key if none of them takes it.
  bool is_free = false;
};

/// A newer candidate has superseded this one while it waited.
struct Superseded {
  std::string node;  ///< of the newer one
};

/// There is nothing to run: a recent successful run forbids another one for a while
/// (Aftermath::once) or, if the candidate joins, the run that it waited for has ended.
struct Done {
  RunResult result;
  std::string node;  ///< where it ran
  Token token;       ///< its token
};

/// Somebody wants the key back without taking it: the holder stops its job, and then releases.
struct StopRequest {
  std::string node;         ///< of whoever asks
  bool supersedes = false;  ///< a newer run does (Candidate::supersedes)
};

/// The lease lasts for a whole ttl again, from a moment after the request was sent.
struct Renewed {
  std::optional<StopRequest> stop{};  ///< of this very lease; nothing: nobody asks
};

/// The lease is no longer ours: the key has another value, or a later lease has been granted.
struct Lost {
  HolderId holder;  ///< the value of the key now; empty: it has none
};

/// The server has no lease under this holder id, or no longer has one.
struct Released {};

/// The server has been up, or a primary, for less than a ttl and 1 s, so it may have lost a lease
/// whose job is still running. It grants only a lease that is the candidate's own already.
struct Young {
  Duration age{};   ///< for how long, in whole seconds
  Duration rest{};  ///< until it grants leases with the candidate's ttl; more than zero
  /// Why it does not say how long it has been up, so that `age` is how long it has been watched;
  /// empty if it does.
  std::string hidden_because{};
  /// What has happened to the server, for people; empty: it has started.
  std::string because{};
  std::size_t place = 0;  ///< as in Busy
};

/// Why there is no answer about the lease. Each is one exit status.
enum class Trouble : std::uint8_t {
  kUnreachable,    ///< name, network or server: no answer, or the connection broke
  kNotServing,     ///< answered, but cannot serve: loading, read-only, out of memory, too young
  kExhausted,      ///< this machine or process has no descriptors or memory left for a request
  kDenied,         ///< authentication or permission
  kMisconfigured,  ///< wrong kind of server, wrong database, a key of another type
};

/// Whether retrying cannot help: wrong credentials and configuration stay wrong.
constexpr bool is_permanent(Trouble trouble) {
  return trouble == Trouble::kDenied || trouble == Trouble::kMisconfigured;
}

/// No answer about the lease.
struct Failed {
  Trouble trouble = Trouble::kUnreachable;
  /// One line for people: what happened and what to do, without the server's name or any secret.
  std::string text;
  /// True if the request may have been executed, or may still be: its answer was lost.
  bool unknown = false;
  /// How long to wait before the next try; zero if the store does not know.
  Duration retry_after{};
  /// True if a release of the holder id may still be on its way to the server. The id must then
  /// never acquire again, because that release would delete its new lease.
  bool id_spent = false;
};

/// The answer to an acquire while an earlier attempt under the same holder id is being released.
Failed still_releasing();

using Answer =
    std::variant<Granted, Voted, Busy, Superseded, Done, Renewed, Lost, Released, Young, Failed>;

/// Whether the lock is the candidate's.
inline bool is_grant(const Answer& answer) {
  return std::holds_alternative<Granted>(answer) || std::holds_alternative<Voted>(answer);
}

/// What has happened to the server, for people.
std::string cause_of(const Young& answer);

/// Why nothing is granted yet, in one line for people.
std::string describe(const Young& answer);

/// An answer with the number of its request (Request::attempt).
struct Answered {
  std::uint64_t attempt = 0;
  Answer answer;
};

}  // namespace cluster_leader
