#pragma once

#include <optional>
#include <set>
#include <vector>

#include "histories/checker.h"
#include "histories/record.h"

namespace cluster_leader::histories {

/// One lease, as its jobs have shown it: all processes with its token in its slot.
struct Tenure {
  int slot = 0;
  std::int64_t token = 0;
  int candidate = 0;
  std::set<int> runs{};
  Time asked{};  ///< when its first run started
  Time first{};
  Time last{};
};

/// How long a kill, or anything else that is to happen at once, may take on a busy machine.
inline constexpr Duration kSlack = std::chrono::milliseconds(100);

/// The timeline of leases in the record: when the next renewal after something is answered.
Duration next_renewal(const Record& record);

/// Whether a fault has made a server forget what it had.
bool loses_data(FaultKind kind);

/// The first answer to a run; its start if answers are not known, kNever if there was none.
Time first_answer(const Record& record, const Run& run);

/// The last answer to a candidate up to then by which it may have renewed: that of a majority of
/// the servers. Nothing if there was none.
std::optional<Time> last_answer(const Record& record, int candidate, Time until);

/// The limit that excuses that two of these leases were alive from `begin` to `end`; nothing if
/// none does. `older` was granted before `newer`.
std::optional<Limit> excuse(const Record& record, const std::vector<Tenure>& tenures,
                            const Tenure& older, const Tenure& newer, Time begin, Time end);

/// Whether our processes of one of these runs were frozen, both of them, so that a job of theirs
/// may be alive at `at`.
bool was_frozen(const Record& record, const std::set<int>& runs, Time at);
/// Whether both were killed by then, so that descendants of the job may live on.
bool were_both_killed(const Record& record, const std::set<int>& runs, Time at);

}  // namespace cluster_leader::histories
