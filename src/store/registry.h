#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/claim.h"

namespace cluster_leader {

/// What stands at one key, as everybody may read it.
struct LeaseView {
  enum class State : std::uint8_t {
    kFree,      ///< nobody owns it, and whoever asks gets it
    kHeld,      ///< a job may run under it
    kParked,    ///< no job runs; for `remaining` only one node gets it (--sticky)
    kResting,   ///< no job runs; for `remaining` nobody gets it (--min-hold)
    kVanished,  ///< its lock is gone though the lease has not ended: for `remaining` only its last
                ///< holder gets it
    kDone,      ///< free, but for `remaining` nobody runs it again (--once)
    kGarbage,   ///< somebody else's data stands there: `fault` says what
  };
  Key key;
  State state = State::kFree;
  HolderId holder;  ///< what stands at the key, as it is; empty: nothing
  /// The rest comes from the record, and is empty where that does not describe what stands at the
  /// key, as for one that the Node-RED node wrote; but for a key that is free it tells of the last
  /// lease.
  std::string node;  ///< of the holder, or whom a parked key is for; node_of(holder) without a record
  std::string host;
  std::int64_t pid = 0;
  std::string command;
  std::string identity;        ///< Candidate::identity of the holder
  std::int64_t since_ms = 0;   ///< ms since 1970; 0: not known
  Token token;                 ///< 0: not known
  Duration ttl{};              ///< of the holder; 0: not known
  std::optional<Duration> remaining{};       ///< nothing: without end, or not known
  std::optional<std::int64_t> waiters{};     ///< who listen for its release; nothing: not known
  std::string fault{};         ///< for kGarbage, one line for people
};

/// Who a lease may be taken from by hand.
struct Eviction {
  std::string node;      ///< our node label
  std::string host;      ///< gethostname(2)
  std::string identity;  ///< machine_identity(node)
  bool force = false;    ///< whoever holds it
};

/// What came of a release by hand.
struct Evicted {
  enum class Kind : std::uint8_t {
    kReleased,  ///< it was `before`, and is free now
    kNobodys,   ///< nobody held it
    kOthers,    ///< `before` is another node's, and was left alone
  };
  Kind kind = Kind::kNobodys;
  LeaseView before;
};

/// True if the lease that `view` describes is the node's that `us` names: where the record has an
/// identity, by that, else by label and host name. Nodes may share a label, or a host name, but no
/// identity.
bool belongs_to(const LeaseView& view, const Eviction& us);

/// The leases at one place, for the people around them. Unlike a Store it may wait for an answer,
/// though never beyond the deadline that it is given: no lease depends on who looks at others'.
/// Failures are values; what this machine refuses throws std::system_error.
class Registry {
 public:
  virtual ~Registry() = default;

  /// Every key in use whose name begins with `prefix`, in order: all but those that are free.
  virtual std::variant<std::vector<LeaseView>, Failed> list(const std::string& prefix,
                                                            Time deadline) = 0;

  /// What stands at `key`.
  virtual std::variant<LeaseView, Failed> look(const Key& key, Time deadline) = 0;

  /// Frees `key` if that is allowed, in one step with looking whose it is: a lease that is held is
  /// taken away, one that is parked or resting ended. Those who wait for it are woken, and its
  /// holder is told.
  virtual std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                              Time deadline) = 0;
};

}  // namespace cluster_leader
