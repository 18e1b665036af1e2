#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lease/election.h"
#include "process/hook.h"
#include "process/tree.h"
#include "report/reporter.h"
#include "supervise/lease_environment.h"

namespace cluster_leader {

/// The programs to run when this node becomes the leader of a key, and when it turns out not to be
/// or no longer to be. Argument vectors; empty: none.
struct HookCommands {
  std::vector<std::string> on_leader;
  std::vector<std::string> on_follower;
};

/// Runs the hooks, without delaying anything: one at a time for each key, with the latest state
/// only; a hook that has not ended after a ttl is killed with its whole process group.
class Hooks {
 public:
  /// `keys` are the names of the keys in the order of their numbers.
  Hooks(HookCommands commands, std::vector<std::string> keys, LeaseEnvironment environment,
        const InheritedSignals& inherited, Reporter& reporter);

  /// The key with number `index` has this state now.
  void update(std::size_t index, const Leadership& leadership);

  Time wake_at() const;
  /// Kills the hooks whose time is over, and starts those whose turn has come.
  void advance(Time now);
  /// A child of this process has ended.
  void handle(const ChildChange& change);
  /// Kills the hooks that run, forgets those whose turn has not come, and reports how many.
  void give_up();
  /// Whether a hook runs or is still to run.
  bool is_busy() const { return !running_.empty() || !waiting_.empty(); }

 private:
  struct Running {
    Hook hook;
    Time kill_at;
    bool was_killed = false;
  };

  const std::vector<std::string>& command(bool is_leader) const;
  void start(std::size_t index, Time now);
  void report_failure(std::size_t index, int error);

  HookCommands commands_;
  std::vector<std::string> keys_;
  LeaseEnvironment environment_;
  const InheritedSignals& inherited_;
  Reporter& reporter_;
  std::vector<std::optional<bool>> latest_;  ///< by key: whether it was the leader hook's turn last
  std::map<std::size_t, Leadership> next_;   ///< by key: the state for its next hook
  std::deque<std::size_t> waiting_;          ///< keys with a next state, in order
  std::map<std::size_t, Running> running_;   ///< by key
};

}  // namespace cluster_leader
