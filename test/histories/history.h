#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "histories/beats.h"
#include "histories/candidate.h"
#include "histories/plan.h"
#include "histories/record.h"
#include "histories/stall_watch.h"
#include "histories/world.h"
#include "support/command.h"

namespace cluster_leader::histories {

/// Lets a plan happen, with real servers and processes. One history happens in a process, since it
/// takes over the orphans of the killed.
class History {
 public:
  /// Starts the servers. Throws std::runtime_error if one does not come up.
  History(const Plan& plan, Program program);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// Returns when everything is over, some seconds after the plan's faults.
  Record run();
  /// The worst stall of the machine meanwhile: how late a thread woke, or how long an answer took
  /// that no fault has delayed.
  Duration stall() const;
  /// How many faults could not begin, since their server was down or their process not there.
  int skipped() const { return skipped_; }

 private:
  /// A fault that has begun.
  struct Ongoing {
    Fault fault;  ///< with the candidate that it has met
    Incident incident;
    std::vector<pid_t> stopped{};
  };
  struct Step {
    Time at;
    std::size_t fault;
    bool is_end;
  };
  void turn(Time now);
  void until_faults_end();
  void until_somebody_leads();
  void end_candidates();
  void begin(std::size_t number);
  void end(std::size_t number);
  bool begin_at_process(Ongoing& one);
  void end_at_process(const Ongoing& one);
  int leader(std::size_t fault) const;
  std::optional<pid_t> job_of(int run) const;
  void read_beats();
  int count_survivors() const;
  std::size_t cells() const;

  const Plan plan_;
  StallWatch stalls_;
  TempFolder folder_;
  Beats* beats_ = nullptr;
  std::unique_ptr<World> world_;
  std::vector<Candidate> candidates_;
  Record record_;
  std::map<std::size_t, Ongoing> ongoing_;  ///< by the number of the fault
  int skipped_ = 0;
};

}  // namespace cluster_leader::histories
