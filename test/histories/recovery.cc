#include "histories/recovery.h"

#include <algorithm>

#include "histories/excuse.h"

namespace cluster_leader::histories {

namespace {

using std::chrono::seconds;

bool is_restart(FaultKind kind) {
  return kind == FaultKind::kRestartEmpty || kind == FaultKind::kRestartSaved ||
         kind == FaultKind::kKillPrimary;
}

bool makes_candidates_bar_themselves(FaultKind kind) {
  return loses_data(kind) || kind == FaultKind::kClockForward || kind == FaultKind::kClockBack;
}

bool is_promotion(const Record& record, FaultKind kind) {
  if (record.topology != Topology::kSentinel && record.topology != Topology::kCluster) return false;
  return kind == FaultKind::kFailOver || kind == FaultKind::kKillPrimary ||
         kind == FaultKind::kFreeze;
}

/// By how much the clock of that server was set back after it had started, which makes it younger:
/// nobody need have watched it for long enough to know better.
Duration set_back_after(const Record& record, const Incident& start) {
  Duration sum{};
  for (const Incident& incident : record.incidents) {
    if (incident.kind == FaultKind::kClockBack && incident.server == start.server &&
        incident.end >= start.begin) {
      sum += std::chrono::milliseconds(incident.amount_ms);
    }
  }
  return sum;
}

}  // namespace

Time possible_again(const Record& record) {
  Time ready = record.healed;
  bool is_anybody_barred = false;
  for (const Incident& incident : record.incidents) {
    if (is_restart(incident.kind)) {
      const Time grown = incident.end + record.ttl + seconds(1) + set_back_after(record, incident);
      ready = std::max(ready, grown);
    }
    // A promotion counts from the first question, and a failure is taken for one after a second.
    if (is_promotion(record, incident.kind)) {
      ready = std::max(ready, std::max(record.healed, incident.end) + record.ttl + seconds(6));
    }
    // Those who wait ask once per ttl, and notice it then.
    if (makes_candidates_bar_themselves(incident.kind) &&
        incident.end + 2 * record.ttl + seconds(2) > record.healed) {
      is_anybody_barred = true;
    }
  }
  // What is held after a run, and after that parked for its node.
  ready = std::max(ready, record.healed + record.hold);
  return is_anybody_barred ? ready + record.ttl : ready;
}

std::optional<Duration> recovery_of(const Record& record) {
  Time first = kNever;
  for (const Life& life : record.lives) {
    if (life.last >= record.healed) first = std::min(first, std::max(life.first, record.healed));
  }
  if (first == kNever) return std::nullopt;
  return std::max(Duration::zero(), first - possible_again(record));
}

}  // namespace cluster_leader::histories
