#include "histories/excuse.h"

#include <algorithm>

#include "lease/timeline.h"

namespace cluster_leader::histories {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A step that a candidate which had asked before need not notice.
constexpr Duration kUnnoticedStep = milliseconds(500);

bool is_restart(FaultKind kind) {
  return kind == FaultKind::kRestartEmpty || kind == FaultKind::kRestartSaved;
}

/// Whether the holder may have been unable to renew at some time between these.
bool was_disturbed(const Record& record, const Tenure& holder, Time from, Time to) {
  return std::any_of(
      record.incidents.begin(), record.incidents.end(), [&](const Incident& incident) {
        // Attempts that a fault has made fail are repeated after pauses.
        if (incident.begin > to || incident.end + record.ttl / 2 < from) return false;
        if (is_of_process(incident.kind)) return holder.runs.contains(incident.run);
        if (is_of_network(incident.kind)) return incident.candidate == holder.candidate;
        return incident.kind == FaultKind::kFreeze || is_restart(incident.kind) ||
               incident.kind == FaultKind::kKillClients || incident.kind == FaultKind::kFailOver ||
               incident.kind == FaultKind::kKillPrimary || incident.kind == FaultKind::kReshard;
      });
}

/// The latest time at which the holder still has a job, if its lease was taken from it at `lost`:
/// its next renewal, or the end of its lease if it cannot renew.
Time dead_by(const Record& record, const Tenure& holder, Time lost) {
  const Time renewed = lost + next_renewal(record) + kSlack;
  return was_disturbed(record, holder, lost, renewed) ? lost + record.ttl + kSlack : renewed;
}

const Run& run_of(const Record& record, const Tenure& tenure) {
  return record.runs[static_cast<std::size_t>(*tenure.runs.begin())];
}

/// By how much the server's clock was set forward between these times.
Duration set_forward(const Record& record, Time from, Time to) {
  Duration sum{};
  for (const Incident& incident : record.incidents) {
    if (incident.kind == FaultKind::kClockForward && incident.end >= from && incident.begin <= to) {
      sum += milliseconds(incident.amount_ms);
    }
  }
  return sum;
}

/// Whether the lease may be granted after that loss: its candidate had not asked before, or one
/// that had not was granted the key in between, so that the token did not go back.
bool may_be_granted_after(const Record& record, const std::vector<Tenure>& tenures,
                          const Tenure& newer, const Incident& loss) {
  const auto had_not_asked = [&](const Tenure& one) {
    return first_answer(record, run_of(record, one)) >= loss.begin;
  };
  return had_not_asked(newer) ||
         std::any_of(tenures.begin(), tenures.end(), [&](const Tenure& one) {
           return one.slot == newer.slot && one.first >= loss.begin && one.first < newer.first &&
                  had_not_asked(one);
         });
}

bool is_excused_by_loss(const Record& record, const std::vector<Tenure>& tenures,
                        const Tenure& older, const Tenure& newer, Time end) {
  return std::any_of(record.incidents.begin(), record.incidents.end(), [&](const Incident& loss) {
    // Restarts are covered by the rule of the young server.
    if (!loses_data(loss.kind) || is_restart(loss.kind)) return false;
    return older.asked <= loss.end && newer.last >= loss.begin &&
           may_be_granted_after(record, tenures, newer, loss) &&
           end <= dead_by(record, older, loss.end);
  });
}

/// Whether the newer one had asked before the step, and so ought to have noticed it.
bool ought_to_notice(const Record& record, const Tenure& newer, const Incident& step,
                     Duration forward) {
  if (first_answer(record, run_of(record, newer)) >= step.begin) return false;
  const auto before = last_answer(record, newer.candidate, step.begin);
  const Duration since = before ? step.begin - *before : Duration::zero();
  return forward > kUnnoticedStep + since / 100;
}

bool is_excused_by_clock(const Record& record, const Tenure& older, const Tenure& newer, Time begin,
                         Time end) {
  const Duration margin = Timeline::of(record.ttl).margin;
  return std::any_of(record.incidents.begin(), record.incidents.end(), [&](const Incident& step) {
    if (step.kind != FaultKind::kClockForward) return false;
    if (older.asked > step.end || step.begin > begin) return false;
    const Duration forward = set_forward(record, older.asked, begin);
    // Less than that cannot end a lease before its job is dead.
    if (forward < margin / 2) return false;
    return !ought_to_notice(record, newer, step, forward) &&
           end <= dead_by(record, older, step.end);
  });
}

bool is_excused_by_age(const Record& record, const Tenure& older, Time begin, Time end) {
  return std::any_of(record.incidents.begin(), record.incidents.end(), [&](const Incident& start) {
    if (!is_restart(start.kind) || older.asked > start.begin || begin < start.end) return false;
    const Time grown = start.end + record.ttl + seconds(1);
    if (set_forward(record, start.end, std::min(begin, grown)) <= seconds(1)) return false;
    Time last_step = start.end;
    for (const Incident& step : record.incidents) {
      if (step.kind == FaultKind::kClockForward && step.begin <= begin) {
        last_step = std::max(last_step, step.end);
      }
    }
    return end <= dead_by(record, older, last_step);
  });
}

/// In a quorum: a majority has lost its data within the ttl and 1 s, or one server while only a
/// bare majority had the lease. A clock that is set ahead loses the lease as well.
bool is_excused_in_quorum(const Record& record, const Tenure& older, Time begin, Time end) {
  std::vector<const Incident*> losses;
  for (const Incident& incident : record.incidents) {
    const bool is_loss = loses_data(incident.kind) || incident.kind == FaultKind::kClockForward;
    if (is_loss && incident.begin <= begin && older.asked <= incident.end) {
      losses.push_back(&incident);
    }
  }
  for (const Incident* loss : losses) {
    if (end > dead_by(record, older, loss->end)) continue;
    const bool is_majority = std::any_of(losses.begin(), losses.end(), [&](const Incident* other) {
      return other->server != loss->server &&
             std::max(loss->end - other->end, other->end - loss->end) <= record.ttl + seconds(1);
    });
    const bool was_renewed = loss->begin > older.first + next_renewal(record) + kSlack;
    const Time since = std::max(older.asked, loss->begin - record.ttl);
    const bool cannot_reach_others =
        std::any_of(record.incidents.begin(), record.incidents.end(), [&](const Incident& other) {
          if (other.begin > begin || other.end < since) return false;
          if (is_of_network(other.kind)) return other.candidate == older.candidate;
          return !is_of_process(other.kind) && other.server != loss->server;
        });
    if (is_majority || !was_renewed || cannot_reach_others) return true;
  }
  return false;
}

/// In a Cluster: a primary that was paused answers one more request when it continues.
bool is_excused_by_pause(const Record& record, Time begin, Time end) {
  const Duration attempt = Timeline::of(record.ttl).attempt;
  return std::any_of(record.incidents.begin(), record.incidents.end(), [&](const Incident& pause) {
    return pause.kind == FaultKind::kFreeze && begin >= pause.end - kSlack &&
           end <= pause.end + attempt + next_renewal(record) + kSlack;
  });
}

}  // namespace

