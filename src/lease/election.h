#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/backoff.h"
#include "lease/candidacy.h"
#include "lease/supervisor.h"
#include "lease/timeline.h"

namespace cluster_leader {

/// Who leads, as far as one candidate knows.
enum class ElectionState : std::uint8_t {
  kUnknown,   ///< not known yet
  kLeader,    ///< this candidate
  kFollower,  ///< another one
  kNone,      ///< nobody
  kDown,      ///< no server can tell
  kStarting,  ///< the server has just started, and may have lost the leader's lease
};

/// Whether the server can tell who leads.
constexpr bool is_answer(ElectionState state) {
  return state == ElectionState::kLeader || state == ElectionState::kFollower ||
         state == ElectionState::kNone;
}

/// A candidate's view of one key. If the key has several leases (Supervisor::is_shared), kFollower
/// means that each of them is taken, and does not say by whom.
struct Leadership {
  ElectionState state = ElectionState::kUnknown;
  HolderId holder;  ///< who leads, for kLeader and kFollower
  Token token;      ///< of the leader's lease; 0: none, or not known
  /// For kStarting: how long until the server grants leases, when it was asked.
  Duration ready_in{};
  /// For kDown and kStarting: why no server tells who leads, for people; empty: not known.
  std::string reason{};
  std::uint32_t slot = 0;  ///< for kLeader: which of the key's leases it is

  /// That the server is ready sooner, or that another reason is known, is no change.
  bool operator==(const Leadership& other) const {
    return state == other.state && holder == other.holder && token == other.token;
  }
};

/// A candidate's view after its supervisor has handled an answer. Its own leadership wins over
/// everything else. A single failure that is retried at once changes nothing, so that a reconnect
/// is not a change of state; the second one in a row gives kDown. `own` is the holder id of the
/// supervisor's term, which `before` may not include yet.
Leadership after_answer(const Leadership& before, const Supervisor& supervisor, const HolderId& own,
                        const Answer& answer);

/// The same after any other step of its supervisor: a job has started, a stop has begun, no answer
/// came in time (kDown). Cheap, and without effect if nothing has changed.
Leadership after_step(const Leadership& before, const Supervisor& supervisor, const HolderId& own);

/// The same after the hint that `new_holder` has acquired the key with `token` (0: not known). It
/// is only a hint, so a holder waits for its next renewal, and a candidate without a server for an
/// answer. Of a key with several leases it says nothing about the others.
Leadership after_acquisition(const Leadership& before, const Supervisor& supervisor,
                             const HolderId& own, const HolderId& new_holder, Token token);

/// The same after the hint that `old_holder` has released the key, once the supervisor has handled
/// it: nobody leads, unless the candidate is trying at once and will know better, or the key has
/// several leases.
Leadership after_release(const Leadership& before, const Supervisor& supervisor,
                         const HolderId& own, const HolderId& old_holder);

/// How long a candidate that campaigns continuously pauses after a term with this outcome. After a
/// lost lease it is a short pause from `backoff`. Otherwise it is a ttl, so that others get their
/// turn after a resignation, and a permanent failure may have been repaired meanwhile; that resets
/// `backoff`.
Duration cool_down_after(Outcome outcome, const Timeline& timeline, Backoff& backoff);

}  // namespace cluster_leader
