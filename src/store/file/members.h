#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace cluster_leader {

// Members of the JSON objects in a directory, which anybody may have written.

/// The largest integer that the scripts on Redis can represent; neither a token nor a wall clock
/// reaches it.
inline constexpr std::int64_t kLargestCount = std::int64_t{1} << 53U;

/// In ns: 73 years after a boot. Keeps sums of times far from an overflow.
inline constexpr std::int64_t kLargestTime = std::int64_t{1} << 61U;

/// Any bytes as a text in ASCII: a byte outside printable ASCII, and `%`, is %XX.
std::string printable(std::string_view bytes);

/// The bytes that a member is such a text of; nothing if it is none.
std::optional<std::string> text_in(const nlohmann::ordered_json& object, const char* name);

/// A member that is an integer from 0 to `largest`; nothing if it is none.
std::optional<std::int64_t> integer_in(const nlohmann::ordered_json& object, const char* name,
                                       std::int64_t largest);

}  // namespace cluster_leader
