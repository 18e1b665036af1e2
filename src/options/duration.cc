#include "options/duration.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace cluster_leader {

std::optional<Duration> parse_duration(const std::string& text) {
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  double seconds = 0;
  if (const std::string_view name(unit, static_cast<std::size_t>(last - unit));
      name.empty() || name == "s") {
    seconds = number;
  } else if (name == "ms") {
    seconds = number / 1000;
  } else if (name == "m") {
    seconds = number * 60;
  } else if (name == "h") {
    seconds = number * 3600;
  } else if (name == "d") {
    seconds = number * 86400;
  } else {
    return std::nullopt;
  }
  if (seconds > 1000.0 * 86400) return std::nullopt;
  return Duration(static_cast<Duration::rep>(std::llround(seconds * 1e9)));
}

}  // namespace cluster_leader
