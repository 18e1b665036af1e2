#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "lease/election.h"
#include "report/reporter.h"

namespace cluster_leader {

/// The metrics file of `elect`, for Prometheus' textfile collector: for each key its state, and how
/// many terms and renewals there were since this process started. It is replaced atomically, at
/// most once a second. The manual lists the metrics under METRICS FILE.
class ElectMetrics {
 public:
  /// For a file at `path`, about `keys` in the order of their numbers, on `node`. An empty path
  /// means that there is none. If it cannot be written, that is reported once.
  ElectMetrics(std::string path, std::string node, const std::vector<std::string>& keys,
               Reporter& reporter);

  /// The key with number `key` has this state now.
  void update(std::size_t key, const Leadership& leadership);
  /// So many renewals has the present keeper made; the slowest of its present or last term took
  /// `slowest`.
  void count(std::size_t key, std::uint32_t renewals, Duration slowest);
  /// Whether it is time to ask for the numbers of renewals; true once for each time.
  bool wants_count(Time now);

  /// When advance() or wants_count() may have something to do.
  Time wake_at() const;
  /// Writes the file if something has changed.
  void advance(Time now);
  /// Writes it at once.
  void write();

 private:
  static constexpr Duration kWritePause = std::chrono::seconds(1);
  /// Collectors look about as often.
  static constexpr Duration kCountPause = std::chrono::seconds(10);

  struct Row {
    std::string key;
    ElectionState state = ElectionState::kUnknown;
    HolderId led_as{};                ///< our holder id in the last term that we led
    std::uint64_t terms = 0;          ///< that we led
    std::uint64_t renewals = 0;       ///< of all terms
    std::uint32_t renewals_seen = 0;  ///< of the present keeper, which `renewals` has
    Duration slowest{};
  };

  std::string text() const;

  std::string path_;
  std::string node_;
  Reporter& reporter_;
  std::vector<Row> rows_;
  Time write_at_ = Time::min();  ///< or later, if something has changed
  Time count_at_ = Time::min();
  bool has_news_ = true;
  bool has_failed_ = false;
};

}  // namespace cluster_leader
