#pragma once

#include "base/poller.h"
#include "commands/reporter.h"
#include "commands/session.h"
#include "lease/timeline.h"
#include "process/job.h"
#include "process/keeper_link.h"
#include "process/signals.h"

namespace cluster_leader {

/// What the keeper needs to know to do its work.
struct KeeperDuty {
  JobSpec job;
  int stop_signal = 0;
  Timeline timeline;
};

/// The keeper's life: starts the job, renews its lease, kills the whole tree when the lease slips
/// away or the front dies, releases when nothing of it is alive, and tells the front how it ended.
/// Runs in the process that fork_keeper made; returns its exit status.
int keep(Session& session, const KeeperDuty& duty, Poller& poller, KeeperLink& link,
         SignalReader& signals, int front_pidfd, Reporter& reporter);

}  // namespace cluster_leader
