#include "options/duration.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <string_view>

namespace cluster_leader {

namespace {

constexpr double kDay = 86400;

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr Unit kUnits[] = {{"w", 7 * kDay}, {"d", kDay}, {"h", 3600},  {"min", 60},
                           {"m", 60},       {"s", 1},    {"ms", 0.001}};

}  // namespace

std::optional<Duration> parse_duration(const std::string& text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  double sum = 0;
  double last_unit = std::numeric_limits<double>::infinity();
  do {
    double number = 0;
    const auto [begin, error] = std::from_chars(at, end, number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
    const bool is_bare = begin == end && at == text.data();
    at = std::find_if(begin, end, [](char c) { return c < 'a' || c > 'z'; });
    const std::string_view name = is_bare ? "s" : std::string_view(begin, at);
    const Unit* const unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                          [&](const Unit& each) { return each.name == name; });
    if (unit == std::end(kUnits) || unit->seconds >= last_unit) return std::nullopt;
    last_unit = unit->seconds;
    sum += number * unit->seconds;
  } while (at != end);
  if (sum > 1000 * kDay) return std::nullopt;
  return Duration(static_cast<Duration::rep>(std::llround(sum * 1e9)));
}

}  // namespace cluster_leader
