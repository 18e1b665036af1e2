#pragma once

#include <sys/types.h>

#include <vector>

#include "base/unique_fd.h"

namespace cluster_leader {

/// Makes orphans below this process its children instead of init's (PR_SET_CHILD_SUBREAPER), so
/// that nothing that the job starts can leave the tree. The session that it is in now is its home:
/// groups there may have members that are strangers, such as the rest of a pipeline, and are never
/// killed as groups. Throws std::system_error.
void become_subreaper();

/// A child that changed state, as waitid(2) tells it.
struct ChildChange {
  pid_t pid = 0;
  int code = 0;    ///< CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_STOPPED, CLD_CONTINUED
  int status = 0;  ///< exit status or signal

  bool has_ended() const;
};

/// What one call of Tree::reap found.
struct Reaped {
  std::vector<ChildChange> changes;
  bool empty = false;  ///< no children left (ECHILD) but spared ones: the whole tree is dead
};

/// All descendants of this process, which must be a subreaper. Nothing here sleeps or blocks.
class Tree {
 public:
  /// `spared` are children that must live, with all below them: the front spares those that it had
  /// before it became the front, since a shell may have started them and then exec'd us.
  explicit Tree(std::vector<pid_t> spared = {});

  /// All descendants that a fresh walk finds, dead ones that nobody has reaped included.
  std::vector<pid_t> members();

  /// Takes the names of all descendants and their groups, for strike(). Done when there is time, so
  /// that the kill at the deadline need not walk /proc first.
  void survey();

  /// SIGKILL to everything that the last survey() found, groups before processes. Left out is what
  /// was reaped since, and a number whose session or group is no longer the one that the survey
  /// found: it belongs to somebody else by now.
  void strike();

  /// SIGKILL to all descendants that a fresh walk finds, groups before processes, never to a group
  /// of our own session. To be repeated until reap() says empty: what it kills may have been
  /// forking.
  void sweep();

  /// `signo` and SIGCONT to every descendant that a fresh walk finds, each process once.
  void send_signal(int signo);

  /// Collects every child that changed state, without waiting.
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
  /// Given up for the time of a walk, which would otherwise fail where a job has used up our
  /// descriptors' limit or the caller has set it very low.
  UniqueFd reserve_;
};

/// True if `pid` is `ancestor` or one of its descendants, as far as /proc still tells.
bool descends_from(pid_t pid, pid_t ancestor);

}  // namespace cluster_leader
