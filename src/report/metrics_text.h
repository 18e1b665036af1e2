#pragma once

#include <string>

#include "base/clock.h"

// What the files for Prometheus' textfile collector have in common.

namespace cluster_leader {

/// A label's value, escaped for the text format. A collector refuses the whole file for one byte
/// that is not UTF-8, so such bytes are replaced.
std::string metrics_label(const std::string& bytes);

/// Seconds with microseconds; a double is not exact enough for times since 1970.
std::string metrics_seconds(Duration duration);

}  // namespace cluster_leader
