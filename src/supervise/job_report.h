#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/reporter.h"
#include "supervise/session.h"

namespace cluster_leader {

/// What a keeper reports about the end of its job: why the lease was lost, that the job is being
/// stopped, which of its processes survive SIGKILL, that it is dead. Each call comes after the act.
class JobReport {
 public:
  struct Style {
    /// When nothing of a job that was killed should be alive any more, counted from the kill.
    Duration grace{};
    /// Whether stopping() names what a job leaves behind. Finding that takes a walk through /proc
    /// before the stop signal, which is not for every run.
    bool names_leftovers = false;
    /// Whether the loss of a lease is a warning, since the keeper campaigns again.
    bool only_warns = false;
  };
  JobReport(const Session& session, Style style, Reporter& reporter);

  /// A job is about to start.
  void begin();
  bool names_leftovers() const { return style_.names_leftovers; }
  /// The main process has ended, and `members`, which have not, are about to be stopped. Records
  /// their names for stopping().
  void record_leftovers(const std::vector<pid_t>& members);
  /// The stop signal was sent.
  void stopping(std::size_t campaign);
  /// SIGKILL was sent to all of it.
  void killing(std::size_t campaign, Time now);
  /// When to call still_alive(), if something is alive then: once for each job that was killed.
  Time alive_due() const { return alive_due_; }
  void still_alive(std::size_t campaign, const std::vector<pid_t>& members);
  /// Nothing of it is alive.
  void dead();
  /// The message about the loss of a lease that had no job; may be empty.
  std::string loss_without_job(std::size_t campaign) const;
  void write(const std::string& text);

 private:
  struct Loss {
    std::string what;   ///< which lease, and what has become of it
    std::string cause;  ///< ": " and why, if that is known
  };
  bool is_lost(std::size_t campaign) const;
  bool is_asked_back(std::size_t campaign) const;
  Loss loss_of(std::size_t campaign) const;

  const Session& session_;
  Style style_;
  Reporter& reporter_;
  std::string leftovers_;
  std::optional<Loss> unreported_;  ///< to be reported when the job is dead
  bool reported_loss_ = false;
  Time alive_due_ = kNever;
};

}  // namespace cluster_leader
