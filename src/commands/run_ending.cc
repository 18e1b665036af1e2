#include "commands/run_ending.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <iterator>

#include "exit_code.h"

namespace cluster_leader {

const char* outcome_name(RunEnding::Outcome outcome) {
  const auto* found = std::find_if(std::begin(kOutcomeNames), std::end(kOutcomeNames),
                                   [&](const OutcomeName& row) { return row.outcome == outcome; });
  assert(found != std::end(kOutcomeNames));
  return found->name;
}

int shell_status(const JobStatus& status) {
  switch (status.kind) {
    case JobStatus::Kind::kExited:
      return status.value;
    case JobStatus::Kind::kSignaled:
      return 128 + status.value;
    case JobStatus::Kind::kNotExecuted:
      return status.value == ENOENT ? kExitNotFound : kExitNotExecutable;
    case JobStatus::Kind::kNotStarted:
      return kExitOs;
    case JobStatus::Kind::kNone:
      break;
  }
  return kExitBug;
}

}  // namespace cluster_leader
