#include "commands/run_ending.h"

#include <cerrno>

#include "exit_code.h"

namespace cluster_leader {

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
