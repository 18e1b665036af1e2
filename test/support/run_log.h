#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cluster_leader {

/// What several runs of the program job_exclusive have written to one log.
struct RunLog {
  struct Line {
    std::string what;  ///< "start", "end" or "OVERLAP"
    std::int64_t token = 0;
    int pid = 0;
    std::int64_t at = 0;  ///< nanoseconds of CLOCK_BOOTTIME
  };
  std::vector<Line> lines;

  static RunLog read(const std::string& path);

  int count(const std::string& what) const;
  /// What is wrong with it: two runs at the same time, tokens that did not rise from start to
  /// start, or a line that cannot be parsed. Empty if nothing is wrong.
  std::string fault() const;
};

}  // namespace cluster_leader
