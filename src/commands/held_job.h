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

/// The job of a keeper, with all its descendants: from its start until nothing of it is left, and
/// what is to be told about it then.
class HeldJob {
 public:
  /// What look() has found.
  struct Change {
    bool main_exited = false;       ///< the main process has ended, now or before
    bool gone = false;              ///< nothing is left: every process is dead and reaped
    std::optional<int> stopped_by;  ///< the main process was stopped by this signal
  };

  /// REQUIRES: !is_there(). Throws std::system_error where the kernel refuses; status() says why.
  void start(const JobSpec& spec);
  /// True from start() until look() has said `gone`.
  bool is_there() const { return job_.has_value(); }

  void watch(Poller& poller) const;
  /// Reaps what has ended. REQUIRES: is_there().
  Change look();

  /// Passes a signal on to the job.
  void forward(int signo) { job_->send_signal(signo); }
  /// The polite stop: `signo` to the job, or to all that its main process has left behind; and a
  /// survey for the kill that may follow.
  void stop(int signo);
  void kill();
  /// Kills what was being born while others were killed.
  void sweep() { tree_.sweep(); }
  /// All that is left of it, dead processes that nobody has reaped included.
  std::vector<pid_t> members() { return tree_.members(); }
  bool has_main_exited() const { return main_exited_; }

  /// Of the job that was started last.
  const JobStatus& status() const { return status_; }
  std::int64_t started_ms() const { return started_ms_; }
  std::int64_t finished_ms() const { return finished_ms_; }
  /// How it ended, as others learn it; nothing if the command could not be executed.
  std::optional<RunResult> result() const;
  /// Whether it died of a signal that asks for the end. It was asked to, by whomever: the
  /// terminal's keys do not come through us.
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

/// True if a program that gets `signo` is being asked to end.
bool asks_to_end(int signo);

}  // namespace cluster_leader
