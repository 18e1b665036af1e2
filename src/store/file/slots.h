#pragma once

#include <cstdint>
#include <vector>

#include "lease/queue.h"
#include "store/file/record.h"

namespace cluster_leader {

/// What was found in place of the record of one of the key's leases.
struct FoundSlot {
  std::uint32_t slot = 0;
  FoundRecord found;

  /// Null if there is none.
  const FileRecord* record() const { return std::get_if<FileRecord>(&found); }
};

/// Whether nobody has that lease, by the record alone.
bool is_free(const FoundSlot& slot, const Moment& moment);

/// Those that are free.
std::vector<Opening> openings_of(const std::vector<FoundSlot>& slots, const Moment& moment);

/// What is decided about one of them.
struct SlotDecision {
  Decision decision;
  std::size_t index = 0;          ///< of the slot, in the list that was given
  std::vector<Duration> rests{};  ///< how long to wait for each; not for those that are free
};

/// Decides as decide() does for a key with one lease. An acquire gets the first slot that it may
/// have, and a release ends the lease in whichever slot it is. REQUIRES: `slots` has all slots of
/// the candidate in order; for other requests, it has that of the request only.
SlotDecision decide_among(const Request& request, const Candidate& candidate,
                          const Candidacy& candidacy, const std::vector<FoundSlot>& slots,
                          const Moment& moment);

}  // namespace cluster_leader
