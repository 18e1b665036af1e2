#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "lease/answer.h"
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
  kDown,      ///< there is no server to tell
};

/// A candidate's view of one key.
struct Leadership {
  Standing standing = Standing::kUnknown;
  HolderId holder;  ///< of the lease that stands, ours or another's; empty: none, or not known
  Token token;      ///< the same lease's; 0: not known
  bool operator==(const Leadership&) const = default;
};

/// What becomes of a candidate's view when its supervisor has taken an answer in. The supervisor's
/// own leadership wins over everything: it leads while a job runs under its lease and nothing has
/// told that to stop. `own` is the holder id of its term.
Leadership after_answer(const Leadership& before, const Supervisor& supervisor,
                        const HolderId& own, const Answer& answer);

/// The same when its supervisor's phase may have changed by itself: a job has started, a deadline
/// has come, no answer came in time.
Leadership after_step(const Leadership& before, const Supervisor& supervisor, const HolderId& own);

/// The same when others are heard of: somebody else has taken the key.
Leadership after_taken(const Leadership& before, const Supervisor& supervisor,
                       const HolderId& own, const HolderId& taker);

/// How long a candidate that stands for ever stays out after a term that ended like this, so that
/// the others get a turn where it has given up by itself (a ttl), and what failed for good may have
/// been mended (a ttl); after a loss it stands again after a short pause from `backoff`.
Duration rest_after(Outcome outcome, const Timeline& timeline, Backoff& backoff);

}  // namespace cluster_leader
