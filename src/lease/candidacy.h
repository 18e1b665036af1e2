#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cluster_leader {

/// The longest key, in bytes, prefix included.
inline constexpr std::size_t kMaxKeyLength = 512;

/// The most leases that one key can have at once.
inline constexpr std::uint32_t kMaxSlots = 64;

/// The longest label of a job, in bytes.
inline constexpr std::size_t kMaxLabelLength = 200;

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
  std::string label;     ///< what the job is, for people; at most kMaxLabelLength bytes
  /// `NODE/...`, the owner of a parked key: nodes may share a label, but not an identity. Empty:
  /// this candidate neither parks keys nor acquires parked ones.
  std::string identity{};
  Aftermath aftermath{};
  /// How many leases each key has, 1 to kMaxSlots: they are its slots, from 0 on, and the candidate
  /// takes the first free one. Callers with different numbers each use the first ones.
  std::uint32_t slots = 1;
  /// Whether to accept the result of another holder's run in place of a lease.
  bool joins = false;
  /// Whether a newer candidate that supersedes ends this one's candidacy while it waits.
  bool yields = false;
  /// Whether to ask whoever has the key to give it back, and to send away whoever waits for it.
  bool supersedes = false;
  /// The ids of the leases that wait for this process's own end, which are not asked for.
  std::string outer{};
  /// Whether it waits for its keys, and receives hints about them, rather than trying once.
  bool listens = false;
};

/// Whether a candidate that waits must hear all that happens to its keys, and not only that it is
/// next: it reports who leads, or takes a result, or a key that is parked for it.
inline bool hears_all(const Candidate& candidate) {
  return candidate.joins || !candidate.identity.empty();
}

/// The label of a job without one of its own: the name of its program, "backup" for
/// "/usr/bin/backup", cut to kMaxLabelLength. Arguments are left out, since they may contain
/// secrets and everybody who uses the server can read a label.
std::string program_name(std::string_view path);

/// The label for a record of an earlier version, which stored the whole command line.
std::string label_of_command(std::string_view command_line);

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
