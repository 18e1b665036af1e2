#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/poller.h"
#include "lease/supervisor.h"
#include "lease/timeline.h"
#include "process/keeper_link.h"
#include "process/signals.h"
#include "report/reporter.h"
#include "supervise/lease_environment.h"
#include "supervise/session.h"
#include "supervise/terms.h"

namespace cluster_leader {

/// What a keeper is to do.
struct KeeperPlan {
  TermPolicy terms;
  Timeline timeline;
  std::vector<std::string> command;  ///< the job; empty: being the leader is only reported
  LeaseEnvironment environment;      ///< of the job
  InheritedSignals inherited;        ///< restored in the job
  pid_t terminal_group = 0;          ///< JobSpec::terminal_group
  int stop_signal = 15;              ///< sent to the job when the lease slips away
  bool names_leftovers = false;      ///< JobReport::Style
};

/// The life of a keeper: starts the job, renews its lease, kills the whole tree when the lease
/// slips away or the front dies, releases the lease when nothing of the job is alive, and tells the
/// front how it ended. What comes before and after a term is up to plan.terms.
///
/// Runs in the process that fork_keeper() made; returns its exit status.
int keep(Session& session, const KeeperPlan& plan, Poller& poller, KeeperLink& link,
         SignalReader& signals, int front_pidfd, Reporter& reporter);

}  // namespace cluster_leader
