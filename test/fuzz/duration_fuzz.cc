// Durations as users write them.
#include <chrono>

#include "fuzz/input.h"
#include "options/duration.h"

using namespace cluster_leader;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(bytes(data, size));
  if (const std::optional<Duration> duration = parse_duration(text)) {
    require(*duration >= Duration::zero(), "no duration is negative", text);
    require(*duration <= std::chrono::hours(24) * 1000, "none is above 1,000 days", text);
  }
  return 0;
}
