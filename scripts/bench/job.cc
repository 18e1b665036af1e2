// A job that records when it ran, one line for each run: its start and its end, in nanoseconds of
// the clock that all processes of a machine share. It is a separate program because date(1) takes
// as long to start as what is measured here.
//
// usage: job FILE MILLISECONDS
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t begin = now_ns();
  if (argc != 3) return 64;
  const int file = ::open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0666);
  ::usleep(static_cast<useconds_t>(std::atoi(argv[2])) * 1000);
  char line[64];
  const int length = std::snprintf(line, sizeof line, "%lld %lld\n", static_cast<long long>(begin),
                                   static_cast<long long>(now_ns()));
  return ::write(file, line, static_cast<std::size_t>(length)) == length ? 0 : 1;
}
