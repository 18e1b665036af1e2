#pragma once

#include <string>
#include <vector>

#include "options/options.h"
#include "store/registry.h"

namespace cluster_leader {

/// `cluster-leader status`: shows the given keys, or all in use. Returns 0 if all were read.
int status(const Options& options);

/// The key of a view as the user would write it.
std::string name_of(const Options& options, const LeaseView& view);

/// Whether the record's holder has anything to do with the key at present.
bool has_holder(const LeaseView& view);

/// "web-1:4711", where the holder runs; empty if there is none or it is not known.
std::string process_of(const LeaseView& view);

/// The table that `status` shows unless stdout is a terminal (commands/status_screen.h): a row for
/// each view. REQUIRES: those of a key follow each other.
std::string status_table(const Options& options, const std::vector<LeaseView>& views);

/// The same as one line of JSON: an array with an object for each view. Its members, null if they
/// are not known or do not apply:
///
///   key               without the prefix
///   slot              which of the key's leases
///   state             free, held, parked, resting, vanished, done, garbage (LeaseView::State)
///   node              label of this node
///   leader            label of the holder, or of the node that the key is parked for
///   host, pid         of the process that has the lease, or had it before the key was parked
///   command, since    what it runs, and when the lease began
///   ttl_ms            of the holder
///   ttl_remaining_ms  how long the state lasts if nobody does anything
///   token             of the lease; for a free key, of the last one
///   waiters           how many candidates wait for the key; null in all but its first object
///   waiting_since     since when the first of them does
///   holder            the value of the key
///   fault             one line about a value or record that is not ours
std::string status_json(const Options& options, const std::vector<LeaseView>& views);

}  // namespace cluster_leader
