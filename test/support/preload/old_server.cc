// Preloaded into a server: its time(2), by which it knows when it started, is an hour behind. So it
// takes itself for a server that has been there for long and grants leases of any ttl at once. What
// it tells the time of leases by is gettimeofday(2), which is right.
#include <sys/time.h>
#include <time.h>

extern "C" time_t time(time_t* out) noexcept {
  constexpr time_t kHour = 3600;
  timeval now{};
  ::gettimeofday(&now, nullptr);
  const time_t then = now.tv_sec - kHour;
  if (out != nullptr) *out = then;
  return then;
}
