#include "histories/status.h"

#include <signal.h>

#include <algorithm>

namespace cluster_leader::histories {

namespace {

using std::chrono::seconds;

constexpr int kDied = 1000;

/// What is known of a run, besides its status.
struct Known {
  const Record& record;
  const Run& run;
  int number;
  const Life* main = nullptr;  ///< the last main process of its jobs
  bool has_job = false;
};

bool has_happened(const Known& known, FaultKind kind) {
  return std::any_of(
      known.record.incidents.begin(), known.record.incidents.end(),
      [&](const Incident& one) { return one.kind == kind && one.run == known.number; });
}

/// Whether a fault may have kept the run from the server, or from its own processor, since `from`.
bool was_disturbed(const Known& known, Time from) {
  return std::any_of(known.record.incidents.begin(), known.record.incidents.end(),
                     [&](const Incident& one) {
                       if (one.begin > *known.run.ended || one.end < from) return false;
                       if (is_of_process(one.kind)) {
                         // In a directory, one that is stopped may have the lock of the key's
                         // files.
                         return one.run == known.number ||
                                (known.record.topology == Topology::kFile && one.begin < one.end);
                       }
                       return one.candidate == -1 || one.candidate == known.run.candidate;
                     });
}

bool somebody_supersedes(const Record& record) {
  return std::any_of(record.runs.begin(), record.runs.end(),
                     [](const Run& run) { return run.kind == Kind::kSupersede; });
}

/// Whether another run's job had ended with this status before the end of this run: by itself, or
/// because a fault has killed it.
bool was_ended_by_another(const Known& known, int status) {
  const auto& lives = known.record.lives;
  const auto& incidents = known.record.incidents;
  return std::any_of(lives.begin(), lives.end(),
                     [&](const Life& life) {
                       return life.run != known.number && life.finished == status &&
                              life.last <= *known.run.ended;
                     }) ||
         (status == 128 + SIGKILL &&
          std::any_of(incidents.begin(), incidents.end(), [&](const Incident& one) {
            return one.kind == FaultKind::kKillJob && one.run != known.number &&
                   one.begin <= *known.run.ended;
          }));
}

/// Whether the votes of a quorum may have been split: that takes another candidate that asks.
bool may_be_split(const Known& known) {
  const Run& run = known.run;
  const auto& runs = known.record.runs;
  return known.record.servers > 1 && run.said.find("votes are split") != std::string::npos &&
         std::any_of(runs.begin(), runs.end(), [&](const Run& other) {
           return other.candidate != run.candidate && other.started < *run.ended &&
                  (!other.ended || *other.ended > run.started);
         });
}

/// Why the status is wrong; empty: it is right.
std::string fault(const Known& known) {
  const Run& run = known.run;
  const bool has_finished = known.main != nullptr && known.main->finished.has_value();
  // After a fault, a server is young or candidates are barred for a while.
  const bool may_be_unavailable =
      was_disturbed(known, run.started - 2 * known.record.ttl - seconds(3));
  switch (run.status) {
    case 69:
      if (known.has_job) return "a job had run";
      return may_be_unavailable || may_be_split(known) ? "" : "every server could be reached";
    case 75:
      return known.has_job ? "a job had run" : "";
    case 79:
      if (run.outcome == "asked" || run.outcome == "superseded") {
        return somebody_supersedes(known.record) ? "" : "nobody had asked for the key";
      }
      return was_disturbed(known, run.started - known.record.ttl) ||
                     somebody_supersedes(known.record)
                 ? ""
                 : "nothing had happened to the lease";
    case kDied + SIGKILL:
      return has_happened(known, FaultKind::kKillFront) ||
                     has_happened(known, FaultKind::kKillBoth) ||
                     has_happened(known, FaultKind::kKillJob)
                 ? ""
                 : "nobody had killed it or its job";
    default:
      break;
  }
  if (run.was_told_to_end && (run.status == kDied + SIGTERM || run.status == 0)) return "";
  if (run.kind == Kind::kElect) return "elect was not told to end";
  if (run.outcome == "joined") {
    return was_ended_by_another(known, run.status) ? "" : "no other run had ended with it";
  }
  if (run.outcome == "follower") return "it was a follower";
  if (!has_finished) return "its job had not ended by itself";
  return known.main->finished == run.status
             ? ""
             : "its job had ended with " + std::to_string(*known.main->finished);
}

}  // namespace

std::optional<std::string> fault_of_status(const Record& record, int run) {
  Known known{record, record.runs[static_cast<std::size_t>(run)], run};
  if (!known.run.ended) {
    return "run " + std::to_string(run) + " did not end when it was told to";
  }
  for (const Life& life : record.lives) {
    if (life.run != run) continue;
    known.has_job = true;
    if (life.is_main && (known.main == nullptr || known.main->first < life.first)) {
      known.main = &life;
    }
  }
  const std::string reason = fault(known);
  if (reason.empty()) return std::nullopt;
  return "run " + std::to_string(run) + " (candidate " + std::to_string(known.run.candidate) +
         ", " + name_of(known.run.kind) + ") ended with " + std::to_string(known.run.status) +
         (known.run.outcome.empty() ? "" : ", " + known.run.outcome) + ", but " + reason +
         (known.run.said.empty() ? "" : ": " + known.run.said);
}

}  // namespace cluster_leader::histories
