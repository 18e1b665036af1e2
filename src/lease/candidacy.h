#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace cluster_leader {

/// The longest key, in bytes, prefix included.
inline constexpr std::size_t kMaxKeyLength = 512;

/// The name that replicas compete for, prefix included: any bytes without NUL, 1 to
/// kMaxKeyLength of them.
struct Key {
  std::string value;
};

/// Who holds a lease: `NODE/RANDOM`, new for every acquisition. If an id were used twice, a late
/// release of the first lease would delete the second.
struct HolderId {
  std::string value;
  bool operator==(const HolderId&) const = default;
};

/// The fencing token: an integer that grows with every lease of a key (M. Kleppmann, "How to do
/// distributed locking", 2016). 0 is "none".
struct Token {
  std::int64_t value = 0;
  auto operator<=>(const Token&) const = default;
};

/// What happens to a key after the job that ran under it has ended.
struct Aftermath {
  /// How long nobody else gets the key, counted from its acquisition, whatever the job's result.
  Duration hold{};
  /// Whether, for a ttl after that, only a candidate of the same identity gets the key.
  bool park = false;
  /// How long after a success nobody runs a job under the key again; zero: no such limit.
  Duration once{};
};

/// Who campaigns for keys, and what others can read about it: the same for all keys of a process.
struct Candidate {
  Duration ttl{};
  std::string node;      ///< the label of the node where the holder runs
  std::string host;      ///< gethostname(2)
  std::int64_t pid = 0;  ///< of the front, which callers know
  std::string command;   ///< the job, for people
  /// `NODE/...`, the owner of a parked key: nodes may share a label, but not an identity. Empty:
  /// this candidate neither parks keys nor acquires parked ones.
  std::string identity{};
  Aftermath aftermath{};
  /// Whether to accept the result of another holder's run in place of a lease.
  bool joins = false;
  /// Whether to receive hints about its keys: a candidate that waits does, one that tries once does
  /// not.
  bool listens = false;
};

/// One term's candidacy: the key, and the holder id under which it would be held.
struct Candidacy {
  Key key;
  HolderId holder;
};

/// The value of a key that is parked for one identity after a job, in place of a holder id.
HolderId parked_for(const std::string& identity);

/// The value of a key that nobody may have yet, after a job with Aftermath::hold.
HolderId held_after(const HolderId& holder);

/// Whether a key with this value is parked for one identity.
bool is_parked(const HolderId& holder);

/// Whether a key with this value is parked or held, so that no job runs under it.
bool is_reserved(const HolderId& holder);

/// The node label of the holder, or last holder, of a key with this value: all before the last
/// slash, or the whole value if there is none, as in keys that the Node-RED node wrote.
std::string node_of(const std::string& holder_value);

}  // namespace cluster_leader
