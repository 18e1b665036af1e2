#include "histories/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace cluster_leader::histories {

namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

std::int64_t in_ms(Duration d) { return std::chrono::round<milliseconds>(d).count(); }

std::string listed(const std::map<std::string, int>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += (text.empty() ? "" : ", ") + name + ' ' + std::to_string(count);
  }
  return text.empty() ? "none" : text;
}

void add_up(std::map<std::string, int>& sum, const std::map<std::string, int>& counts) {
  for (const auto& [name, count] : counts) sum[name] += count;
}

}  // namespace

Report report_of(const Record& record, const Verdict& verdict) {
  Report report;
  report.topology = name_of(record.topology);
  report.violations = verdict.violations;
  for (const auto& [limit, count] : verdict.excused) report.excused[name_of(limit)] = count;
  for (const Incident& incident : record.incidents) ++report.faults[name_of(incident.kind)];
  for (const Run& run : record.runs) {
    ++report.statuses[run.ended ? std::to_string(run.status) : "unended"];
  }
  report.runs = static_cast<int>(record.runs.size());
  report.jobs = verdict.jobs;
  report.processes = static_cast<int>(record.lives.size());
  report.overlaps = verdict.overlaps;
  report.longest_overlap_ms = in_ms(verdict.longest_overlap);
  report.recovery_ms = verdict.recovery ? in_ms(*verdict.recovery) : -1;
  return report;
}

std::string json_of(const Report& report) {
  Json violations = Json::array();
  for (const Violation& one : report.violations) violations.push_back({one.rule, one.text});
  return Json{{"topology", report.topology},
              {"seed", report.seed},
              {"violations", violations},
              {"excused", report.excused},
              {"faults", report.faults},
              {"statuses", report.statuses},
              {"skipped", report.skipped},
              {"runs", report.runs},
              {"jobs", report.jobs},
              {"processes", report.processes},
              {"overlaps", report.overlaps},
              {"longest_overlap_ms", report.longest_overlap_ms},
              {"recovery_ms", report.recovery_ms},
              {"stall_ms", report.stall_ms}}
      .dump(-1, ' ', true, Json::error_handler_t::replace);
}

Report report_from(const std::string& json) {
  const Json line = Json::parse(json);
  Report report;
  line.at("topology").get_to(report.topology);
  line.at("seed").get_to(report.seed);
  for (const Json& one : line.at("violations")) report.violations.push_back({one.at(0), one.at(1)});
  line.at("excused").get_to(report.excused);
  line.at("faults").get_to(report.faults);
  line.at("statuses").get_to(report.statuses);
  line.at("skipped").get_to(report.skipped);
  line.at("runs").get_to(report.runs);
  line.at("jobs").get_to(report.jobs);
  line.at("processes").get_to(report.processes);
  line.at("overlaps").get_to(report.overlaps);
  line.at("longest_overlap_ms").get_to(report.longest_overlap_ms);
  line.at("recovery_ms").get_to(report.recovery_ms);
  line.at("stall_ms").get_to(report.stall_ms);
  return report;
}

std::string text_of(const Report& report) {
  std::string text = report.topology + " seed " + std::to_string(report.seed) + ": ";
  if (!report.is_conclusive()) {
    text += "inconclusive, the machine stalled for " + std::to_string(report.stall_ms) + " ms";
    if (!report.violations.empty()) text += ", with violations";
  } else {
    text += report.violations.empty() ? "ok" : "FAILED";
  }
  text += "; " + std::to_string(report.jobs) + " jobs in " + std::to_string(report.runs) +
          " runs; excused: " + listed(report.excused) + "; statuses: " + listed(report.statuses) +
          "; led again after " + std::to_string(report.recovery_ms) + " ms\n";
  for (const Violation& one : report.violations) {
    std::string what = one.text;
    while (what.ends_with('\n')) what.pop_back();
    text += "  " + one.rule + ": " + what + '\n';
  }
  return text;
}

void Total::add(const Report& report) {
  ++histories_;
  if (report.has_failed()) ++failed_;
  if (report.overlaps > 0) ++with_overlap_;
  for (const Violation& one : report.violations) ++by_rule_[one.rule];
  add_up(sum_.excused, report.excused);
  add_up(sum_.faults, report.faults);
  add_up(sum_.statuses, report.statuses);
  sum_.skipped += report.skipped;
  sum_.runs += report.runs;
  sum_.jobs += report.jobs;
  sum_.processes += report.processes;
  sum_.overlaps += report.overlaps;
  sum_.longest_overlap_ms = std::max(sum_.longest_overlap_ms, report.longest_overlap_ms);
  sum_.recovery_ms = std::max(sum_.recovery_ms, report.recovery_ms);
  sum_.stall_ms = std::max(sum_.stall_ms, report.stall_ms);
}

std::string Total::text() const {
  return std::to_string(histories_) + " histories, " + std::to_string(failed_) + " failed; " +
         std::to_string(sum_.overlaps) + " overlaps in " + std::to_string(with_overlap_) +
         " of them, the longest " + std::to_string(sum_.longest_overlap_ms) + " ms\n  " +
         std::to_string(sum_.jobs) + " jobs of " + std::to_string(sum_.processes) +
         " processes in " + std::to_string(sum_.runs) + " runs; slowest recovery " +
         std::to_string(sum_.recovery_ms) + " ms, longest stall " + std::to_string(sum_.stall_ms) +
         " ms\n  violations: " + listed(by_rule_) +
         "\n  excused by LIMITS: " + listed(sum_.excused) + "\n  faults: " + listed(sum_.faults) +
         " (" + std::to_string(sum_.skipped) +
         " could not happen)\n  statuses: " + listed(sum_.statuses) + '\n';
}

}  // namespace cluster_leader::histories
