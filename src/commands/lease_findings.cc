#include "commands/lease_findings.h"

#include <algorithm>

namespace cluster_leader {

namespace {

using Result = Finding::Result;
using std::chrono::seconds;

Finding lease_of(const LeaseProbe& lease) {
  if (lease.not_kept) return failed("lease", *lease.not_kept, advice_for(*lease.not_kept));
  if (!lease.not_granted) return ok("lease", "granted, renewed and released");
  if (lease.is_young) return ok("lease", "renewed and released; none is granted yet");
  return failed("lease", *lease.not_granted, advice_for(*lease.not_granted));
}

/// REQUIRES: `times` is not empty.
Duration median_of(std::vector<Duration> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}
Duration worst_of(const std::vector<Duration>& times) {
  return *std::max_element(times.begin(), times.end());
}

Finding latency_of(const std::vector<Duration>& times) {
  return ok("latency", "median " + in_ms(median_of(times)) + ", worst " + in_ms(worst_of(times)) +
                           " of " + std::to_string(times.size()) + " renewals");
}

/// Whether several attempts to renew fit into the rest of the ttl after a heartbeat.
Finding timing_of(const std::vector<Duration>& times, const Timeline& timeline) {
  const Duration worst = worst_of(times);
  const std::string detail = "ttl " + in_s(timeline.ttl) + ", heartbeat " +
                             in_s(timeline.heartbeat) + ": an attempt may take " +
                             in_s(timeline.attempt);
  // Four times the slowest answer must fit; an attempt is a sixth of the ttl, at most 1 s.
  const Duration wanted = 4 * worst;
  if (wanted <= timeline.attempt) return ok("timing", detail);
  const Duration ttl = std::chrono::ceil<seconds>(6 * wanted);
  const std::string advice =
      wanted <= seconds(1)
          ? "use --ttl " + in_s(ttl) + " or more"
          : "find out why the server or the network is so slow: an attempt never gets "
            "more than 1 s";
  if (worst <= timeline.attempt) {
    return warning("timing", detail + ", less than 4 times the slowest answer", advice);
  }
  return {"timing", Result::kFailed, detail + ", less than the slowest answer took", advice,
          Trouble::kMisconfigured};
}

}  // namespace

void add_lease_findings(std::vector<Finding>& findings, const std::optional<LeaseProbe>& lease,
                        const Timeline& timeline) {
  if (!lease) return;
  findings.push_back(lease_of(*lease));
  if (lease->round_trips.empty()) return;
  findings.push_back(latency_of(lease->round_trips));
  findings.push_back(timing_of(lease->round_trips, timeline));
}

}  // namespace cluster_leader
