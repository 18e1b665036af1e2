#pragma once

#include <map>
#include <string>
#include <vector>

#include "histories/record.h"

namespace cluster_leader::histories {

/// A sentence of LIMITS in cluster-leader-protocol(7), by which something may happen that is
/// promised not to.
enum class Limit {
  kDataLost,       ///< a server that loses data while it runs
  kClockAhead,     ///< its clock jumps ahead
  kSeemsOlder,     ///< its clock is set forward soon after it has started
  kMachineFrozen,  ///< a machine that is frozen as a whole
  kBothKilled,     ///< both of our processes are killed in the same moment
  kTokenBack,      ///< data is lost and the clock was set back
  kClocksApart,    ///< in a quorum, clocks differ by more than the ttl and 1 s, and data is lost
  kTakenBack,      ///< in a Cluster, a primary that was paused answers one more request
};
const char* name_of(Limit limit);

/// What was promised and did not hold.
struct Violation {
  std::string rule;  ///< a word, such as "overlap"
  std::string text;
};

struct Verdict {
  std::vector<Violation> violations;
  std::map<Limit, int> excused;
  int jobs = 0;      ///< with a token of their own
  int overlaps = 0;  ///< that nothing excuses
  Duration longest_overlap{};
  /// From the moment when a leader was possible again until there was one; nothing if there was
  /// none.
  std::optional<Duration> recovery;
};

/// Checks what the manual promises:
///   overlap   no two leases of a slot have processes alive at once
///   deadline  nothing of a job is alive a ttl after the last answer to its candidate
///   token     tokens only grow, and no two candidates have the same
///   status    an exit status is one that the manual allows for what has happened
///   orphan    nothing of a job outlives its run, and nothing is left at the end
///   leader    with the faults over, somebody leads within a ttl and 1 s once no server is young,
///             nothing is held and nobody is barred
/// Whatever LIMITS excuses is counted under that limit. `checks_statuses` is false for a stand-in
/// whose statuses the manual does not describe.
Verdict check(const Record& record, bool checks_statuses = true);

}  // namespace cluster_leader::histories
