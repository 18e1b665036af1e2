#pragma once

#include "base/clock.h"

namespace cluster_leader {

/// When to ask again for a key that is somebody else's for `rest` more: see Busy::retry_after.
/// `holder_ttl` is the ttl of its holder's lease; zero or less: not known.
///
/// The 2 ms are for a server whose expiry counts whole milliseconds. A 500th of the holder's ttl
/// puts the check just after the renewal that is due at the same moment, as every fifth is with a
/// heartbeat of ttl / 5. The check then finds a fresh lease and can sleep for a whole ttl, so that
/// an idle waiter costs the server one command per ttl. 50 ms are enough for that, and more would
/// only delay the takeover of a long lease whose holder has died.
Duration retry_after(Duration rest, Duration holder_ttl);

}  // namespace cluster_leader
