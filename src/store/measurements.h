#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/candidacy.h"
#include "store/connect_times.h"
#include "store/lease_probe.h"
#include "store/location.h"
#include "store/server_facts.h"
#include "store/tls_facts.h"

namespace cluster_leader {

// What `doctor` measures at a location. Nothing is judged here. Leases are tried on a key of their
// own, of which nothing is left.

/// A command that the server does not let us use.
struct Refusal {
  enum class Cause : std::uint8_t {
    kCommand,  ///< the user has no right to it
    kKey,      ///< the user has no right to the key
    kChannel,  ///< the user has no right to the channel
    kMissing,  ///< the server does not know it: renamed or disabled
    kScript,   ///< it is refused inside scripts only
  };
  std::string right;  ///< as in ACL SETUSER, without the plus
  Cause cause = Cause::kCommand;
  bool operator==(const Refusal&) const = default;
};

struct RedisMeasurements {
  bool is_address = false;        ///< the host is an address, so that there is no name to look up
  ConnectTimes times;             ///< of the steps that succeeded
  std::optional<Failed> failure;  ///< of the step that did not; nothing after it was measured
  std::optional<TlsFacts> tls;    ///< nothing without TLS, or if the handshake failed
  bool speaks_resp2 = false;
  std::string version;  ///< from its greeting; may be empty
  std::optional<Failed> wrong_role;
  std::vector<Refusal> refusals;
  std::optional<ServerFacts> facts;  ///< nothing: INFO is among the refusals
  /// From its configuration, if we may read it: when the append-only file is written if there is
  /// one, else when snapshots are taken ("": never).
  std::optional<std::string> append_fsync;
  std::optional<std::string> snapshots;
  std::optional<Duration> clock_ahead;  ///< of ours, by the server's
  std::optional<LeaseProbe> lease;      ///< nothing on a server of the wrong role
};

/// How long to wait for an answer once connected: a server that is too slow for a lease is measured
/// all the same.
inline constexpr Duration kLeastPatience = std::chrono::seconds(5);

/// Measures a server. `candidate` has the ttl that is to be used. Connecting may take as long as
/// `patience`. `tag` gives a key one of its slots if it is a node of a cluster; empty: it is none.
RedisMeasurements measure(const RedisLocation& location, const std::string& prefix,
                          const Candidate& candidate, Duration patience,
                          const std::string& tag = "");

struct SentinelMeasurements {
  std::size_t answered = 0;            ///< Sentinels
  std::size_t members = 0;             ///< that there are
  std::optional<Failed> failure;       ///< why no majority of them names a primary
  std::optional<Endpoint> primary;     ///< that they name
  std::optional<Duration> down_after;  ///< how long they take it for alive; nothing: not known
};

/// Asks the Sentinels, for as long as `patience`.
SentinelMeasurements measure(const SentinelLocation& location, Duration patience);

struct ClusterMeasurements {
  std::optional<Failed> failure;  ///< why no node says which nodes there are
  std::string state;              ///< "ok" or "fail", as a node has it; empty: it does not say
  std::size_t slots = 0;          ///< that some node has, of 16,384
  std::optional<Duration> node_timeout;  ///< how long a node is taken for alive; nothing: not known
  struct Primary {
    Endpoint endpoint;
    RedisMeasurements measured;
  };
  std::vector<Primary> primaries;  ///< those that can have keys with the prefix
};

/// Asks a node for the others, and measures each primary as above.
ClusterMeasurements measure(const ClusterLocation& location, const std::string& prefix,
                            const Candidate& candidate, Duration patience);

struct FileMeasurements {
  bool exists = true;
  std::optional<Failed> failure;        ///< no file can be created in it; nothing else was measured
  bool is_shared = false;               ///< with other machines; nothing else was measured
  std::optional<std::string> no_lock;   ///< why flock(2) does not exclude other processes
  std::optional<std::string> no_watch;  ///< why waiting candidates are not notified
  std::optional<LeaseProbe> lease;
};

/// Measures a directory, and does not create it. Files that are created in it are removed, even if
/// a step fails. `is_shared` says whether other machines may use the file system of the directory
/// `fd` too; null: ask the operating system.
FileMeasurements measure(const FileLocation& location, const std::string& prefix,
                         const Candidate& candidate, bool (*is_shared)(int fd) = nullptr);

}  // namespace cluster_leader
