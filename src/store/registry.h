#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// What is stored at one key, as anybody may read it.
struct LeaseView {
  enum class State : std::uint8_t {
    kFree,         ///< nobody holds it, and the next candidate gets it
    kHeld,         ///< a job may run under it
    kParked,       ///< no job runs; for `remaining` only one node gets it (--sticky)
    kCoolingDown,  ///< no job runs; for `remaining` nobody gets it (--min-hold)
    kVanished,     ///< its lock is gone although the lease has not ended: for `remaining` only its
                   ///< last holder gets it
    kDone,         ///< free, but for `remaining` nobody runs it again (--once)
    kForeign,      ///< another program's data is stored there: `fault` says what
  };
  Key key;
  std::uint32_t slot = 0;  ///< which of the key's leases; 0 is the only one without --slots
  State state = State::kFree;
  HolderId holder;   ///< the value at the key, byte for byte; empty: none
  std::string node;  ///< of the holder, or the node that a parked key is for
  /// The rest comes from the record, and is empty if that does not describe the value at the key,
  /// such as one that the Node-RED node wrote. Without a holder it describes the last lease.
  std::string host;
  std::int64_t pid = 0;
  std::string label;                    ///< of the job
  std::string identity;                 ///< Candidate::identity of the holder
  std::int64_t since_ms = 0;            ///< ms since 1970; 0: not known
  Token token;                          ///< 0: not known
  Duration ttl{};                       ///< of the holder; 0: not known
  std::optional<Duration> remaining{};  ///< nothing: without end, or not known
  std::optional<EndedRun> last_run{};   ///< nothing: not known
  /// For how long nobody runs the key again (--once), whatever its state; nothing: somebody may.
  std::optional<Duration> done_for{};
  /// How many candidates wait for the key, in whichever slot; nothing: not known. The views of all
  /// slots say the same.
  std::optional<std::int64_t> waiters{};
  std::int64_t waiting_since_ms = 0;  ///< the first of them, in ms since 1970; 0: not known
  /// One line for people about data that makes no sense. A lease may be held although a part of its
  /// record is damaged; a foreign key has only this, and perhaps a holder.
  std::string fault{};
};

/// What is done to a key by hand, and on whose behalf.
struct Eviction {
  std::string node;      ///< our node label
  std::string host;      ///< gethostname(2)
  std::string identity;  ///< machine_identity(node)
  bool force = false;    ///< also if another node holds it
  /// Its lease is ours, although the record may not say so: another server does. Empty: none.
  HolderId holder{};
  enum class What : std::uint8_t {
    kLease,   ///< release it
    kResult,  ///< forget that the key has been run and is not to be run again; ignores `force`
    kAsk,     ///< ask whoever holds it to stop the job and release; release it if nobody does
  };
  What what = What::kLease;
  std::optional<std::uint32_t> slot{};  ///< which of the key's leases; nothing: 0
};

/// The outcome of what was done to a key by hand.
struct Evicted {
  enum class Kind : std::uint8_t {
    kReleased,   ///< it was `before`, and is free now
    kForgotten,  ///< it was `before`, and may be run again
    kAsked,      ///< `before` holds it, and will release it once its job has ended
    kNobodys,    ///< there was nothing to do
    kOthers,     ///< `before` is another node's, and nothing was done
  };
  Kind kind = Kind::kNobodys;
  LeaseView before;
};

constexpr bool changes_nothing(Evicted::Kind kind) {
  return kind == Evicted::Kind::kNobodys || kind == Evicted::Kind::kOthers;
}

/// Several keys at one location.
struct Listing {
  std::vector<LeaseView> views;     ///< of a key with several slots, those that are not free
  std::size_t unread = 0;           ///< keys, or slots of them, that could not be read
  std::optional<Failed> failure{};  ///< why not, for the first of them
};

/// Adds the view of one key, or counts it as unread.
void add_to(Listing& listing, std::variant<LeaseView, Failed> looked);

/// Removes the keys that are not in use, and their slots.
void drop_free_keys(Listing& listing);

/// Removes the free slots of each key, but not all of them: slot 0 stays if all are free. REQUIRES:
/// the views of a key follow each other.
void drop_free_slots(Listing& listing);

/// True if the lease that `view` describes belongs to the node of `us`: by holder if `us` has one,
/// by identity if the record has one, else by label and host name. Nodes may share a label, or a
/// host name, but no identity.
bool belongs_to(const LeaseView& view, const Eviction& us);

/// What may be done to the key that `view` describes. Nothing is done to data that is not a lease,
/// not even by force: that is the Failed.
std::variant<Evicted::Kind, Failed> judge(const LeaseView& view, const Eviction& us);

/// The leases at one location, for people. Unlike a Store it waits for answers: up to `patience`
/// for the first one, connecting included, and as long again for each further one that a list
/// needs. Failures are values.
class Registry {
 public:
  virtual ~Registry() = default;

  /// Every key in use, which is every key that is not free, whose name begins with `prefix`; in
  /// order of the keys and their slots. A key that never had a record, such as one that only the
  /// Node-RED node has used, is not found. A key that we have no right to read counts as unread.
  /// Takes at most kLongestList times `patience`.
  virtual std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) = 0;
  static constexpr int kLongestList = 100;

  /// Views of all `keys`, including those that are free; of a key with several slots, of each that
  /// is not free.
  virtual std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) = 0;

  /// The same of one key, with less rights: `waiters` may be missing. Nothing is unread.
  virtual std::variant<Listing, Failed> look(const Key& key, Duration patience) = 0;

  /// Does to one slot of `key` what `us` says. A lease is released if `us` may do that: a held one
  /// is taken from its holder, who is notified; a parked key, or one that cools down, becomes free.
  /// Waiting candidates are woken.
  virtual std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                              Duration patience) = 0;

  // What else is needed to ask several registries without waiting for one after the other. Each
  // turn: watch(), a wait until wake_at() at the latest, and advance(), until that returns true.

  /// Begins to connect; the other functions go on from there.
  virtual void begin(Time /*deadline*/) {}
  virtual void watch(Poller& /*poller*/) {}
  virtual Time wake_at() const { return kNever; }
  /// Whether it is connected, or that has failed, which the next request then says.
  virtual bool advance(const Poller& /*poller*/, Time /*now*/) { return true; }
};

}  // namespace cluster_leader
