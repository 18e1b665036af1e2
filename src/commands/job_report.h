#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commands/reporter.h"
#include "commands/session.h"
#include "options/options.h"

namespace cluster_leader {

/// What a keeper says about the end of its job: why the lease was lost, that the job is being
/// stopped, what of it outlives SIGKILL, that it is dead. Everything is said after it was done.
class JobReport {
 public:
  JobReport(const Session& session, const Options& options, Reporter& reporter);

  /// A job is about to start.
  void begin();
  /// Whether stopping() names what a job leaves behind (--verbose). Finding it means a walk through
  /// /proc before the stop signal, which is not for every run.
  bool names_left_behind() const { return options_.log_level == Options::LogLevel::kVerbose; }
  /// The main process has ended, and `members` have not; they are about to be stopped. Remembers
  /// their names, for stopping().
  void note_left_behind(const std::vector<pid_t>& members);
  /// The stop signal was sent.
  void stopping(std::size_t contest);
  /// SIGKILL was sent to all of it.
  void killing(std::size_t contest, Time now);
  /// When still_alive() wants to be told, if something is alive then: once for each job that was
  /// killed, when nothing of it should be alive any more.
  Time alive_due() const { return alive_due_; }
  void still_alive(std::size_t contest, const std::vector<pid_t>& members);
  /// Nothing of it is alive.
  void dead();
  /// What is to be said of the loss of a lease that had no job; may be nothing.
  std::string loss_without_job(std::size_t contest) const;
  void say(const std::string& text);

 private:
  struct Loss {
    std::string what;     ///< which lease, and what became of it
    std::string because;  ///< ": " and why, if that is known
  };
  bool is_lost(std::size_t contest) const;
  Loss loss_of(std::size_t contest) const;

  const Session& session_;
  const Options& options_;
  Reporter& reporter_;
  std::string left_behind_;
  std::optional<Loss> unsaid_;  ///< to be said when the job is dead
  bool said_why_ = false;
  Time alive_due_ = kNever;
};

}  // namespace cluster_leader
