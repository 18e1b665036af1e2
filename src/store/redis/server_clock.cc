#include "store/redis/server_clock.h"

#include <chrono>

namespace cluster_leader {

namespace {

using std::chrono::floor;
using std::chrono::milliseconds;

/// Below this, the margin of a lease covers a step, and the clocks of servers are rarely wrong by
/// more.
constexpr Duration kTolerance = milliseconds(500);

/// By how much clocks may run at different speeds: a hundredth.
constexpr int kDrift = 100;

}  // namespace

void ServerClock::record(std::int64_t server_ms, Time asked_at, Time now) {
  if (const auto expected = at(now); expected && server_ms > expected->latest_ms) {
    const Duration by = milliseconds(server_ms - seen_->ms) - (now - seen_->at);
    step_ = {by, now};
  }
  seen_ = {server_ms, now, now - asked_at};
}

std::optional<ServerClock::Expected> ServerClock::at(Time now) const {
  if (!seen_) return std::nullopt;
  const Duration elapsed = now - seen_->at;
  const Duration tolerance = kTolerance + elapsed / kDrift;
  // The server read its clock up to a round trip before the reply was read.
  return Expected{
      .earliest_ms = seen_->ms + floor<milliseconds>(elapsed - tolerance).count(),
      .latest_ms = seen_->ms + floor<milliseconds>(elapsed + tolerance + seen_->round_trip).count(),
  };
}

}  // namespace cluster_leader
