#include "process/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <memory>
#include <string_view>

#include "base/errors.h"

namespace cluster_leader {
namespace {

/// The kernel's upper limit (PID_MAX_LIMIT), since the current one can only be read from /proc.
constexpr pid_t kHighestPid = 4'194'304;

/// A thread directory has its own two links and one for each thread.
constexpr nlink_t kLinksOfOneThread = 3;

std::optional<pid_t> number(std::string_view text) {
  pid_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

/// Adds the children of one thread; false if they cannot be read.
bool add_children_of_thread(const std::string& tasks, pid_t thread, std::vector<pid_t>& children) {
  const auto content = read_file(tasks + std::to_string(thread) + "/children");
  if (!content) return false;
  std::string_view rest = *content;
  while (const auto child = number(rest)) {
    children.push_back(*child);
    rest.remove_prefix(std::min(rest.find(' '), rest.size() - 1) + 1);
  }
  return true;
}

/// The pids of the process that /proc has under `name`, one for each PID namespace from that of
/// /proc inwards (NSpid in proc_pid_status(5)); none if they cannot be read.
std::vector<pid_t> nested_pids(const std::string& name) {
  const auto status = read_file("/proc/" + name + "/status");
  const std::size_t begin = status ? status->find("\nNSpid:") : std::string::npos;
  if (begin == std::string::npos) return {};
  std::string_view rest = std::string_view(*status).substr(begin + 7);
  rest = rest.substr(0, rest.find('\n'));
  std::vector<pid_t> pids;
  for (;;) {
    rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
    const auto pid = number(rest);
    if (!pid) return pids;
    pids.push_back(*pid);
    rest.remove_prefix(std::min(rest.find_first_not_of("0123456789"), rest.size()));
  }
}

/// stat_after_name() of one process.
std::optional<std::string> stat_of(pid_t pid) {
  return stat_after_name(read_file("/proc/" + std::to_string(pid) + "/stat"));
}

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

/// Adds all descendants of those in `found`, which grows during the walk.
template <typename ChildrenOf>
void add_descendants(std::vector<pid_t>& found, const std::vector<pid_t>& spared,
                     const ChildrenOf& children_of) {
  for (size_t i = 0; i < found.size(); ++i) {
    for (const pid_t child : children_of(found[i])) {
      if (!contains(spared, child)) found.push_back(child);
    }
  }
}

}  // namespace

std::optional<std::string> read_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string content;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(file.get(), buffer, sizeof buffer)) > 0) {
    content.append(buffer, static_cast<size_t>(got));
  }
  if (got < 0) return std::nullopt;
  return content;
}

std::vector<pid_t> numbers_in(const std::string& directory) {
  std::vector<pid_t> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory.c_str()), ::closedir);
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    if (const auto value = number(entry->d_name)) numbers.push_back(*value);
  }
  return numbers;
}

std::optional<std::string> stat_after_name(const std::optional<std::string>& stat) {
  if (!stat) return std::nullopt;
  // The name is in parentheses and may itself contain ") (", so the last parenthesis counts.
  const size_t end_of_name = stat->rfind(") ");
  if (end_of_name == std::string::npos || end_of_name + 4 > stat->size()) return std::nullopt;
  return stat->substr(end_of_name + 2);
}

std::optional<std::vector<pid_t>> listed_children(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task/";
  std::vector<pid_t> children;
  struct stat status {};
  if (::stat(tasks.c_str(), &status) != 0) return std::nullopt;
  if (status.st_nlink == kLinksOfOneThread) {
    if (!add_children_of_thread(tasks, pid, children)) return std::nullopt;
    return children;
  }
  bool readable = false;
  for (const pid_t thread : numbers_in(tasks)) {
    // If a thread has ended since, its children have moved to another thread of the process.
    readable |= add_children_of_thread(tasks, thread, children);
  }
  if (!readable) return std::nullopt;
  return children;
}

