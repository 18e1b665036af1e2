#pragma once

#include <sys/types.h>

#include <vector>

#include "base/unique_fd.h"

namespace cluster_leader {

/// Makes orphans below this process its children instead of init's (PR_SET_CHILD_SUBREAPER), so
/// that no process of the job can leave the tree. Process groups of the session that it is in now
/// are never killed as groups: they may have other members, such as the rest of a pipeline. Throws
/// std::system_error.
void become_subreaper();

/// A child's change of state, as reported by waitid(2).
struct ChildChange {
  pid_t pid = 0;
  int code = 0;    ///< CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_STOPPED, CLD_CONTINUED
  int status = 0;  ///< exit status or signal

  bool has_ended() const;
};

/// What one call of Tree::reap found.
struct Reaped {
  std::vector<ChildChange> changes;
  bool empty = false;  ///< no children are left (ECHILD) except spared ones: the tree is dead
};

/// All descendants of this process, which must be a subreaper. Nothing here sleeps or blocks.
class Tree {
 public:
  /// `spared` are children that must not be killed, nor their descendants: the front spares those
  /// that it had before it became the front, since a shell may have started them and then executed
  /// us.
  explicit Tree(std::vector<pid_t> spared = {});

  /// All descendants that a new walk finds, including zombies.
  std::vector<pid_t> members();

  /// Records all descendants and their groups for strike(). To be called when there is time, so
  /// that the kill at the deadline need not walk /proc first.
  void survey();

  /// Sends SIGKILL to everything that the last survey() found, groups before processes. Left out
  /// are processes that were reaped since, and pids whose session or group has changed since the
  /// survey: they may belong to somebody else by now.
  void strike();

  /// Sends SIGKILL to all descendants that a new walk finds, groups before processes, never to a
  /// group of our own session. To be repeated until Reaped::empty, because the processes may be
  /// forking.
  void sweep();

  /// Sends `signo` and SIGCONT to every descendant that a new walk finds, each process once.
  void send_signal(int signo);

  /// Reaps every child that has ended and returns all changes of state, without waiting.
  Reaped reap();

 private:
  struct Member {
    pid_t pid;
    pid_t group;
    pid_t session;
  };
  std::vector<Member> walk();
  void forget(const std::vector<ChildChange>& changes);
  bool only_spared_left() const;
  static void kill(std::vector<Member> members);

  std::vector<pid_t> spared_;
  std::vector<Member> surveyed_;
  /// Closed during a walk, which would otherwise fail if a job has used up our limit of
  /// descriptors, or the caller has set it very low.
  UniqueFd reserve_;
};

/// True if `pid` is `ancestor` or one of its descendants, as far as /proc can still tell.
bool descends_from(pid_t pid, pid_t ancestor);

}  // namespace cluster_leader
