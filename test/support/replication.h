#pragma once

#include "store/location.h"
#include "support/server.h"

namespace cluster_leader {

/// Makes `replica` a replica of `primary`, and waits until it has all that the primary has.
void replicate(const Server& primary, const Server& replica);
/// The same, for a replica that reaches the primary at `endpoint`.
void replicate(const Server& primary, const Server& replica, const Endpoint& endpoint);

/// Makes the replica a primary of its own, with all that the old one has so far. The old one goes
/// on as before.
void promote(const Server& primary, const Server& replica);

}  // namespace cluster_leader
