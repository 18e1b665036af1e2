#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace cluster_leader {

/// The longest key that a store takes, in bytes, prefix included.
inline constexpr std::size_t kMaxKeyLength = 512;

/// The name that replicas compete for, prefix included: any bytes without NUL, 1 to 512 of them.
struct Key {
  std::string value;
};

/// Who holds a lease: `NODE/RANDOM`, new for every acquisition. With an id that is used twice, a
/// late release of the first lease would delete the second.
struct HolderId {
  std::string value;
  bool operator==(const HolderId&) const = default;
};

/// The fencing token: an integer that only grows from lease to lease of a key (M. Kleppmann, "How
/// to do distributed locking", 2016). 0 is "none".
struct Token {
  std::int64_t value = 0;
  auto operator<=>(const Token&) const = default;
};

/// What becomes of a key when the job that ran under it is gone.
struct Aftermath {
  /// Nobody gets the key before so long after it was acquired, whatever the job's result.
  Duration hold{};
  /// After that, for a ttl, only a candidate of the same identity gets it.
  bool park = false;
  /// After a success nobody runs the key again for so long; zero: there is no such rule.
  Duration once{};
};

/// Who stands for keys, and what others may read about it: the same for all keys of a process.
struct Candidate {
  Duration ttl{};
  std::string node;      ///< the label of the place where the holder runs
  std::string host;      ///< gethostname(2)
  std::int64_t pid = 0;  ///< of the process that callers know
  std::string command;   ///< the job, for people
  /// `NODE/...`, whom a parked key belongs to: nodes may share a label, but not an identity. Empty:
  /// this candidate has no use for one, and takes no parked key.
  std::string identity{};
  Aftermath aftermath{};
  /// Whether the result of another holder's run is as good as a lease.
  bool joins = false;
  /// Whether it wants to hear what happens to its keys: a candidate that waits does, one that tries
  /// once does not.
  bool listens = false;
};

/// What one term of a candidate stands for.
struct Claim {
  Key key;
  HolderId holder;
};

/// What stands in the place of a holder id after the job, when a key is parked for one identity.
HolderId parked_for(const std::string& identity);

/// The same for a key that is held, and so nobody's.
HolderId held_after(const HolderId& holder);

/// Whether a key with this value is parked for one identity.
bool is_parked(const HolderId& holder);

/// Whether a key with this value is parked or held, and no job runs under it.
bool is_settled(const HolderId& holder);

/// The node label of whoever has, or had, a key with this value, which is all before the last
/// slash; the whole value where there is none, as in keys that the Node-RED node wrote.
std::string node_of(const std::string& holder_value);

}  // namespace cluster_leader
