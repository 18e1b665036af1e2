// Preloaded into a server: its time(2), from which it takes its start, is an hour behind. So it
// seems to have been up for long, and grants leases of any ttl at once, unless
// CLUSTER_LEADER_TEST_YOUNG is set. The time of leases comes from gettimeofday(2), which is right
// unless a test sets it (support/grown_server.h).
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

/// By how many ms the clock is wrong; null: it is right.
const std::atomic<std::int64_t>* error_of_clock() {
  static const auto* const kError = [] {
    const char* const descriptor = std::getenv("CLUSTER_LEADER_TEST_CLOCK");
    void* const page = descriptor == nullptr ? MAP_FAILED
                                             : ::mmap(nullptr, sizeof(std::int64_t), PROT_READ,
                                                      MAP_SHARED, std::atoi(descriptor), 0);
    return page == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(page);
  }();
  return kError;
}

}  // namespace

extern "C" int gettimeofday(timeval* now, void*) noexcept {
  timespec right{};
  ::clock_gettime(CLOCK_REALTIME, &right);
  std::int64_t us = right.tv_sec * std::int64_t{1'000'000} + right.tv_nsec / 1000;
  if (const auto* error = error_of_clock()) us += error->load() * 1000;
  now->tv_sec = us / 1'000'000;
  now->tv_usec = us % 1'000'000;
  return 0;
}

extern "C" time_t time(time_t* out) noexcept {
  static const time_t kAge = std::getenv("CLUSTER_LEADER_TEST_YOUNG") == nullptr ? 3600 : 0;
  timeval now{};
  ::gettimeofday(&now, nullptr);
  const time_t then = now.tv_sec - kAge;
  if (out != nullptr) *out = then;
  return then;
}
