// Why a process outlives SIGKILL: according to files that a test writes in place of the kernel's,
// and once according to the kernel's own.
#include "process/survivor.h"

#include "supervision.h"

namespace cluster_leader::test {
namespace {

class SurvivorTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    const auto path = folder_.path / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void thread(int number, char state) const {
    write("proc/7/task/" + std::to_string(number) + "/stat",
          std::to_string(number) + " (a ) D (b) " + state + " 1 7 7 0 -1");
  }
  Obstacle obstacle(bool may_signal = true) const { return obstacle_of(7, may_signal, files_); }

  Folder folder_;
  KernelFiles files_{folder_.path / "proc", folder_.path / "cgroup"};
};

TEST_F(SurvivorTest, SleepsUninterruptiblyIfAnyThreadDoes) {
  thread(7, 'S');
  EXPECT_EQ(obstacle(), Obstacle::kNone);
  thread(8, 'D');
  EXPECT_EQ(obstacle(), Obstacle::kUninterruptible);
}

TEST_F(SurvivorTest, IsAnotherUsersIfItCannotBeSignalled) {
  thread(7, 'D');
  EXPECT_EQ(obstacle(false), Obstacle::kOtherUser);
}

TEST_F(SurvivorTest, IsFrozenIfItsCgroupIs) {
  // A thread in a frozen cgroup of version 1 has the state D.
  thread(7, 'D');
  write("proc/7/cgroup", "0::/a/b\n");
  EXPECT_EQ(obstacle(), Obstacle::kUninterruptible) << "no such folder, as in another namespace";
  write("cgroup/a/b/cgroup.events", "populated 1\nfrozen 0\n");
  EXPECT_EQ(obstacle(), Obstacle::kUninterruptible);
  write("cgroup/a/b/cgroup.events", "populated 1\nfrozen 1\n");
  EXPECT_EQ(obstacle(), Obstacle::kFrozen);
}

TEST_F(SurvivorTest, IsFrozenInEitherVersionIfBothAreMounted) {
  thread(7, 'D');
  write("proc/7/cgroup", "9:name=systemd:/a\n6:cpu,freezer:/a:b\n0::/c\n");
  write("cgroup/freezer/a:b/freezer.state", "THAWED\n");
  write("cgroup/unified/c/cgroup.events", "frozen 0\n");
  EXPECT_EQ(obstacle(), Obstacle::kUninterruptible);
  write("cgroup/freezer/a:b/freezer.state", "FREEZING\n");
  EXPECT_EQ(obstacle(), Obstacle::kFrozen);
  write("cgroup/freezer/a:b/freezer.state", "THAWED\n");
  write("cgroup/unified/c/cgroup.events", "frozen 1\n");
  EXPECT_EQ(obstacle(), Obstacle::kFrozen);
}

TEST_F(SurvivorTest, IsAliveAsLongAsOneThreadIs) {
  EXPECT_FALSE(is_alive(7, files_));
  thread(7, 'Z');
  EXPECT_FALSE(is_alive(7, files_));
  thread(8, 'X');
  EXPECT_FALSE(is_alive(7, files_));
  thread(9, 'D');
  EXPECT_TRUE(is_alive(7, files_));
}

TEST_F(SurvivorTest, IsListedWithItsReason) {
  EXPECT_EQ(list_of({{12, Obstacle::kUninterruptible}}), "12 (uninterruptible sleep)");
  EXPECT_EQ(list_of({{12, Obstacle::kOtherUser}, {13, Obstacle::kFrozen}, {14, Obstacle::kNone}}),
            "12 (owned by another user), 13 (frozen cgroup), 14 (not dead yet)");
  const std::vector<Survivor> many(7, {1, Obstacle::kFrozen});
  EXPECT_EQ(list_of(many, 2), "1 (frozen cgroup), 1 (frozen cgroup) and 5 more");
}

TEST_F(SurvivorTest, ZombieIsNotASurvivor) {
  Pipe alive;
  const pid_t child = ::fork();
  if (child == 0) {
    char c = 0;
    alive.write.reset();
    [[maybe_unused]] const ssize_t got = ::read(alive.read.get(), &c, 1);
    ::_exit(0);
  }
  const auto found = survivors({child, ::getpid()});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].pid, child);
  EXPECT_NE(found[0].obstacle, Obstacle::kOtherUser);
  alive.write.reset();
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(survivors({child, ::getpid()}).size(), 1U);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace cluster_leader::test
