#pragma once

#include "base/clock.h"

namespace cluster_leader {

/// How long to wait before trying again for a key that somebody else has for `rest` more: see
/// Busy::retry_after. `holder_ttl` is the ttl of the holder's lease; zero or less: not known.
///
/// 2 ms are added because a server counts expiry in whole milliseconds. A 500th of the holder's ttl
/// puts the next try just after the renewal that is due at the same moment, as every fifth one is
/// with a heartbeat of ttl / 5. That try finds a fresh lease and can wait for a whole ttl, so an
/// idle waiter costs the server one command per ttl. 50 ms are enough for that; more would only
/// delay the takeover of a long lease whose holder has died.
Duration retry_after(Duration rest, Duration holder_ttl);

}  // namespace cluster_leader
