#pragma once

#include <string>
#include <vector>

#include "base/exit_code.h"
#include "process/front.h"
#include "process/survivor.h"

namespace cluster_leader {

/// How the end of a keeper without a last word is reported.
struct KeeperDeath {
  std::string text;   ///< for people: "the keeper was ..."
  ExitCode status{};  ///< of a `run` that had this keeper
};

/// 79 if the keeper was killed or too slow, 71 if the operating
/// system refused something to it, 70 if it failed. REQUIRES: !end.last_word.
KeeperDeath keeper_death(const KeeperEnd& end);

/// The message when something of the job outlives the keeper and SIGKILL.
std::string survivors_of_keeper(const std::vector<Survivor>& alive);

}  // namespace cluster_leader
