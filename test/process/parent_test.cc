#include "process/parent.h"

#include <cstdlib>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

constexpr const char* kWatcher = "WATCHER";

/// What a watcher reports about itself.
struct Family {
  pid_t watcher = 0;
  pid_t parent = 0;
};

/// Plays cluster-leader: watches its parent and ends when that is gone. It and its relatives have
/// the oracle.
[[noreturn]] void be_a_watcher() {
  const ParentWatch parent;
  const Family family{::getpid(), ::getppid()};
  if (::write(kOracle, &family, sizeof family) != sizeof family) ::_exit(1);
  Poller poller;
  for (;;) {
    parent.watch(poller);
    poller.wait(kNever);
    if (parent.is_gone(poller)) ::_exit(0);
  }
}

/// A shell can only start a program, so it starts this one again, which acts before its main().
[[maybe_unused]] const bool kIsATest = [] {
  if (std::getenv(kWatcher) != nullptr) be_a_watcher();
  return true;
}();

std::string this_program() {
  std::array<char, 4096> path{};
  EXPECT_GT(::readlink("/proc/self/exe", path.data(), path.size() - 1), 0);
  return path.data();
}

/// A process that starts a command line, as Node-RED does, and lives until it is killed. An empty
/// `shell`: the watcher itself.
class Starter {
 public:
  Starter(const std::string& shell, const std::string& line) {
    const std::string program = this_program();
    Pipe oracle;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(oracle.write.get(), kOracle);
      if (::fork() == 0) {
        ::setenv(kWatcher, program.c_str(), 1);
        if (shell.empty()) ::execl(program.c_str(), program.c_str(), nullptr);
        ::execl(shell.c_str(), shell.c_str(), "-c", line.c_str(), nullptr);
        ::_exit(1);
      }
      for (;;) ::pause();
    }
    oracle_ = std::move(oracle.read);
  }
  ~Starter() { kill(); }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  pid_t pid() const { return pid_; }
  /// Waits until the watcher watches.
  Family family() {
    Family family;
    pollfd wanted{oracle_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&wanted, 1, static_cast<int>(ceil_ms(kPatience))), 1);
    EXPECT_EQ(::read(oracle_.get(), &family, sizeof family), ssize_t(sizeof family));
    return family;
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void expect_all_dead() { EXPECT_EQ(read_all(oracle_.get()), ""); }

 private:
  pid_t pid_ = 0;
  UniqueFd oracle_;
};

struct Shape {
  const char* name;
  const char* shell;
  const char* line;
  bool shell_stays;
};

class ParentWatchShapeTest : public testing::TestWithParam<Shape> {};

TEST_P(ParentWatchShapeTest, NoticesThatTheCallerIsGone) {
  Starter starter(GetParam().shell, GetParam().line);
  const Family family = starter.family();
  EXPECT_EQ(family.parent != starter.pid(), GetParam().shell_stays);
  starter.kill();
  starter.expect_all_dead();
}

TEST_P(ParentWatchShapeTest, NoticesThatItsParentIsGone) {
  Starter starter(GetParam().shell, GetParam().line);
  const Family family = starter.family();
  ::kill(family.parent, SIGKILL);
  // Until the watcher has ended. The rest of a pipeline ends with it; the starter, which has the
  // oracle as well, only ends here.
  const UniqueFd watcher(static_cast<int>(::syscall(SYS_pidfd_open, family.watcher, 0)));
  pollfd dead{watcher.get(), POLLIN, 0};
  if (watcher) {
    EXPECT_EQ(::poll(&dead, 1, static_cast<int>(ceil_ms(kPatience))), 1);
  }
  starter.kill();
  starter.expect_all_dead();
}

// The shapes that a child of Node-RED can have, and shells behind shells.
INSTANTIATE_TEST_SUITE_P(
    Shapes, ParentWatchShapeTest,
    testing::Values(
        Shape{"Spawn", "", "", false}, Shape{"Simple", "/bin/bash", "\"$WATCHER\"", false},
        Shape{"Sequence", "/bin/bash", "\"$WATCHER\"; true", true},
        Shape{"Pipeline", "/bin/bash", "\"$WATCHER\" | cat", true},
        Shape{"Redirected", "/bin/bash", "\"$WATCHER\" 2>&1", true},
        Shape{"ToNowhere", "/bin/bash", "\"$WATCHER\" </dev/null >/dev/null 2>&1; true", true},
        Shape{"Background", "/bin/bash", "\"$WATCHER\" & wait", true},
        Shape{"InDash", "/bin/dash", "\"$WATCHER\"; true", true},
        Shape{"Nested", "/bin/bash", "sh -c 'sh -c \"\\\"$WATCHER\\\"; true\"; true'; true", true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ParentWatchTest, LivingParentIsNotGone) {
  Starter starter("/bin/sh", "\"$WATCHER\"; true");
  const Family family = starter.family();
  EXPECT_TRUE(in_a_process([] {
    const ParentWatch parent;
    Poller poller;
    parent.watch(poller);
    poller.wait(BootClock::now());
    return !parent.is_gone(poller);
  }));
  EXPECT_EQ(::kill(family.watcher, 0), 0);
}

TEST(ParentWatchTest, ParentOutsideOurNamespaceCountsAsAlive) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a PID namespace";
  EXPECT_TRUE(in_a_process([] {
    if (::unshare(CLONE_NEWPID) != 0) return false;
    return in_a_process([] {
      if (::getppid() != 0) return false;
      const ParentWatch parent;
      Poller poller;
      parent.watch(poller);
      poller.wait(BootClock::now());
      return !parent.is_gone(poller);
    });
  }));
}

TEST(ParentWatchTest, IsWatchedWhereProcShowsAnotherNamespace) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a PID namespace";
  EXPECT_TRUE(in_a_process([] {
    if (::unshare(CLONE_NEWPID) != 0) return false;
    return in_a_process([] {
      // The watcher can only run while the first process of its namespace is alive.
      Pipe watching;
      Pipe noticed;
      const pid_t parent = ::fork();
      if (parent == 0) {
        if (::fork() != 0) {
          for (;;) ::pause();
        }
        const ParentWatch watch;
        Poller poller;
        if (::write(watching.write.get(), "x", 1) != 1) ::_exit(1);
        do {
          watch.watch(poller);
          poller.wait(kNever);
        } while (!watch.is_gone(poller));
        ::_exit(::write(noticed.write.get(), "x", 1) == 1 ? 0 : 1);
      }
      char c = 0;
      if (::read(watching.read.get(), &c, 1) != 1) return false;
      ::kill(parent, SIGKILL);
      noticed.write.reset();
      return ::read(noticed.read.get(), &c, 1) == 1;
    });
  }));
}

}  // namespace
}  // namespace cluster_leader::test
