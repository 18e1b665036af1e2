#include "supervise/held_job.h"

#include <sys/wait.h>

#include <system_error>

#include "report/run_ending.h"

namespace cluster_leader {

bool asks_to_end(int signo) {
  return signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT;
}

void HeldJob::start(const JobSpec& spec) {
  status_ = {};
  main_exited_ = false;
  started_ms_ = 0;
  finished_ms_ = 0;
  try {
    job_.emplace(Job::start(spec));
  } catch (const std::system_error& error) {
    status_ = {JobStatus::Kind::kNotStarted, error.code().value()};
    throw;
  }
  reading_report_ = true;
  started_ms_ = wall_clock_ms();
}

void HeldJob::watch(Poller& poller) const {
  if (reading_report_) poller.watch(job_->report_fd(), POLLIN);
}

HeldJob::Change HeldJob::update() {
  Change change;
  const Reaped reaped = tree_.reap();
  // After reaping: a job that has ended has reported its pid before, so its status is not missed.
  if (reading_report_) reading_report_ = !job_->read_report();
  for (const ChildChange& child : reaped.changes) {
    if (job_->record_status(child.pid, child.code, child.status)) main_exited_ = true;
    if (child.code == CLD_STOPPED && child.pid == job_->pid()) change.stopped_by = child.status;
  }
  change.main_exited = main_exited_;
  if (reaped.empty) {
    status_ = job_->status();
    job_.reset();
    reading_report_ = false;
    finished_ms_ = wall_clock_ms();
    change.gone = true;
  }
  return change;
}

void HeldJob::stop(int signo) {
  if (main_exited_) {
    tree_.send_signal(signo);
  } else {
    job_->send_signal(signo);
    job_->send_signal(SIGCONT);
  }
  tree_.survey();
}

void HeldJob::kill() {
  tree_.strike();
  tree_.sweep();
}

std::optional<RunResult> HeldJob::result() const {
  const bool ran =
      status_.kind == JobStatus::Kind::kExited || status_.kind == JobStatus::Kind::kSignaled;
  if (!ran) return std::nullopt;
  return RunResult{shell_status(status_), started_ms_, finished_ms_};
}

bool HeldJob::was_asked_to_end() const {
  return status_.kind == JobStatus::Kind::kSignaled && asks_to_end(status_.value);
}

}  // namespace cluster_leader
