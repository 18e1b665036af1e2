#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/claim.h"
#include "store/store.h"

namespace cluster_leader {

/// A lease that was taken, renewed and given back as run and elect do it.
struct LeaseTrial {
  std::optional<Failed> not_granted;  ///< as a server that has just started grants nothing
  std::optional<Failed> not_kept;  ///< not renewed, though not taken away either; or not released
  std::vector<Duration> round_trips;  ///< of renewals on an open connection
};

/// Tries `store` on `key`, which is nobody's. No answer is waited for longer than `patience`.
LeaseTrial try_lease(Store& store, const Key& key, const std::string& node, Duration patience);

}  // namespace cluster_leader
