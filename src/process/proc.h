#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace cluster_leader {

// Which process is whose child, in the three ways in which a kernel tells. Each process is looked
// at at a different moment, so the whole of a tree that is forking takes repeated calls.

/// The children of every thread of `pid`, from /proc/PID/task/*/children; nothing if they cannot be
/// read: the process is gone, the kernel has no such file, or we may not read /proc.
std::optional<std::vector<pid_t>> listed_children(pid_t pid);

/// All descendants of `root`, parents before their children, found by reading the parent of every
/// process in /proc. `spared` and their descendants are left out.
std::vector<pid_t> descendants_by_parents(pid_t root, const std::vector<pid_t>& spared);

/// The children of this process, found without /proc: waitid(2) knows whether a pid is our child.
/// Takes half a second or, on a slow machine, several.
std::vector<pid_t> probed_children();

/// The children of this process, in the first way that works.
std::vector<pid_t> own_children();

/// All descendants of this process, parents before their children, in the first way that works;
/// probing finds only its children. `spared` and their descendants are left out.
std::vector<pid_t> own_descendants(const std::vector<pid_t>& spared);

/// The parent of `pid`, or nothing if there is no such process or /proc does not tell.
std::optional<pid_t> parent_of(pid_t pid);

/// The state of `pid` as one letter (proc(5)), 'T' for stopped, or nothing as above.
std::optional<char> process_state(pid_t pid);

/// The file name of the program that `pid` runs, or nothing as above. If we may not read that, it
/// is the name by which the program was started.
std::optional<std::string> program_of(pid_t pid);

/// The kernel's name for `pid`, such as "sleep", or nothing as above.
std::optional<std::string> command_of(pid_t pid);

/// The content of a file of the kernel, or nothing if it cannot be read.
std::optional<std::string> read_file(const std::string& path);

/// The entries of a directory that are numbers.
std::vector<pid_t> numbers_in(const std::string& directory);

/// The part of a /proc stat file after the name: "state parent ...".
std::optional<std::string> stat_after_name(const std::optional<std::string>& stat);

/// True if /proc exists and shows our own PID namespace. The /proc of another namespace, which
/// unshare(1) without --mount-proc leaves in place, has other pids for the same processes.
bool proc_is_ours();

/// A descriptor of the process `pid` that is readable once it is dead (pidfd_open(2)); none if
/// there is no such process. Throws std::system_error if no descriptor is available.
UniqueFd open_pidfd(pid_t pid);

}  // namespace cluster_leader
