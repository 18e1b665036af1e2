#pragma once

#include <cstdint>
#include <string>

namespace cluster_leader {

/// Milliseconds since 1970 as ISO 8601 has them, in UTC: "2026-11-23T07:00:00.123Z". What lies
/// outside the years 1970 to 9999, as another machine may have written it, becomes the nearest time
/// within, so that the text always has this length.
std::string iso_8601_utc(std::int64_t ms_since_1970);

}  // namespace cluster_leader
