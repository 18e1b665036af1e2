#include "supervise/keeper_death.h"

#include <cassert>

#include "base/signal_names.h"

namespace cluster_leader {

KeeperDeath keeper_death(const KeeperEnd& end) {
  assert(!end.last_word);
  const std::string why = end.failure.empty() ? "" : ": " + end.failure;
  switch (end.how) {
    case KeeperEnd::How::kKilled:
      return {"the keeper was killed by SIG" + signal_name(end.signal), kExitLost};
    case KeeperEnd::How::kTooSlow:
      return {"the keeper was too slow (stopped, or short of processor time) and was killed",
              kExitLost};
    case KeeperEnd::How::kRefused:
      return {"the keeper failed, since the operating system refused something" + why, kExitOs};
    case KeeperEnd::How::kFailed:
    case KeeperEnd::How::kFinished:
      break;
  }
  const std::string crash =
      end.signal != 0 ? ": it crashed with SIG" + signal_name(end.signal) : why;
  return {"the keeper failed, which is a bug of cluster-leader" + crash, kExitBug};
}

std::string survivors_of_keeper(const std::vector<Survivor>& alive) {
  return "the keeper is gone, and the job was killed; still alive: " + list_of(alive);
}

}  // namespace cluster_leader
