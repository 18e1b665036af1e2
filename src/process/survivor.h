#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cluster_leader {

/// Why a process that was sent SIGKILL is still alive.
enum class Obstacle : std::uint8_t {
  kOtherUser,        ///< it belongs to a user whose processes we may not signal
  kFrozen,           ///< its cgroup is frozen: it dies when that is thawed
  kUninterruptible,  ///< it sleeps in the kernel, often for a file system that does not answer
  kNone,             ///< nothing that shows: it may be about to die
};

/// A process that has not died of SIGKILL.
struct Survivor {
  pid_t pid = 0;
  Obstacle obstacle = Obstacle::kNone;
};

/// Where the kernel tells about processes and cgroups.
struct KernelFiles {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

/// Those of `pids` that are alive, which a zombie is not.
std::vector<Survivor> survivors(const std::vector<pid_t>& pids, const KernelFiles& files = {});

/// What keeps `pid` alive, by the kernel's files. The order of the enumerators decides where there
/// are several reasons.
Obstacle obstacle_of(pid_t pid, bool may_signal, const KernelFiles& files);

/// True if some thread of `pid` is neither dead nor a zombie.
bool is_alive(pid_t pid, const KernelFiles& files = {});

/// "12 (uninterruptible sleep), 13 (frozen cgroup) and 5 more", naming at most `most`.
std::string list_of(const std::vector<Survivor>& survivors, std::size_t most = 20);

}  // namespace cluster_leader
