#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/claim.h"
#include "store/connect_times.h"
#include "store/lease_trial.h"
#include "store/location.h"

namespace cluster_leader {

// What `doctor` measures at a place of leases. Nothing is judged here. What is tried is tried on a
// key of its own, of which nothing stays.

/// What a server says about itself in reply to INFO. Nothing where it does not.
struct ServerFacts {
  std::string version;
  std::string role;  ///< "master" or "slave"
  std::optional<std::int64_t> uptime_s;
  std::optional<bool> has_append_file;
  std::string eviction;  ///< maxmemory-policy
  std::optional<std::int64_t> max_memory;
  std::optional<std::int64_t> replicas;
  std::optional<std::int64_t> good_replicas;  ///< as min-replicas-to-write counts; else it is off
};
ServerFacts facts_in(std::string_view info);

/// A command that the server does not let us use.
struct Refusal {
  enum class Cause : std::uint8_t { kCommand, kKey, kChannel };
  std::string right;  ///< as ACL SETUSER has it behind a plus
  Cause cause = Cause::kCommand;
  bool operator==(const Refusal&) const = default;
};

struct RedisCheckup {
  bool is_address = false;        ///< the host is one, so that there is no name to look up
  ConnectTimes times;             ///< of the steps that were taken
  std::optional<Failed> failure;  ///< of the next one; then there is nothing else
  bool speaks_resp2 = false;
  std::string version;  ///< as the server greets with; may be empty
  std::optional<Failed> wrong_role;
  std::vector<Refusal> refusals;
  std::optional<ServerFacts> facts;  ///< nothing: INFO is refused
  /// Of its configuration, where we may read it and it matters: when the append-only file is
  /// written, and when snapshots are taken, "" if never.
  std::optional<std::string> append_fsync;
  std::optional<std::string> snapshots;
  std::optional<Duration> clock_ahead;  ///< of ours, by the server's
  std::optional<LeaseTrial> lease;      ///< nothing on a server of the wrong role
};

/// How long an answer is waited for at least once we are connected: what is too slow for a lease
/// shall be measured all the same.
inline constexpr Duration kLeastPatience = std::chrono::seconds(5);

/// Examines a server. `candidate` is who asks, with the ttl that is to be used; connecting may take
/// as long as `patience`.
RedisCheckup check_up(const RedisLocation& location, const std::string& prefix,
                      const Candidate& candidate, Duration patience);

struct FileCheckup {
  bool exists = true;
  std::optional<Failed> failure;       ///< why no file can be made in it; then nothing else
  bool is_shared = false;              ///< with other machines; then nothing else either
  std::optional<std::string> no_lock;  ///< why flock(2) keeps nobody out
  std::optional<std::string> no_ear;   ///< why nobody hears of a release
  std::optional<LeaseTrial> lease;
};

/// Examines a directory, without making it. What is made in it is removed, also where a step fails.
/// `is_shared` says whether the file system of the directory `fd` can be another machine's too;
/// null: by asking the system.
FileCheckup check_up(const FileLocation& location, const std::string& prefix,
                     const Candidate& candidate, bool (*is_shared)(int fd) = nullptr);

}  // namespace cluster_leader
