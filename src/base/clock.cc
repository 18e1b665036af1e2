#include "base/clock.h"

#include <ctime>

namespace cluster_leader {

namespace {

std::chrono::nanoseconds read(clockid_t id) noexcept {
  timespec ts{};
  ::clock_gettime(id, &ts);
  return std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec);
}

}  // namespace

Time BootClock::now() noexcept { return Time(read(CLOCK_BOOTTIME)); }

std::int64_t wall_clock_ms() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(read(CLOCK_REALTIME)).count();
}

}  // namespace cluster_leader
