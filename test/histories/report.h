#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "histories/checker.h"
#include "histories/record.h"

namespace cluster_leader::histories {

/// What is kept of a history: one line of JSON.
struct Report {
  std::string topology;
  std::uint64_t seed = 0;
  std::vector<Violation> violations;
  std::map<std::string, int> excused;   ///< by limit
  std::map<std::string, int> faults;    ///< that have happened
  std::map<std::string, int> statuses;  ///< of runs
  int skipped = 0;                      ///< faults that could not happen
  int runs = 0;
  int jobs = 0;
  int processes = 0;
  int overlaps = 0;
  std::int64_t longest_overlap_ms = 0;
  std::int64_t recovery_ms = -1;  ///< -1: nobody led again
  std::int64_t stall_ms = 0;

  /// Beyond that, which is half of the margin, the machine was too busy for what is promised, and
  /// the history decides nothing.
  static constexpr std::int64_t kLongestStallMs = 150;
  bool is_conclusive() const { return stall_ms <= kLongestStallMs; }
  bool has_failed() const { return is_conclusive() && !violations.empty(); }
};

Report report_of(const Record& record, const Verdict& verdict);

std::string json_of(const Report& report);
/// Throws nlohmann::json::exception if it is not such a line.
Report report_from(const std::string& json);

/// For people: the violations, or what else is to be known, in some lines.
std::string text_of(const Report& report);

/// The sum of many reports.
class Total {
 public:
  void add(const Report& report);
  int histories() const { return histories_; }
  int failed() const { return failed_; }
  /// Some lines for people.
  std::string text() const;

 private:
  int histories_ = 0;
  int failed_ = 0;
  int with_overlap_ = 0;
  Report sum_;
  std::map<std::string, int> by_rule_;
};

}  // namespace cluster_leader::histories
