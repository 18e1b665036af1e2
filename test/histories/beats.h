#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace cluster_leader::histories {

/// What one process of a job says of itself, in memory that it shares with the history. It was
/// alive at least from the first beat to the last. Times are CLOCK_BOOTTIME in ns.
struct Cell {
  std::atomic<std::int64_t> first_ns;
  std::atomic<std::int64_t> last_ns;
  std::atomic<std::int64_t> token;
  std::atomic<std::int32_t> run;   ///< which start of a candidate it belongs to
  std::atomic<std::int32_t> slot;  ///< of the key
  std::atomic<std::int32_t> pid;
  std::atomic<std::int32_t> is_main;  ///< 1: the first process of the job
  std::atomic<std::int32_t>
      finished;  ///< of that one: 1 + the status with which it ended by itself
};

inline constexpr std::size_t kCells = 8192;

/// The shared memory: a file of this size, which begins as zeros.
struct Beats {
  std::atomic<std::uint32_t> used;  ///< so many cells were claimed; it may exceed kCells
  std::atomic<std::uint32_t> over;  ///< 1: whoever is still alive ends
  Cell cells[kCells];
};

static_assert(std::atomic<std::int64_t>::is_always_lock_free);

}  // namespace cluster_leader::histories
