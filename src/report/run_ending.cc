#include "report/run_ending.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "base/exit_code.h"

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

std::optional<std::string> why_not_run(const JobStatus& status,
                                       const std::vector<std::string>& command) {
  const auto reason = [&] { return std::generic_category().message(status.value); };
  if (status.kind == JobStatus::Kind::kNotExecuted) {
    const std::string& program = command.front();
    const bool is_line = command.size() == 1 && program.find_first_of(" \t\n") != program.npos;
    if (is_line && status.value == ENOENT) {
      return "cannot execute '" + program +
             "', which is one word with blanks in it: leave out the quotes, or put sh -c before it";
    }
    return "cannot execute " + program + ": " + reason();
  }
  if (status.kind == JobStatus::Kind::kNotStarted) {
    return "the job could not be started: " + reason();
  }
  return std::nullopt;
}

}  // namespace cluster_leader
