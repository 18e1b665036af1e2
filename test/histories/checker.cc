#include "histories/checker.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "histories/excuse.h"
#include "histories/recovery.h"
#include "histories/status.h"

namespace cluster_leader::histories {

namespace {

using std::chrono::milliseconds;

std::string at(const Record& record, Time time) {
  return std::to_string(std::chrono::floor<milliseconds>(time - record.began).count()) + " ms";
}

std::string ms(Duration d) { return std::to_string(ceil_ms(d)) + " ms"; }

const Run& run_of(const Record& record, int run) {
  return record.runs[static_cast<std::size_t>(run)];
}

std::string text_of(const Record& record, const Tenure& tenure) {
  return std::to_string(tenure.token) + " of candidate " + std::to_string(tenure.candidate) + " (" +
         name_of(run_of(record, *tenure.runs.begin()).kind) + ", " + at(record, tenure.first) +
         " to " + at(record, tenure.last) + ")";
}

std::vector<Tenure> tenures_of(const Record& record) {
  std::map<std::tuple<int, std::int64_t, int>, Tenure> found;
  for (const Life& life : record.lives) {
    const Run& run = run_of(record, life.run);
    const auto [at, is_new] = found.try_emplace({life.slot, life.token, run.candidate});
    Tenure& tenure = at->second;
    if (is_new) {
      tenure.slot = life.slot;
      tenure.token = life.token;
      tenure.candidate = run.candidate;
      tenure.asked = run.started;
      tenure.first = life.first;
      tenure.last = life.last;
    }
    tenure.runs.insert(life.run);
    tenure.asked = std::min(tenure.asked, run.started);
    tenure.first = std::min(tenure.first, life.first);
    tenure.last = std::max(tenure.last, life.last);
  }
  std::vector<Tenure> tenures;
  tenures.reserve(found.size());
  for (auto& [key, tenure] : found) tenures.push_back(std::move(tenure));
  std::sort(tenures.begin(), tenures.end(), [](const Tenure& a, const Tenure& b) {
    return std::tie(a.slot, a.first) < std::tie(b.slot, b.first);
  });
  return tenures;
}

bool data_was_lost_and_clock_set_back(const Record& record, Time from, Time to) {
  bool is_lost = false;
  bool is_back = false;
  for (const Incident& incident : record.incidents) {
    if (incident.begin > to) continue;
    is_lost = is_lost || (loses_data(incident.kind) && incident.end >= from);
    is_back = is_back || incident.kind == FaultKind::kClockBack;
  }
  return is_lost && is_back;
}

void check_overlaps(const Record& record, const std::vector<Tenure>& tenures, Verdict& verdict) {
  for (std::size_t i = 0; i < tenures.size(); ++i) {
    for (std::size_t j = i + 1; j < tenures.size(); ++j) {
      const Tenure& one = tenures[i];
      const Tenure& other = tenures[j];
      if (other.slot != one.slot) break;
      if (other.first > one.last) continue;
      // The token tells which is older, unless it may have gone back.
      const bool is_in_order = one.token <= other.token ||
                               data_was_lost_and_clock_set_back(record, one.asked, other.first);
      const Tenure& older = is_in_order ? one : other;
      const Tenure& newer = is_in_order ? other : one;
      const Time begin = std::max(one.first, other.first);
      const Time end = std::min(one.last, other.last);
      if (const auto limit = excuse(record, tenures, older, newer, begin, end)) {
        ++verdict.excused[*limit];
        continue;
      }
      ++verdict.overlaps;
      verdict.longest_overlap = std::max(verdict.longest_overlap, end - begin);
      verdict.violations.push_back({"overlap", "slot " + std::to_string(one.slot) + ": " +
                                                   text_of(record, older) + " and " +
                                                   text_of(record, newer) + " for " +
                                                   ms(end - begin) + " from " + at(record, begin)});
    }
  }
}

/// How far the clocks of the servers were set apart by then.
Duration clocks_apart(const Record& record, Time by) {
  std::vector<Duration> errors(static_cast<std::size_t>(record.servers));
  for (const Incident& incident : record.incidents) {
    if (incident.begin > by) continue;
    Duration& error = errors[static_cast<std::size_t>(incident.server)];
    if (incident.kind == FaultKind::kClockForward) error += milliseconds(incident.amount_ms);
    if (incident.kind == FaultKind::kClockBack) error -= milliseconds(incident.amount_ms);
  }
  const auto [least, most] = std::minmax_element(errors.begin(), errors.end());
  return *most - *least;
}

/// In a quorum: the clocks are far apart, and a server has lost its data before the first renewal
/// of the lease had reached all of them.
bool are_clocks_apart(const Record& record, const Tenure& lease, Time by) {
  if (record.servers == 1) return false;
  if (clocks_apart(record, by) <= record.ttl + std::chrono::seconds(1)) return false;
  const Time renewed = lease.first + next_renewal(record) + kSlack;
  const auto& incidents = record.incidents;
  return std::any_of(incidents.begin(), incidents.end(), [&](const Incident& loss) {
    if (!loses_data(loss.kind) || loss.end < lease.asked || loss.begin > by) return false;
    return loss.begin <= renewed ||
           std::any_of(incidents.begin(), incidents.end(), [&](const Incident& cut) {
             return is_of_network(cut.kind) && cut.candidate == lease.candidate &&
                    cut.begin <= renewed && cut.end >= loss.begin;
           });
  });
}

void check_tokens(const Record& record, const std::vector<Tenure>& tenures, Verdict& verdict) {
  for (std::size_t i = 0; i < tenures.size(); ++i) {
    for (std::size_t j = i + 1; j < tenures.size() && tenures[j].slot == tenures[i].slot; ++j) {
      const Tenure& before = tenures[i];
      const Tenure& later = tenures[j];
      const bool is_shared = before.token == later.token;
      // Of two that overlap, the one that was granted later may be seen first.
      const bool has_grown = before.token < later.token || later.first <= before.last;
      if (!is_shared && has_grown) continue;
      if (data_was_lost_and_clock_set_back(record, before.asked, later.first)) {
        ++verdict.excused[Limit::kTokenBack];
        continue;
      }
      if (!is_shared && are_clocks_apart(record, before, later.first)) {
        ++verdict.excused[Limit::kClocksApart];
        continue;
      }
      verdict.violations.push_back(
          {"token", text_of(record, before) + " and then " + text_of(record, later)});
    }
  }
}

void check_lives(const Record& record, Verdict& verdict) {
  for (const Life& life : record.lives) {
    const Run& run = run_of(record, life.run);
    const std::string who = std::string(life.is_main ? "job " : "descendant ") +
                            std::to_string(life.pid) + " of run " + std::to_string(life.run) +
                            " (candidate " + std::to_string(run.candidate) + ", " +
                            name_of(run.kind) + ")";
    // Without both of our processes, nobody kills descendants; the kernel kills the main one.
    const bool are_both_killed = were_both_killed(record, {life.run}, life.last);
    if (are_both_killed) {
      if (life.is_main && !were_both_killed(record, {life.run}, life.last - kSlack)) continue;
      if (life.is_main) verdict.violations.push_back({"orphan", who + " survived both"});
      continue;
    }
    if (!record.answers.empty()) {
      const Time renewed = std::max(
          run.started, last_answer(record, run.candidate, life.last).value_or(run.started));
      if (life.last > renewed + record.ttl) {
        if (was_frozen(record, {life.run}, life.last)) {
          ++verdict.excused[Limit::kMachineFrozen];
        } else {
          verdict.violations.push_back({"deadline", who + " was alive " + ms(life.last - renewed) +
                                                        " after the last answer"});
        }
      }
    }
    if (run.ended && run.status != 1000 + 9 && life.last > *run.ended) {
      verdict.violations.push_back(
          {"orphan", who + " outlived its run by " + ms(life.last - *run.ended)});
    }
  }
}

void check_survivors(const Record& record, Verdict& verdict) {
  if (record.survivors == 0) return;
  const bool is_excused =
      std::any_of(record.incidents.begin(), record.incidents.end(),
                  [](const Incident& one) { return one.kind == FaultKind::kKillBoth; });
  if (is_excused) {
    ++verdict.excused[Limit::kBothKilled];
  } else {
    verdict.violations.push_back(
        {"orphan", std::to_string(record.survivors) + " processes were left at the end"});
  }
}

}  // namespace

const char* name_of(Limit limit) {
  switch (limit) {
    case Limit::kDataLost:
      return "data-lost";
    case Limit::kClockAhead:
      return "clock-ahead";
    case Limit::kSeemsOlder:
      return "seems-older";
    case Limit::kMachineFrozen:
      return "machine-frozen";
    case Limit::kBothKilled:
      return "both-killed";
    case Limit::kTokenBack:
      return "token-back";
    case Limit::kClocksApart:
      return "clocks-apart";
    case Limit::kTakenBack:
      return "paused-primary";
  }
  return "";
}

Verdict check(const Record& record, bool checks_statuses) {
  Verdict verdict;
  const std::vector<Tenure> tenures = tenures_of(record);
  verdict.jobs = static_cast<int>(tenures.size());
  check_overlaps(record, tenures, verdict);
  check_tokens(record, tenures, verdict);
  check_lives(record, verdict);
  check_survivors(record, verdict);
  if (checks_statuses) {
    for (std::size_t i = 0; i < record.runs.size(); ++i) {
      if (const auto fault = fault_of_status(record, static_cast<int>(i))) {
        verdict.violations.push_back({"status", *fault});
      }
    }
  }
  verdict.recovery = recovery_of(record);
  const Duration allowed = record.ttl + std::chrono::seconds(1) + kSlack;
  if (!verdict.recovery || *verdict.recovery > allowed) {
    verdict.violations.push_back(
        {"leader", verdict.recovery ? "nobody led for " + ms(*verdict.recovery)
                                    : "nobody led until " + at(record, record.watched_until)});
  }
  return verdict;
}

}  // namespace cluster_leader::histories