std::vector<pid_t> descendants_by_parents(pid_t root, const std::vector<pid_t>& spared) {
  struct Link {
    pid_t parent;
    pid_t child;
  };
  std::vector<Link> links;
  for (const pid_t pid : numbers_in("/proc")) {
    if (const auto parent = parent_of(pid)) links.push_back({*parent, pid});
  }
  const auto by_parent = [](const Link& a, const Link& b) { return a.parent < b.parent; };
  std::sort(links.begin(), links.end(), by_parent);
  const auto children_of = [&](pid_t parent) {
    std::vector<pid_t> children;
    const auto [begin, end] =
        std::equal_range(links.begin(), links.end(), Link{parent, 0}, by_parent);
    for (auto link = begin; link != end; ++link) children.push_back(link->child);
    return children;
  };
  std::vector<pid_t> found{root};
  // The snapshot is not taken at one moment: reused pids could close a cycle, which this bound
  // breaks.
  const size_t most = links.size() + 1;
  add_descendants(found, spared, [&](pid_t parent) {
    return found.size() <= most ? children_of(parent) : std::vector<pid_t>();
  });
  found.erase(found.begin());
  return found;
}

std::vector<pid_t> probed_children() {
  std::vector<pid_t> children;
  for (pid_t pid = 2; pid <= kHighestPid; ++pid) {
    siginfo_t info{};
    // Fails with ECHILD if it is not our child; WNOWAIT leaves a dead one to be reaped.
    const int options = WEXITED | WNOHANG | WNOWAIT | __WALL;
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, options) == 0) children.push_back(pid);
  }
  return children;
}

namespace {

/// Our children where /proc is of a PID namespace around ours, whose numbers it shows; nothing if
/// it is of another one, or does not tell.
std::optional<std::vector<pid_t>> translated_children() {
  const std::vector<pid_t> own = nested_pids("self");
  if (own.size() < 2 || own.back() != ::getpid()) return std::nullopt;
  auto children = listed_children(own.front());
  if (!children) return std::nullopt;
  for (pid_t& child : *children) {
    // It may be the first process of a namespace of its own, so the last number need not be ours.
    const std::vector<pid_t> pids = nested_pids(std::to_string(child));
    if (pids.size() < own.size()) return std::nullopt;
    child = pids[own.size() - 1];
  }
  return children;
}

/// Our children where /proc shows other numbers than ours. Asking the kernel about every possible
/// pid takes seconds.
std::vector<pid_t> children_without_proc() {
  auto children = translated_children();
  return children ? *std::move(children) : probed_children();
}

}  // namespace

std::vector<pid_t> own_children() {
  if (!proc_is_ours()) return children_without_proc();
  if (auto children = listed_children(::getpid())) return *std::move(children);
  std::vector<pid_t> children = descendants_by_parents(::getpid(), {});
  std::erase_if(children, [](pid_t pid) { return parent_of(pid) != ::getpid(); });
  return children;
}

std::vector<pid_t> own_descendants(const std::vector<pid_t>& spared) {
  const auto is_spared = [&](pid_t pid) { return contains(spared, pid); };
  if (!proc_is_ours()) {
    std::vector<pid_t> children = children_without_proc();
    std::erase_if(children, is_spared);
    return children;
  }
  auto found = listed_children(::getpid());
  if (!found) {
    found = descendants_by_parents(::getpid(), spared);
    // On an exhausted machine, which cannot open a file, the result is empty as well.
    if (found->empty()) found = probed_children();
  }
  std::erase_if(*found, is_spared);
  add_descendants(*found, spared,
                  [](pid_t pid) { return listed_children(pid).value_or(std::vector<pid_t>()); });
  return *std::move(found);
}

std::optional<pid_t> parent_of(pid_t pid) {
  const auto rest = stat_of(pid);
  return rest ? number(std::string_view(*rest).substr(2)) : std::nullopt;
}

std::optional<char> process_state(pid_t pid) {
  const auto rest = stat_of(pid);
  return rest ? std::optional(rest->front()) : std::nullopt;
}

std::optional<std::string> program_of(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::array<char, PATH_MAX> path;
  const ssize_t length = ::readlink((process + "/exe").c_str(), path.data(), path.size());
  if (length > 0) {
    const std::string_view program(path.data(), static_cast<size_t>(length));
    return std::string(program.substr(program.rfind('/') + 1));
  }
  return read_file(process + "/comm");
}

std::optional<std::string> command_of(pid_t pid) {
  auto name = read_file("/proc/" + std::to_string(pid) + "/comm");
  if (name && name->ends_with('\n')) name->pop_back();
  return name;
}

bool proc_is_ours() {
  char target[32];
  const ssize_t length = ::readlink("/proc/self", target, sizeof target);
  return length > 0 && number({target, static_cast<size_t>(length)}) == ::getpid();
}

UniqueFd open_pidfd(pid_t pid) {
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0 && errno == ESRCH) return {};
  return UniqueFd(static_cast<int>(check_errno(fd, "pidfd_open")));
}

}  // namespace cluster_leader
