#include "process/tree.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "process/proc.h"
#include "supervision.h"

namespace cluster_leader::test {
namespace {

/// Runs `body` in its own process, a subreaper; returns its result.
bool in_a_subreaper(const std::function<bool()>& body) {
  return in_a_process([&] {
    become_subreaper();
    return body();
  });
}

/// Forks a chain of processes that wait; returns when all of them exist.
pid_t fork_chain(
    int length, const std::function<void()>& each = [] {}) {
  Pipe up;
  const pid_t first = ::fork();
  if (first != 0) {
    up.write.reset();
    char c = 0;
    while (::read(up.read.get(), &c, 1) == 1) {
    }
    return first;
  }
  each();
  for (int i = 1; i < length; ++i) {
    if (::fork() != 0) break;
    each();
  }
  up.close();
  for (;;) ::pause();
}

void reap_all(Tree& tree) {
  while (!tree.reap().empty) {
    tree.sweep();
    siginfo_t info{};
    ::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
  }
}

std::vector<pid_t> sorted(std::vector<pid_t> pids) {
  std::sort(pids.begin(), pids.end());
  return pids;
}

struct Shape {
  const char* name;
  std::vector<std::string> words;
  size_t processes;
};

class TreeShapeTest : public testing::TestWithParam<Shape> {};

// Each shape is killed in three ways: by the keeper when the front is killed, by the front when the
// keeper is killed, and by the keeper when the main process is killed.

TEST_P(TreeShapeTest, DiesWithTheFront) {
  Supervision supervision({probe(GetParam().words)});
  supervision.born(GetParam().processes);
  ::kill(supervision.front(), SIGKILL);
  supervision.expect_all_dead();
}

TEST_P(TreeShapeTest, DiesWithTheKeeper) {
  Supervision supervision({probe(GetParam().words)});
  supervision.born(GetParam().processes);
  ::kill(supervision.keeper(), SIGKILL);
  supervision.expect_all_dead();
  // If the main process ends by itself, its keeper may have ended before it was killed.
  const int status = supervision.exit_status();
  if (GetParam().words[0] != "hop" && GetParam().words[0] != "leave") {
    EXPECT_EQ(status, kLostStatus);
  }
}

TEST_P(TreeShapeTest, DiesWithItsMainProcess) {
  Supervision supervision({probe(GetParam().words)});
  supervision.born(GetParam().processes);
  if (GetParam().words[0] != "hop" && GetParam().words[0] != "leave") {
    ::kill(supervision.job(), SIGKILL);
  }
  supervision.expect_all_dead();
  const JobStatus status = supervision.job_status();
  if (GetParam().words[0] == "leave") {
    EXPECT_EQ(status.kind, JobStatus::Kind::kExited);
    EXPECT_EQ(status.value, 3);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, TreeShapeTest,
    testing::Values(
        Shape{"Children", {"tree", "5"}, 5}, Shape{"DeafToEverySignal", {"tree", "5", "deaf"}, 5},
        Shape{"Orphans", {"tree", "5", "orphan"}, 5},
        Shape{"SessionsOfTheirOwn", {"tree", "5", "setsid"}, 5},
        Shape{"DoubleForkedDaemons", {"tree", "5", "orphan", "setsid", "orphan", "deaf"}, 5},
        Shape{"GroupsOfTheirOwn", {"tree", "5", "group", "orphan"}, 5},
        Shape{"Stopped", {"tree", "5", "setsid", "deaf", "stopped"}, 5},
        Shape{"NamesWithParentheses", {"chain", "5", "named", "setsid"}, 5},
        Shape{"ChainOfSessions", {"chain", "50", "setsid", "deaf"}, 50},
        Shape{"ManyDaemons", {"tree", "250", "orphan", "setsid", "deaf"}, 250},
        Shape{"ChildrenOfThreads", {"threads", "5"}, 5},
        Shape{"ZombiesNobodyReaps", {"zombies", "50"}, 1}, Shape{"NeverInOnePlace", {"hop"}, 1},
        Shape{"MainLeavesItsChildren", {"leave", "5", "setsid", "deaf"}, 5}),
    [](const auto& shape) { return shape.param.name; });

TEST(TreeTest, ThreeWaysToFindDescendantsAgree) {
  EXPECT_TRUE(in_a_subreaper([] {
    Tree tree;
    fork_chain(4);
    fork_chain(1, [] { ::prctl(PR_SET_NAME, ") (R) 1 ("); });
    fork_chain(2, [] { ::setsid(); });
    const bool same =
        sorted(own_descendants({})) == sorted(descendants_by_parents(::getpid(), {})) &&
        own_descendants({}).size() == 7 && sorted(own_children()) == sorted(probed_children()) &&
        own_children().size() == 3;
    reap_all(tree);
    return same;
  }));
}

TEST(TreeTest, SeesTheChildrenOfEveryThread) {
  EXPECT_TRUE(in_a_subreaper([] {
    Tree tree;
    Pipe forked;
    Pipe hold;
    std::thread thread([&] {
      fork_chain(2);
      char c = 'x';
      if (::write(forked.write.get(), &c, 1) == 1) (void)!::read(hold.read.get(), &c, 1);
    });
    char c = 0;
    const bool seen = ::read(forked.read.get(), &c, 1) == 1 && own_descendants({}).size() == 2;
    const bool let_go = ::write(hold.write.get(), "x", 1) == 1;
    thread.join();
    reap_all(tree);
    return seen && let_go;
  }));
}

TEST(TreeTest, SparesAChildAndItsDescendants) {
  EXPECT_TRUE(in_a_subreaper([] {
    const pid_t spared = fork_chain(3);
    Tree tree({spared});
    fork_chain(3);
    while (!tree.reap().empty) tree.sweep();
    const bool alive = own_descendants({}).size() == 3;
    const bool not_by_parents = descendants_by_parents(::getpid(), {spared}).empty();
    Tree rest;
    reap_all(rest);
    return alive && not_by_parents;
  }));
}

TEST(TreeTest, StrikeKillsWhatTheSurveyFound) {
  EXPECT_TRUE(in_a_subreaper([] {
    Tree tree;
    fork_chain(5, [] { ::setsid(); });
    tree.survey();
    tree.strike();
    // Without a sweep, every death is due to the strike.
    for (;;) {
      if (tree.reap().empty) return true;
      siginfo_t info{};
      ::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
    }
  }));
}

TEST(TreeTest, StrikeSparesAReusedPid) {
  EXPECT_TRUE(in_a_subreaper([] {
    Pipe go;
    Pipe gone;
    const pid_t child = ::fork();
    if (child == 0) {
      char c = 0;
      if (::read(go.read.get(), &c, 1) != 1) ::_exit(1);
      // Like a process with a reused pid: another group, another session.
      ::setsid();
      if (::write(gone.write.get(), "x", 1) != 1) ::_exit(1);
      if (::read(go.read.get(), &c, 1) != 1) ::_exit(1);
      ::_exit(42);
    }
    Tree tree;
    tree.survey();
    char c = 'x';
    if (::write(go.write.get(), &c, 1) != 1 || ::read(gone.read.get(), &c, 1) != 1) return false;
    tree.strike();
    if (::write(go.write.get(), &c, 1) != 1) return false;
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 42;
  }));
}

TEST(TreeTest, NeverKillsAGroupOfItsOwnSession) {
  EXPECT_TRUE(in_a_subreaper([] {
    // A sibling in our group that is not a descendant of the sweeper: like other processes of a
    // pipeline.
    Pipe hold;
    const pid_t sibling = ::fork();
    if (sibling == 0) {
      hold.write.reset();
      char c = 0;
      ::_exit(::read(hold.read.get(), &c, 1) == 1 ? 42 : 43);
    }
    const bool swept = in_a_subreaper([] {
      Tree tree;
      fork_chain(3);
      reap_all(tree);
      return true;
    });
    int status = 0;
    const bool told = ::write(hold.write.get(), "x", 1) == 1;
    ::waitpid(sibling, &status, 0);
    return swept && told && WIFEXITED(status) && WEXITSTATUS(status) == 42;
  }));
}

TEST(TreeTest, SendsASignalToEachProcessAndContinuesStoppedOnes) {
  Supervision supervision({probe({"tree", "3", "setsid", "stopped"})});
  supervision.born(3);
  EXPECT_TRUE(in_a_subreaper([] {
    Tree tree;
    fork_chain(3, [] { ::setsid(); });
    tree.send_signal(SIGSTOP);
    tree.send_signal(SIGTERM);
    for (int ended = 0; ended < 3;) {
      for (const ChildChange& change : tree.reap().changes) {
        if (change.code == CLD_KILLED) {
          if (change.status != SIGTERM) return false;
          ++ended;
        }
      }
    }
    return tree.reap().empty;
  }));
  ::kill(supervision.front(), SIGKILL);
  supervision.expect_all_dead();
}

TEST(TreeTest, KnowsDescendants) {
  EXPECT_TRUE(in_a_subreaper([] {
    Tree tree;
    const pid_t first = fork_chain(3);
    const std::vector<pid_t> all = own_descendants({});
    const bool right = descends_from(all.back(), first) && descends_from(all.back(), ::getpid()) &&
                       descends_from(first, first) && !descends_from(first, all.back()) &&
                       !descends_from(::getppid(), ::getpid()) && !descends_from(4'194'305, first);
    reap_all(tree);
    return right;
  }));
}

TEST(TreeTest, IsKilledWithoutAFreeDescriptor) {
  Plan plan{probe({"leave", "20", "orphan", "setsid", "deaf"})};
  plan.exhaust_descriptors = true;
  plan.before = [] {
    const rlimit limit{300, 300};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  };
  Supervision supervision(plan);
  supervision.born(20);
  supervision.expect_all_dead();
  EXPECT_EQ(supervision.exit_status(), 3);
}

TEST(TreeTest, IsKilledWhereProcShowsAnotherNamespace) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a PID namespace";
  Plan plan{probe({"leave", "5", "orphan", "setsid", "deaf"})};
  plan.first_process = true;
  Supervision supervision(plan);
  supervision.born(5);
  supervision.expect_all_dead();
  EXPECT_EQ(supervision.exit_status(), 3);
}

}  // namespace
}  // namespace cluster_leader::test
