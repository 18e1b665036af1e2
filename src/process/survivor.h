#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cluster_leader {

/// Why a process is still alive after SIGKILL.
enum class Obstacle : std::uint8_t {
  kOtherUser,        ///< it belongs to a user whose processes we may not signal
  kFrozen,           ///< its cgroup is frozen, and it dies when that is thawed
  kUninterruptible,  ///< it sleeps in the kernel, often because a file system does not respond
  kNone,             ///< no reason found: it may be about to die
};

/// A process that SIGKILL has not ended yet.
struct Survivor {
  pid_t pid = 0;
  Obstacle obstacle = Obstacle::kNone;
};

/// Where the kernel's files about processes and cgroups are.
struct KernelFiles {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

/// Those of `pids` that are alive; zombies are not.
std::vector<Survivor> survivors(const std::vector<pid_t>& pids, const KernelFiles& files = {});

/// What keeps `pid` alive, according to the kernel's files. If there are several reasons, the first
/// enumerator wins.
Obstacle obstacle_of(pid_t pid, bool may_signal, const KernelFiles& files);

/// True if some thread of `pid` is neither dead nor a zombie.
bool is_alive(pid_t pid, const KernelFiles& files = {});

/// "12 (uninterruptible sleep), 13 (frozen cgroup) and 5 more", naming at most `most`.
std::string list_of(const std::vector<Survivor>& survivors, std::size_t most = 20);

}  // namespace cluster_leader
