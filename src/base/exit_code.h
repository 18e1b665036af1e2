#pragma once

namespace cluster_leader {

/// Our exit statuses other than the job's own. 64 to 78 are those of sysexits.h, as flock(1) uses
/// them; 126 and 127 are those of env(1); 79 is the first above sysexits.
enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 64,
  kExitUnavailable = 69,
  kExitBug = 70,
  kExitOs = 71,
  kExitFollower = 75,
  kExitDenied = 77,
  kExitConfig = 78,
  kExitLost = 79,
  kExitNotExecutable = 126,
  kExitNotFound = 127,
};

/// A row of the manual's table EXIT STATUS.
struct ExitStatus {
  ExitCode code;
  const char* meaning;
};

/// The table with the manual's sentences; a test compares the manual with it.
inline constexpr ExitStatus kExitStatuses[] = {
    {kExitUsage, "The command line was wrong."},
    {kExitUnavailable, "No server could be reached, or it cannot serve now."},
    {kExitBug, "An error in cluster-leader itself."},
    {kExitOs, "The operating system refused what is needed."},
    {kExitFollower, "Follower: somebody else holds the key."},
    {kExitDenied, "The server refused the password or a right that is needed."},
    {kExitConfig, "The configuration cannot work: a bad URL, or the wrong kind of server."},
    {kExitLost,
     "The lease was lost, asked back or could not be renewed in time; the job was stopped."},
    {kExitNotExecutable, "The command was found but could not be executed."},
    {kExitNotFound, "The command was not found."},
};

}  // namespace cluster_leader
