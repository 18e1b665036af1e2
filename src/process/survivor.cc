#include "process/survivor.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "base/list.h"
#include "process/proc.h"

namespace cluster_leader {
namespace {

const char* text_of(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::kOtherUser:
      return "owned by another user";
    case Obstacle::kFrozen:
      return "frozen cgroup";
    case Obstacle::kUninterruptible:
      return "uninterruptible sleep";
    case Obstacle::kNone:
      break;
  }
  return "not dead yet";
}

std::string process_folder(pid_t pid, const KernelFiles& files) {
  return files.proc + '/' + std::to_string(pid);
}

/// The states of all threads of `pid`, a letter each (proc(5)). The first thread may be a zombie
/// while others live.
std::string thread_states(pid_t pid, const KernelFiles& files) {
  std::string states;
  const std::string tasks = process_folder(pid, files) + "/task/";
  for (const pid_t thread : numbers_in(tasks)) {
    const auto stat = read_file(tasks + std::to_string(thread) + "/stat");
    if (const auto rest = stat_after_name(stat)) states += rest->front();
  }
  return states;
}

/// `line` is one of /proc/PID/cgroup: "0::/path" of version 2, "6:freezer:/path" of version 1.
bool is_frozen(const std::string& line, const KernelFiles& files) {
  const std::size_t controllers = line.find(':') + 1;
  const std::size_t path = line.find(':', controllers) + 1;
  if (controllers == 0 || path == 0) return false;
  const std::string folder = line.substr(path);
  const std::string list = ',' + line.substr(controllers, path - 1 - controllers) + ',';
  if (list == ",,") {
    // If version 1 is mounted as well, version 2 has its own folder.
    for (const char* const root : {"", "/unified"}) {
      const auto events = read_file(files.cgroup + root + folder + "/cgroup.events");
      if (events && events->find("frozen 1") != std::string::npos) return true;
    }
    return false;
  }
  if (list.find(",freezer,") == std::string::npos) return false;
  const auto state = read_file(files.cgroup + "/freezer" + folder + "/freezer.state");
  return state && !state->starts_with("THAWED");
}

bool is_in_frozen_cgroup(pid_t pid, const KernelFiles& files) {
  std::istringstream lines(
      read_file(process_folder(pid, files) + "/cgroup").value_or(std::string()));
  for (std::string line; std::getline(lines, line);) {
    if (is_frozen(line, files)) return true;
  }
  return false;
}

}  // namespace

bool is_alive(pid_t pid, const KernelFiles& files) {
  return thread_states(pid, files).find_first_not_of("ZXx") != std::string::npos;
}

Obstacle obstacle_of(pid_t pid, bool may_signal, const KernelFiles& files) {
  if (!may_signal) return Obstacle::kOtherUser;
  if (is_in_frozen_cgroup(pid, files)) return Obstacle::kFrozen;
  const bool sleeps = thread_states(pid, files).find('D') != std::string::npos;
  return sleeps ? Obstacle::kUninterruptible : Obstacle::kNone;
}

std::vector<Survivor> survivors(const std::vector<pid_t>& pids, const KernelFiles& files) {
  std::vector<Survivor> alive;
  for (const pid_t pid : pids) {
    if (!is_alive(pid, files)) continue;
    const bool may_signal = ::kill(pid, 0) == 0 || errno != EPERM;
    alive.push_back({pid, obstacle_of(pid, may_signal, files)});
  }
  return alive;
}

std::string list_of(const std::vector<Survivor>& survivors, std::size_t most) {
  std::vector<std::string> items;
  items.reserve(survivors.size());
  for (const Survivor& survivor : survivors) {
    items.push_back(std::to_string(survivor.pid) + " (" + text_of(survivor.obstacle) + ')');
  }
  return list_of(items, most);
}

}  // namespace cluster_leader