Duration next_renewal(const Record& record) {
  const Timeline timeline = Timeline::of(record.ttl);
  return timeline.heartbeat + timeline.attempt;
}

bool loses_data(FaultKind kind) {
  return kind == FaultKind::kFlushAll || kind == FaultKind::kDeleteRecord ||
         kind == FaultKind::kDeleteBoth || kind == FaultKind::kEvict || is_restart(kind);
}

Time first_answer(const Record& record, const Run& run) {
  if (record.answers.empty()) return run.started;
  Time first = kNever;
  for (const auto& of_server : record.answers[static_cast<std::size_t>(run.candidate)]) {
    const auto found = std::lower_bound(of_server.begin(), of_server.end(), run.started);
    if (found != of_server.end()) first = std::min(first, *found);
  }
  return first;
}

std::optional<Time> last_answer(const Record& record, int candidate, Time until) {
  if (record.answers.empty()) return std::nullopt;
  std::vector<Time> last;
  for (const auto& of_server : record.answers[static_cast<std::size_t>(candidate)]) {
    const auto found = std::upper_bound(of_server.begin(), of_server.end(), until);
    if (found != of_server.begin()) last.push_back(*std::prev(found));
  }
  const std::size_t majority = static_cast<std::size_t>(record.servers) / 2 + 1;
  if (last.size() < majority) return std::nullopt;
  std::sort(last.rbegin(), last.rend());
  return last[majority - 1];
}

bool was_frozen(const Record& record, const std::set<int>& runs, Time at) {
  // When the machine continues, the job runs until our processes have killed it.
  return std::any_of(record.incidents.begin(), record.incidents.end(), [&](const Incident& one) {
    return one.kind == FaultKind::kStopBoth && runs.contains(one.run) && at >= one.begin &&
           at <= one.end + kSlack + milliseconds(200);
  });
}

bool were_both_killed(const Record& record, const std::set<int>& runs, Time at) {
  return std::any_of(record.incidents.begin(), record.incidents.end(), [&](const Incident& one) {
    return one.kind == FaultKind::kKillBoth && runs.contains(one.run) && at >= one.begin;
  });
}

std::optional<Limit> excuse(const Record& record, const std::vector<Tenure>& tenures,
                            const Tenure& older, const Tenure& newer, Time begin, Time end) {
  if (were_both_killed(record, older.runs, begin)) return Limit::kBothKilled;
  if (was_frozen(record, older.runs, begin) && was_frozen(record, older.runs, end)) {
    return Limit::kMachineFrozen;
  }
  if (record.servers > 1) {
    if (is_excused_in_quorum(record, older, begin, end)) return Limit::kDataLost;
    return std::nullopt;
  }
  if (record.topology == Topology::kCluster && is_excused_by_pause(record, begin, end)) {
    return Limit::kTakenBack;
  }
  if (is_excused_by_loss(record, tenures, older, newer, end)) return Limit::kDataLost;
  if (is_excused_by_clock(record, older, newer, begin, end)) return Limit::kClockAhead;
  if (is_excused_by_age(record, older, begin, end)) return Limit::kSeemsOlder;
  return std::nullopt;
}

}  // namespace cluster_leader::histories
