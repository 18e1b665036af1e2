#pragma once

#include <string>

#include "base/clock.h"
#include "commands/reporter.h"
#include "lease/answer.h"
#include "options/options.h"
#include "store/location.h"
#include "store/registry.h"

namespace cluster_leader {

// What check, status, release and doctor share.

/// To be called first: no descriptor of ours becomes one of the standard ones, and neither who
/// closes the other end of a connection or pipe nor a file that may not grow ends us.
void prepare_to_look();

/// The status of a process that ends for this reason.
int exit_status_of(Trouble trouble);

/// Who we are to those whose leases we may release.
Eviction this_node(const Options& options);

/// The word for a state in JSON and in the table.
const char* state_name(LeaseView::State state);

/// "8.2s", "2m30s", "1h05m", "3d04h".
std::string short_duration(Duration duration);

/// "web-1 (host-1:4711)", as far as it is known.
std::string holder_of(const LeaseView& view);

/// How things stand, to go behind the key's name: "is held by web-1 (host-1:4711)".
std::string sentence_about(const LeaseView& view);

/// Writes to stdout. If that fails, says so and returns false.
bool say(const std::string& text, Reporter& reporter);

}  // namespace cluster_leader
