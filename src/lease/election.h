#pragma once

#include <cstdint>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/backoff.h"
#include "lease/claim.h"
#include "lease/supervisor.h"
#include "lease/timeline.h"

namespace cluster_leader {

/// Who leads a key, as far as one candidate knows.
enum class Standing : std::uint8_t {
  kUnknown,   ///< nothing was heard yet
  kLeader,    ///< this candidate
  kFollower,  ///< another one
  kNone,      ///< nobody, right now
  kDown,      ///< there is no server that can tell: also one that has just started, and may have
              ///< forgotten a leader
};

/// A candidate's view of one key.
struct Leadership {
  Standing standing = Standing::kUnknown;
  HolderId holder;  ///< who leads, for kLeader and kFollower
  Token token;      ///< of the leader's lease; 0: there is none, or it is not known
  bool operator==(const Leadership&) const = default;
};

/// What becomes of a candidate's view when its supervisor has taken an answer in. Its own
/// leadership wins over everything. One failure changes nothing where the next attempt comes at
/// once, so that a connection that is made anew is no change of state; a second one in a row says
/// kDown. `own` is the holder id of the supervisor's term, of which `before` may know nothing yet.
Leadership after_answer(const Leadership& before, const Supervisor& supervisor, const HolderId& own,
                        const Answer& answer);

/// The same after any other step of its supervisor: a job has started, a stop has begun, no answer
/// came in time (kDown). Cheap, and without effect where nothing has changed.
Leadership after_step(const Leadership& before, const Supervisor& supervisor, const HolderId& own);

/// The same when others are heard of: `taker` has acquired the key, with `token` (0: not known).
/// That is a hint, so whoever has the lease waits for what its next renewal says, and whoever finds
/// no server for an answer.
Leadership after_taken(const Leadership& before, const Supervisor& supervisor, const HolderId& own,
                       const HolderId& taker, Token token);

/// The same when `giver` has given the key back, once the supervisor knows of it: nobody leads, as
/// far as a candidate knows that does not ask at once.
Leadership after_given_back(const Leadership& before, const Supervisor& supervisor,
                            const HolderId& own, const HolderId& giver);

/// How long a candidate that stands for ever stays out after a term with this outcome. A short
/// pause from `backoff` where the lease was lost, which nobody wanted; otherwise a ttl, so that the
/// others get a turn where it has given up by itself, and what failed for good may have been
/// mended. That resets `backoff`.
Duration rest_after(Outcome outcome, const Timeline& timeline, Backoff& backoff);

}  // namespace cluster_leader
