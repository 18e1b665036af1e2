#pragma once

#include <vector>

#include "lease/claim.h"
#include "store/location.h"

namespace cluster_leader {

/// A lease that a keeper held when it died.
struct LeftLease {
  Claim claim;
  Token token;
};

/// Gives leases back in the place of a keeper that died; nothing of their jobs is alive. Takes at
/// most `patience`. Whatever goes wrong, the server forgets the leases by itself at the end of
/// their ttl.
void settle_for_keeper(const Location& location, const Candidate& candidate,
                       const std::vector<LeftLease>& leases, Duration patience);

}  // namespace cluster_leader
