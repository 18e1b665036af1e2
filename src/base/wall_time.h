#pragma once

#include <cstdint>
#include <string>

namespace cluster_leader {

/// Milliseconds since 1970 in the form of ISO 8601, in UTC: "2026-11-23T07:00:00.123Z". A time
/// outside the years 1970 to 9999, which another machine may have written, becomes the nearest one
/// inside, so the text always has this length.
std::string iso_8601_utc(std::int64_t ms_since_1970);

}  // namespace cluster_leader
