#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "process/job.h"
#include "process/tree.h"

namespace cluster_leader {

/// The job of a keeper with all its descendants, from its start until nothing of it is left, and
/// how it ended.
class HeldJob {
 public:
  /// The result of update().
  struct Change {
    bool main_exited = false;       ///< the main process has ended, now or before
    bool gone = false;              ///< nothing is left: every process is dead and reaped
    std::optional<int> stopped_by;  ///< the main process was stopped by this signal
  };

  /// REQUIRES: !is_there(). Throws std::system_error where the kernel refuses; status() says why.
  void start(const JobSpec& spec);
  /// True from start() until update() has returned `gone`.
  bool is_there() const { return job_.has_value(); }

  void watch(Poller& poller) const;
  /// Reaps what has ended. REQUIRES: is_there().
  Change update();

  /// Passes a signal on to the job.
  void forward(int signo) { job_->send_signal(signo); }
  /// Sends the stop signal to the job, or to everything that its main process has left behind, and
  /// surveys the tree for the kill that may follow.
  void stop(int signo);
  void kill();
  /// Kills the processes that were born while others were killed.
  void sweep() { tree_.sweep(); }
  /// Everything that is left of it, including dead processes that nobody has reaped.
  std::vector<pid_t> members() { return tree_.members(); }
  bool has_main_exited() const { return main_exited_; }

  /// Of the job that was started last.
  const JobStatus& status() const { return status_; }
  std::int64_t started_ms() const { return started_ms_; }
  std::int64_t finished_ms() const { return finished_ms_; }
  /// How it ended, for the key's record; nothing if the command could not be executed.
  std::optional<RunResult> result() const;
  /// Whether it died of a signal that asks a program to end. We do not see all of these signals:
  /// the terminal sends its own to the job itself.
  bool was_asked_to_end() const;

 private:
  Tree tree_;
  std::optional<Job> job_;
  JobStatus status_;
  std::int64_t started_ms_ = 0;
  std::int64_t finished_ms_ = 0;
  bool reading_report_ = false;
  bool main_exited_ = false;
};

/// Whether `signo` asks a program to end.
bool asks_to_end(int signo);

}  // namespace cluster_leader
