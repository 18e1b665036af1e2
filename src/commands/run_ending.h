#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lease/answer.h"
#include "lease/claim.h"
#include "process/job.h"

namespace cluster_leader {

/// How one `run` went, for its exit status and for the files that tell of it.
struct RunEnding {
  enum class Outcome : std::uint8_t {
    kRan,  ///< the job ran to its end under the lease, or without one as --if-unavailable allows
    kFollower,     ///< somebody else holds the key, or --once forbids a run
    kJoined,       ///< somebody else ran it; status is theirs
    kLost,         ///< the lease was lost; the job was stopped
    kUnavailable,  ///< no server
    kError,  ///< everything else: refused, misconfigured, not started, stopped before the start
  };
  Outcome outcome = Outcome::kError;
  int status = 0;  ///< what a shell shows: 128 + signal if a signal ends us
  int signal = 0;  ///< what we die of; 0: we exit

  Token token;                   ///< of our lease; 0: there was none
  std::int64_t asked_ms = 0;     ///< when we began to stand for the lease, ms since 1970
  std::int64_t decided_ms = 0;   ///< when that was decided
  std::int64_t started_ms = 0;   ///< of the job, ours or the one that we joined; 0: none
  std::int64_t finished_ms = 0;  ///< of the same
  std::uint32_t renewals = 0;    ///< of our lease
  Duration slowest_renewal{};    ///< from sending to the answer
  std::string leader;            ///< node label of whoever holds or held the key instead of us
  std::optional<Done> joined;    ///< the run whose result was taken, or that forbids another
};

/// Every outcome, with the word that the files and the manual have for it.
struct OutcomeName {
  RunEnding::Outcome outcome;
  const char* name;
};
inline constexpr OutcomeName kOutcomeNames[] = {
    {RunEnding::Outcome::kRan, "ran"},
    {RunEnding::Outcome::kFollower, "follower"},
    {RunEnding::Outcome::kJoined, "joined"},
    {RunEnding::Outcome::kLost, "lost"},
    {RunEnding::Outcome::kUnavailable, "unavailable"},
    {RunEnding::Outcome::kError, "error"},
};
const char* outcome_name(RunEnding::Outcome outcome);

/// The status that a shell shows for a job that ended so: 128 + N for signal N, 126 or 127 if it
/// could not be executed.
int shell_status(const JobStatus& status);

/// Why `program` never ran, as one line for people; nothing if it did.
std::optional<std::string> why_not_run(const JobStatus& status, const std::string& program);

}  // namespace cluster_leader
