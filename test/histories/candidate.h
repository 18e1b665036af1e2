#pragma once

#include <optional>
#include <string>
#include <vector>

#include "histories/plan.h"
#include "histories/record.h"
#include "support/command.h"

namespace cluster_leader::histories {

/// Which program the candidates are.
enum class Program {
  kOurs,
  kNaive,  ///< a stand-in for the design that is common: SET NX EX, EXPIRE, DEL
};

/// A place where one start of a program follows the other, as a timer or a supervisor would do it.
class Candidate {
 public:
  /// `options` lead to the leases; `folder` is for its files.
  /// It starts first at `start_at`.
  Candidate(int number, const Plan& plan, Program program, std::vector<std::string> options,
            std::string beats, std::string folder, Time start_at);

  /// Starts it if it is time, and notes in `runs` how it has ended.
  void turn(std::vector<Run>& runs, Time now);
  /// Tells it to end: `elect`, and a run that waits. One that has a job may bring it to its end.
  void tell_to_end(std::vector<Run>& runs);
  bool has_ended() const { return !process_; }
  /// Kills what has not ended when it was told to.
  void give_up() { process_.reset(); }

  /// The index of its present run; -1 if there is none.
  int run() const { return process_ ? run_ : -1; }
  pid_t front() const { return process_->pid(); }
  /// 0 if there is none, as of a follower.
  pid_t keeper() const { return process_->child(); }

  /// Whether one of its present processes was stopped or killed. Then the others are spared, since
  /// nothing is promised without both.
  bool is_harmed = false;

 private:
  std::vector<std::string> command_line(const JobPlan& job, int run) const;
  std::string result_file() const;
  void start(std::vector<Run>& runs, Time now);

  const int number_;
  const Plan& plan_;
  const Program program_;
  const std::vector<std::string> options_;
  const std::string beats_;
  const std::string folder_;
  int starts_ = 0;
  int run_ = -1;
  bool is_ending_ = false;
  Time start_at_;
  std::optional<Process> process_;
};

}  // namespace cluster_leader::histories
