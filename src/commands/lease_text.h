#pragma once

#include <string>

#include "base/clock.h"
#include "store/registry.h"

// What check, status and release print about a lease.

namespace cluster_leader {

/// The word for a state in JSON and in the table.
const char* state_name(LeaseView::State state);

/// "8.2s", "2m30s", "1h05m", "3d04h".
std::string short_duration(Duration duration);

/// "web-1 (host-1:4711)", as far as it is known.
std::string holder_of(const LeaseView& view);

/// The rest of a sentence that begins with the key: "is held by web-1 (host-1:4711)".
std::string sentence_about(const LeaseView& view);

}  // namespace cluster_leader
