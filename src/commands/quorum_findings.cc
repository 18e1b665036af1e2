#include "commands/quorum_findings.h"

#include <algorithm>
#include <utility>

#include "commands/diagnosis.h"
#include "lease/tally.h"

namespace cluster_leader {

namespace {

using Result = Finding::Result;

Finding majority_finding(std::size_t good, std::size_t servers) {
  const std::string detail = std::to_string(good) + " of " + std::to_string(servers) +
                             " servers suit leases, and " + std::to_string(majority_of(servers)) +
                             " are needed";
  if (good == servers) return ok("majority", detail);
  if (good >= majority_of(servers)) {
    return warning("majority", detail, "repair the servers that failed, before another one fails");
  }
  return {"majority", Result::kFailed, detail, "repair the servers that failed",
          Trouble::kNotServing};
}

/// A server that has forgotten the last token gets a later one only by its clock.
Finding clocks_of(const std::vector<MeasuredServer>& servers, const Timeline& timeline) {
  const MeasuredServer* first = nullptr;
  const MeasuredServer* last = nullptr;
  std::size_t known = 0;
  for (const MeasuredServer& server : servers) {
    const auto& ahead = server.measured.clock_ahead;
    if (!ahead) continue;
    ++known;
    if (first == nullptr || *ahead < *first->measured.clock_ahead) first = &server;
    if (last == nullptr || *ahead > *last->measured.clock_ahead) last = &server;
  }
  if (known < 2) {
    return warning("clocks", "not known: fewer than two servers say what their clock shows",
                   "repair the servers that failed");
  }
  const Duration apart = *last->measured.clock_ahead - *first->measured.clock_ahead;
  std::string detail =
      "up to " + (apart < std::chrono::seconds(1) ? in_ms(apart) : in_s(apart)) + " apart";
  if (apart <= timeline.ttl / 2) return ok("clocks", detail);
  detail += " (" + short_name(last->location) + " is ahead of " + short_name(first->location) +
            "): a token may be no larger than the one before if servers lose their data";
  return {"clocks", Result::kFailed, detail,
          "use NTP on all of them, or a --ttl of more than twice that", Trouble::kMisconfigured};
}

}  // namespace

std::vector<Finding> diagnose_quorum(const std::vector<MeasuredServer>& servers,
                                     const Timeline& timeline) {
  std::vector<Finding> all;
  std::size_t good = 0;
  for (const MeasuredServer& server : servers) {
    std::vector<Finding> findings = diagnose(server.measured, server.location, timeline);
    good += exit_status_of(findings) == 0 ? 1 : 0;
    for (Finding& finding : findings) {
      finding.server = short_name(server.location);
      all.push_back(std::move(finding));
    }
  }
  all.push_back(majority_finding(good, servers.size()));
  all.push_back(clocks_of(servers, timeline));
  return all;
}

}  // namespace cluster_leader
