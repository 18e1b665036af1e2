#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace cluster_leader {

/// A duration as users write it: `10`, `10s`, `1500ms`, `2m`, `2min`, `1h30m`, `1d`, `1w`.
/// Fractions are allowed, a bare number is seconds, and of several units each is smaller than the
/// one before. Nothing if it is anything else, negative, or longer than 1,000 days.
std::optional<Duration> parse_duration(const std::string& text);

}  // namespace cluster_leader
