#include "base/wall_time.h"

#include <algorithm>
#include <chrono>

namespace cluster_leader {

namespace {

using namespace std::chrono;

void append_padded(std::string& text, std::int64_t number, std::size_t width) {
  const std::string digits = std::to_string(number);
  text.append(width - std::min(width, digits.size()), '0').append(digits);
}

}  // namespace

std::string iso_8601_utc(std::int64_t ms_since_1970) {
  constexpr sys_time<milliseconds> kEnd = sys_days(year(10000) / 1 / 1);
  const std::int64_t last = kEnd.time_since_epoch().count() - 1;
  const sys_time<milliseconds> time(milliseconds(std::clamp<std::int64_t>(ms_since_1970, 0, last)));
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);

  std::string text;
  append_padded(text, static_cast<int>(date.year()), 4);
  append_padded(text += '-', static_cast<unsigned>(date.month()), 2);
  append_padded(text += '-', static_cast<unsigned>(date.day()), 2);
  append_padded(text += 'T', clock.hours().count(), 2);
  append_padded(text += ':', clock.minutes().count(), 2);
  append_padded(text += ':', clock.seconds().count(), 2);
  append_padded(text += '.', clock.subseconds().count(), 3);
  return text += 'Z';
}

}  // namespace cluster_leader
