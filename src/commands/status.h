#pragma once

#include <string>
#include <vector>

#include "options/options.h"
#include "store/registry.h"

namespace cluster_leader {

/// `cluster-leader status`: shows the keys that are asked for, or all in use. 0 if all were read.
int status(const Options& options);

/// The table that `status` shows.
std::string status_table(const Options& options, const std::vector<LeaseView>& views,
                         bool coloured);

/// The same as one line of JSON, an array with an object for each key. Its members, null where
/// nothing is known or there is nothing to know:
///
///   key               without the prefix
///   state             free, held, parked, resting, vanished, done or garbage (see
///   LeaseView::State) node              label of the holder, or of whom the key is parked for
///   host, pid         of the process that has, or before it was parked had, the lease
///   command, since    what it runs, and when the lease began
///   ttl_ms            of the holder
///   ttl_remaining_ms  how long the state lasts if nobody does anything
///   token             of the lease; for a key that is free, of the last one
///   waiters           how many listen for a release, not counting the holder
///   holder            what stands at the key
///   fault             one line about what makes no sense there
std::string status_json(const Options& options, const std::vector<LeaseView>& views);

}  // namespace cluster_leader
