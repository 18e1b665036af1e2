#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "commands/reporter.h"
#include "lease/election.h"
#include "options/options.h"
#include "process/hook.h"
#include "process/tree.h"

namespace cluster_leader {

/// The programs of --on-leader and --on-follower: one is run when this node becomes the leader of a
/// key, the other when it turns out not to be or no longer to be. They hold nothing up: for each
/// key one runs at a time, of what happens meanwhile only the last is told, and one that has not
/// ended after a ttl is killed with its whole process group.
class Hooks {
 public:
  Hooks(const Options& options, const InheritedSignals& inherited, Reporter& reporter);

  /// The state of the key with number `index`, now.
  void say(std::size_t index, const Leadership& leadership);

  Time wake_at() const;
  /// Kills those whose time is over, and starts those whose turn has come.
  void advance(Time now);
  /// A child of this process has ended.
  void hear(const ChildChange& change);
  /// For when nobody waits any longer: kills those that run, forgets those whose turn has not come,
  /// and says how many they are.
  void give_up();
  /// Whether one runs or is still to run.
  bool is_busy() const { return !running_.empty() || !waiting_.empty(); }

 private:
  struct Running {
    Hook hook;
    Time kill_at;
    bool was_killed = false;
  };

  const std::vector<std::string>& command(bool is_leader) const;
  void start(std::size_t index, Time now);
  void say_why_not(std::size_t index, int error);
  std::string name(std::size_t index) const;

  const Options& options_;
  const InheritedSignals& inherited_;
  Reporter& reporter_;
  std::vector<std::optional<bool>> told_;   ///< by key: what its last hook was or will be told
  std::map<std::size_t, Leadership> next_;  ///< by key: what is to be told next
  std::deque<std::size_t> waiting_;         ///< keys that are to be told of it, in order
  std::map<std::size_t, Running> running_;  ///< by key
};

}  // namespace cluster_leader
