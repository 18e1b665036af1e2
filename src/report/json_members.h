#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/wall_time.h"

namespace cluster_leader {

/// A member that is null if its text is empty.
inline nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

/// A time in ms since 1970 as iso_8601_utc(); null if it is not after that.
inline nlohmann::ordered_json time_or_null(std::int64_t ms) {
  return ms > 0 ? nlohmann::ordered_json(iso_8601_utc(ms)) : nlohmann::ordered_json();
}

}  // namespace cluster_leader
