#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lease/answer.h"
#include "lease/candidacy.h"
#include "process/job.h"

namespace cluster_leader {

/// How one `run` ended, for its exit status, the result file and the metrics file.
struct RunEnding {
  enum class Outcome : std::uint8_t {
    kRan,         ///< the job ran to its end under the lease, or without one (--if-unavailable run)
    kFollower,    ///< somebody else holds the key, or --once says that the job has been done
    kJoined,      ///< somebody else ran it; the status is theirs
    kLost,        ///< the lease was lost; the job was stopped
    kAsked,       ///< somebody asked for the key (release --ask); the job was stopped
    kSuperseded,  ///< so did a newer run; or it did while this one waited, which has no job then
    kUnavailable,  ///< no server
    kError,  ///< everything else: refused, misconfigured, not started, stopped before the start
  };
  Outcome outcome = Outcome::kError;
  int status = 0;  ///< what a shell shows: 128 + signal if a signal ends us
  int signal = 0;  ///< what we die of; 0: we exit

  std::string key;               ///< as the user wrote it
  std::string node;              ///< our label
  HolderId holder;               ///< of our lease, if there was one
  Token token;                   ///< of our lease; 0: there was none
  std::uint32_t slot = 0;        ///< of our lease, if there was one
  std::int64_t asked_ms = 0;     ///< when we first asked for the lease, ms since 1970
  std::int64_t decided_ms = 0;   ///< when we got it or gave up, ms since 1970
  std::int64_t started_ms = 0;   ///< of the job, ours or the joined one, ms since 1970; 0: none
  std::int64_t finished_ms = 0;  ///< of the same
  std::uint32_t renewals = 0;    ///< of our lease
  Duration slowest_renewal{};    ///< from sending to the answer
  std::string leader;            ///< the node that holds or held the key instead of us
  std::optional<Done> joined;    ///< the run that we joined, or because of which --once skips ours
};

/// Every outcome, with its word in the files and in the manual.
struct OutcomeName {
  RunEnding::Outcome outcome;
  const char* name;
};
inline constexpr OutcomeName kOutcomeNames[] = {
    {RunEnding::Outcome::kRan, "ran"},
    {RunEnding::Outcome::kFollower, "follower"},
    {RunEnding::Outcome::kJoined, "joined"},
    {RunEnding::Outcome::kLost, "lost"},
    {RunEnding::Outcome::kAsked, "asked"},
    {RunEnding::Outcome::kSuperseded, "superseded"},
    {RunEnding::Outcome::kUnavailable, "unavailable"},
    {RunEnding::Outcome::kError, "error"},
};
const char* outcome_name(RunEnding::Outcome outcome);

/// The status that a shell shows for a job that ended so: 128 + N for signal N, 126 or 127 if it
/// could not be executed.
int shell_status(const JobStatus& status);

/// Why `command` never ran, as one line for people; nothing if it did.
std::optional<std::string> why_not_run(const JobStatus& status,
                                       const std::vector<std::string>& command);

}  // namespace cluster_leader
