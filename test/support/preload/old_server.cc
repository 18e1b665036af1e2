// Preloaded into a server: its time(2), from which it takes its start, is an hour behind. So it
// seems to have been up for long, and grants leases of any ttl at once. The time of leases comes
// from gettimeofday(2), which is right.
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
