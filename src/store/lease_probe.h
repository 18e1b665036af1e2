#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/candidacy.h"
#include "store/store.h"

namespace cluster_leader {

/// What came of acquiring, renewing and releasing a lease as run and elect do it.
struct LeaseProbe {
  std::optional<Failed> not_granted;
  std::optional<Failed> not_kept;     ///< it could not be renewed, or not be released
  std::vector<Duration> round_trips;  ///< of renewals on an open connection
  bool is_young = false;              ///< not granted because the server has just started
};

/// A key for probes, which no other candidate uses.
Key probe_key(const std::string& prefix);

/// Tries `store` on `key`, a probe_key(), as `node`. Waits for each answer for up to `patience`.
LeaseProbe probe_lease(Store& store, const Key& key, const std::string& node, Duration patience);

}  // namespace cluster_leader
