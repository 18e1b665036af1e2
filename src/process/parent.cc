#include "process/parent.h"

#include <sys/eventfd.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "process/proc.h"

namespace cluster_leader {
namespace {

constexpr std::array<std::string_view, 12> kShells = {
    "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "sh", "tcsh", "yash", "zsh"};

/// The answer about a process that has died meanwhile does not matter: its pidfd shows that.
bool is_shell(pid_t pid) {
  const std::optional<std::string> program = program_of(pid);
  if (!program) return false;
  // Some have a version behind the name, and one that was upgraded is "bash (deleted)".
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  const std::string_view name =
      std::string_view(*program).substr(0, program->find_first_not_of(kLetters));
  return std::find(kShells.begin(), kShells.end(), name) != kShells.end();
}

/// A descriptor like the pidfd of a process that is gone.
UniqueFd always_readable() {
  return UniqueFd(check_errno(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
}

}  // namespace

ParentWatch::ParentWatch() {
  const bool can_look_further = proc_is_ours();
  const pid_t us = ::getpid();
  // The kernel tells our own parent, since /proc may be missing.
  const auto parent_now = [us](pid_t child) {
    return child == us ? std::optional(::getppid()) : parent_of(child);
  };
  std::optional<pid_t> child = us;
  for (;;) {
    const std::optional<pid_t> parent = parent_now(*child);
    // 0 is the parent of a namespace's first process. If there is no answer, the child is gone, and
    // its own pidfd shows that.
    if (!parent || *parent == 0) return;
    UniqueFd pidfd = open_pidfd(*parent);
    // It may have died before its pidfd was opened, and its pid may have been reused.
    if (!pidfd || parent_now(*child) != parent) {
      ancestors_.push_back(always_readable());
      return;
    }
    ancestors_.push_back(std::move(pidfd));
    if (!can_look_further || !is_shell(*parent)) return;
    child = parent;
  }
}

void ParentWatch::watch(Poller& poller) const {
  for (const UniqueFd& ancestor : ancestors_) poller.watch(ancestor.get(), POLLIN);
}

bool ParentWatch::is_gone(const Poller& poller) const {
  return std::any_of(ancestors_.begin(), ancestors_.end(),
                     [&](const UniqueFd& ancestor) { return poller.ready(ancestor.get()) != 0; });
}

}  // namespace cluster_leader
