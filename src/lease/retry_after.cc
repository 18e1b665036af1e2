#include "lease/retry_after.h"

#include <algorithm>

namespace cluster_leader {

using std::chrono::milliseconds;

Duration retry_after(Duration rest, Duration holder_ttl) {
  return rest + milliseconds(2) +
         std::clamp<Duration>(holder_ttl / 500, Duration::zero(), milliseconds(50));
}

}  // namespace cluster_leader
