#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/poller.h"
#include "commands/reporter.h"
#include "commands/session.h"
#include "options/options.h"
#include "process/keeper_link.h"
#include "process/signals.h"

namespace cluster_leader {

/// What a front may order its keeper to do (LinkMessage::kOrder).
enum class Order : std::int32_t {
  kStop,    ///< end: stop the job, give back every lease, and say the last word
  kResign,  ///< give up what is led, and stand again after a ttl; for `run` the same as kStop
  kRest,    ///< give up everything, and stand for nothing until kStand
  kStand,   ///< stand again
  kRepeat,  ///< tell once more what is led
};

/// False if the link has no room now.
bool give_order(KeeperLink& link, Order order);

/// What the keeper needs to know to do its work.
struct KeeperDuty {
  const Options& options;
  InheritedSignals inherited;  ///< restored in the job
  pid_t terminal_group = 0;    ///< JobSpec::terminal_group
  bool rests = false;          ///< as after Order::kRest
};

/// The rules of one term for the key with number `contest`, from `begin` on. Where there are many
/// keys, their renewals are spread over the heartbeat.
Supervisor make_supervisor(const Options& options, std::size_t contest, Time begin);

/// The keeper's life: starts the job, renews its lease, kills the whole tree when the lease slips
/// away or the front dies, releases when nothing of it is alive, and tells the front how it ended.
/// For `run` that is all: the session comes with one contest that was granted the lease. For
/// `elect` it is one term of many: the session comes with candidates, each change of leadership is
/// told to the front, and what ended is stood for again; without a command, leading is only told.
/// Runs in the process that fork_keeper made; returns its exit status.
int keep(Session& session, const KeeperDuty& duty, Poller& poller, KeeperLink& link,
         SignalReader& signals, int front_pidfd, Reporter& reporter);

}  // namespace cluster_leader
