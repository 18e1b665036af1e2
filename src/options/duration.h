#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace cluster_leader {

/// A duration as users write it: `10`, `10s`, `1500ms`, `2m`, `1h`, `1d`, with fractions; a bare
/// number is seconds. Nothing if it is anything else, negative, or longer than 1,000 days.
std::optional<Duration> parse_duration(const std::string& text);

}  // namespace cluster_leader
