#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace cluster_leader {

/// Pauses between failed attempts: an upper bound doubles from `min` to `max`, and each pause is
/// drawn uniformly from the upper half below it, so that replicas that failed together do not retry
/// together (M. Brooker, "Exponential Backoff and Jitter", 2015: "equal jitter"). Pure: the same
/// seed gives the same pauses.
class Backoff {
 public:
  explicit Backoff(std::uint64_t seed) : state_(seed) {}

  /// The pause after one more failure.
  Duration next(Duration min, Duration max) {
    Duration bound = max;
    if (failures_ < kMaxDoublings) bound = std::min(min * (1 << failures_++), max);
    const auto half = std::max<Duration::rep>((bound / 2).count(), 1);
    return bound -
           Duration(static_cast<Duration::rep>(random() % static_cast<std::uint64_t>(half)));
  }

  /// To be called after a success: the next failure starts from `min` again.
  void reset() { failures_ = 0; }

 private:
  static constexpr int kMaxDoublings = 20;

  /// SplitMix64 (Steele, Lea, Flood 2014), which is random from the first number for any seed.
  std::uint64_t random() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
  int failures_ = 0;
};

}  // namespace cluster_leader
