#pragma once

#include <chrono>
#include <cstdint>

namespace cluster_leader {

/// The clock that leases are measured with: CLOCK_BOOTTIME, which keeps counting while the machine
/// is suspended, as the server's clock does (clock_gettime(2)). It has a time_point of its own, so
/// that a wall-clock or CLOCK_MONOTONIC value does not type-check where a lease's time is meant.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock, duration>;
  static constexpr bool is_steady = true;

  /// The time since boot. Cannot fail on a Linux newer than 2.6.39.
  static time_point now() noexcept;
};

using Duration = BootClock::duration;
using Time = BootClock::time_point;

/// Later than every time that can occur: the deadline that never comes.
inline constexpr Time kNever = Time::max();

/// `now + d`, or kNever where that is beyond the clock's range.
constexpr Time after(Time now, Duration d) { return d >= kNever - now ? kNever : now + d; }

/// Milliseconds since 1970, for people and for records; never for deadlines.
std::int64_t wall_clock_ms() noexcept;

/// `d` in whole milliseconds, rounded up, so that a wait never ends before its time.
constexpr std::int64_t ceil_ms(Duration d) {
  return std::chrono::ceil<std::chrono::milliseconds>(d).count();
}

}  // namespace cluster_leader
