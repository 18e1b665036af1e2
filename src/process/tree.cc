#include "process/tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "process/proc.h"

namespace cluster_leader {
namespace {

/// The session of this process when it became a subreaper. Global, as that property is one of the
/// whole process.
pid_t home_session = 0;

UniqueFd open_reserve() { return UniqueFd(::open("/", O_PATH | O_CLOEXEC)); }

/// True if SIGCONT after `signo` would undo it, or would be useless.
bool excludes_continue(int signo) {
  return signo == SIGKILL || signo == SIGCONT || signo == SIGSTOP || signo == SIGTSTP ||
         signo == SIGTTIN || signo == SIGTTOU;
}

}  // namespace

bool ChildChange::has_ended() const {
  return code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
}

void become_subreaper() {
  home_session = ::getsid(0);
  check_errno(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)");
}

Tree::Tree(std::vector<pid_t> spared) : spared_(std::move(spared)), reserve_(open_reserve()) {}

std::vector<pid_t> Tree::members() {
  reserve_.reset();
  std::vector<pid_t> pids = own_descendants(spared_);
  reserve_ = open_reserve();
  return pids;
}

std::vector<Tree::Member> Tree::walk() {
  const std::vector<pid_t> pids = members();
  std::vector<Member> members;
  members.reserve(pids.size());
  for (const pid_t pid : pids) members.push_back({pid, ::getpgid(pid), ::getsid(pid)});
  return members;
}

void Tree::kill(std::vector<Member> members) {
  // A pid may have been reused since it was recorded. No other process can be in a group and
  // session of the tree, so these identify it, with two cheap system calls. A member that has
  // changed its group since is found by the next walk.
  std::erase_if(members, [](const Member& member) {
    return member.group < 0 || ::getpgid(member.pid) != member.group ||
           ::getsid(member.pid) != member.session;
  });
  const pid_t own_session = ::getsid(0);
  std::vector<pid_t> groups;
  for (const Member& member : members) {
    // A group or session outside our PID namespace appears as 0, and kill(-1) would signal every
    // process.
    if (member.session != own_session && member.session != home_session && member.session > 0 &&
        member.group > 1) {
      groups.push_back(member.group);
    }
  }
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  // A group is killed at one moment, including the forks of its members.
  for (const pid_t group : groups) ::kill(-group, SIGKILL);
  for (const Member& member : members) ::kill(member.pid, SIGKILL);
}

void Tree::survey() { surveyed_ = walk(); }

void Tree::strike() { kill(surveyed_); }

void Tree::sweep() { kill(walk()); }

void Tree::send_signal(int signo) {
  for (const Member& member : walk()) {
    ::kill(member.pid, signo);
    // A stopped process can only act on it once it is continued.
    if (!excludes_continue(signo)) ::kill(member.pid, SIGCONT);
  }
}

Reaped Tree::reap() {
  Reaped reaped;
  for (;;) {
    siginfo_t info{};
    const int options = WEXITED | WSTOPPED | WCONTINUED | WNOHANG | __WALL;
    if (::waitid(P_ALL, 0, &info, options) != 0) {
      if (errno == EINTR) continue;
      reaped.empty = errno == ECHILD;
      break;
    }
    if (info.si_pid == 0) break;
    reaped.changes.push_back({info.si_pid, info.si_code, info.si_status});
  }
  forget(reaped.changes);
  if (!reaped.empty && !spared_.empty()) reaped.empty = only_spared_left();
  return reaped;
}

void Tree::forget(const std::vector<ChildChange>& changes) {
  std::vector<pid_t> gone;
  for (const ChildChange& change : changes) {
    if (change.has_ended()) gone.push_back(change.pid);
  }
  std::sort(gone.begin(), gone.end());
  const auto is_gone = [&](pid_t pid) { return std::binary_search(gone.begin(), gone.end(), pid); };
  std::erase_if(surveyed_, [&](const Member& member) { return is_gone(member.pid); });
  std::erase_if(spared_, is_gone);
}

bool Tree::only_spared_left() const {
  const std::vector<pid_t> children = own_children();
  return std::all_of(children.begin(), children.end(), [&](pid_t child) {
    return std::find(spared_.begin(), spared_.end(), child) != spared_.end();
  });
}

bool descends_from(pid_t pid, pid_t ancestor) {
  if (pid == ancestor) return true;
  if (!proc_is_ours()) return false;
  // Bounded, since a pid that is reused during the walk could lead in a circle.
  for (int generation = 0; generation < 100'000 && pid > 1; ++generation) {
    const auto parent = parent_of(pid);
    if (!parent) return false;
    if (*parent == ancestor) return true;
    pid = *parent;
  }
  return false;
}

}  // namespace cluster_leader
