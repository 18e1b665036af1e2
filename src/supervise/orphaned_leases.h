#pragma once

#include <cstdint>
#include <vector>

#include "lease/candidacy.h"
#include "store/location.h"

namespace cluster_leader {

/// A lease that a keeper held when it died.
struct OrphanedLease {
  Key key;
  HolderId holder;
  Token token;
  std::uint32_t slot = 0;
};

/// Releases the leases of a keeper that died. REQUIRES: nothing of their jobs is alive. Takes at
/// most `patience`, and reports no failure: the server forgets the leases at the end of their ttl.
void release_orphans(const Location& location, const Candidate& candidate,
                     const std::vector<OrphanedLease>& leases, Duration patience);

}  // namespace cluster_leader
