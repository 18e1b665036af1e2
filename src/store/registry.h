#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
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
  HolderId holder;   ///< what stands at the key, as it is; empty: nothing
  std::string node;  ///< of the holder, or whom a parked key is for
  /// The rest comes from the record, and is empty where that does not describe what stands at the
  /// key, as for one that the Node-RED node wrote. Without a holder it tells of the last lease.
  std::string host;
  std::int64_t pid = 0;
  std::string command;
  std::string identity;                   ///< Candidate::identity of the holder
  std::int64_t since_ms = 0;              ///< ms since 1970; 0: not known
  Token token;                            ///< 0: not known
  Duration ttl{};                         ///< of the holder; 0: not known
  std::optional<Duration> remaining{};    ///< nothing: without end, or not known
  std::optional<std::int64_t> waiters{};  ///< who listen for its release; nothing: not known
  /// One line for people about what makes no sense. A lease may be held though a part of its record
  /// is damaged; a garbage key has nothing but this, and perhaps a holder.
  std::string fault{};
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

/// Several keys of one place.
struct Listing {
  std::vector<LeaseView> views;
  std::size_t unread = 0;           ///< keys that are missing there,
  std::optional<Failed> failure{};  ///< and why, for the first of them
};

/// Adds what stands at one key, or why it could not be read.
void add_to(Listing& listing, std::variant<LeaseView, Failed> looked);

/// Leaves those in use.
void drop_free_keys(Listing& listing);

/// True if the lease that `view` describes is the node's that `us` names: where the record has an
/// identity, by that, else by label and host name. Nodes may share a label, or a host name, but no
/// identity.
bool belongs_to(const LeaseView& view, const Eviction& us);

/// What may be done to the lease that `view` describes. What is no lease is nobody's to release,
/// even by force.
std::variant<Evicted::Kind, Failed> judge(const LeaseView& view, const Eviction& us);

/// The leases at one place, for the people around them. Unlike a Store it waits for answers: with
/// `patience` for the first one, connecting included, and as long again for each that a list needs
/// more. No lease depends on who looks at others'. Failures are values.
class Registry {
 public:
  virtual ~Registry() = default;

  /// Every key in use whose name begins with `prefix`, in order: all but those that are free. A key
  /// that never had a record, such as one that only the Node-RED node has used, is not found; one
  /// that we have no right to read is not in the way of the others. Takes at most kLongestList
  /// patiences.
  virtual std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) = 0;
  static constexpr int kLongestList = 100;

  /// What stands at each of `keys`, also at those that are free.
  virtual std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) = 0;

  /// What stands at `key`, but for who waits for it.
  virtual std::variant<LeaseView, Failed> look(const Key& key, Duration patience) = 0;

  /// Frees `key` if that is allowed and it is still what was looked at: a lease that is held is
  /// taken away, one that is parked or resting ended. Those who wait for it are woken, and its
  /// holder is told.
  virtual std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                              Duration patience) = 0;
};

}  // namespace cluster_leader
