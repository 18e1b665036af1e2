#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "histories/plan.h"

namespace cluster_leader::histories {

/// One process of a job. It was alive at least from `first` to `last`.
struct Life {
  int run = 0;  ///< an index in Record::runs
  int slot = 0;
  std::int64_t token = 0;
  int pid = 0;
  bool is_main = false;
  std::optional<int> finished{};  ///< of the main one: the status with which it ended by itself
  Time first{};
  Time last{};
};

/// One start of a candidate's program.
struct Run {
  int candidate = 0;
  Kind kind = Kind::kRun;
  int job_status = 0;  ///< with which its job ends if nothing stops it
  Time started{};
  std::optional<Time> ended{};   ///< of its front
  int status = 0;                ///< the exit status, or 1000 and the signal that it died of
  std::string outcome{};         ///< in its result file; empty: it wrote none
  bool was_told_to_end = false;  ///< at the end of the history
  std::string said{};            ///< on standard error
};

/// A fault that has happened.
struct Incident {
  FaultKind kind = FaultKind::kFreeze;
  Time begin{};
  Time end{};
  int candidate = -1;  ///< -1: all
  int run = -1;        ///< of processes; an index in Record::runs
  int server = 0;
  int amount_ms = 0;
};

/// What has happened in a history.
struct Record {
  Topology topology = Topology::kPlain;
  Duration ttl{};
  Duration hold{};  ///< for how long a key may be kept after a run
  int servers = 1;  ///< of which a majority decides
  std::vector<Run> runs{};
  std::vector<Life> lives{};
  std::vector<Incident> incidents{};
  /// answers[candidate][server]: when something arrived from there, in order. Empty: not known.
  std::vector<std::vector<std::vector<Time>>> answers{};
  Time began{};
  Time healed{};         ///< all faults were lifted
  Time watched_until{};  ///< when the watch for a leader ended
  int survivors = 0;     ///< processes of jobs that still beat after all candidates had ended
};

}  // namespace cluster_leader::histories
