#include "process/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

/// The descriptors that a job has open, except for the oracle, to which it writes them.
std::string open_in_job(const std::function<void()>& before) {
  Plan plan{probe({"descriptors"})};
  plan.before = before;
  Supervision supervision(plan);
  std::string open = supervision.all_of_oracle();
  EXPECT_EQ(supervision.exit_status(), 0);
  const size_t oracle = open.find(std::to_string(kOracle) + " ");
  EXPECT_NE(oracle, std::string::npos);
  if (oracle != std::string::npos) open.erase(oracle, std::to_string(kOracle).size() + 1);
  return open;
}

/// Closes what the test itself has inherited, which must not disturb the comparison.
void close_all_but_oracle() {
  for (int fd = 3; fd < 1024; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (fd != kOracle && flags >= 0 && (flags & FD_CLOEXEC) == 0) ::close(fd);
  }
}

TEST(DescriptorsTest, NoneOfOursIsLeakedIntoTheJob) {
  EXPECT_EQ(open_in_job(close_all_but_oracle), "0 1 2 ");
}

TEST(DescriptorsTest, ClosedOnesStayClosedInTheJob) {
  for (int closed = 0; closed < 8; ++closed) {
    std::string expected;
    for (int fd = 0; fd < 3; ++fd) {
      if ((closed & (1 << fd)) == 0) expected += std::to_string(fd) + " ";
    }
    EXPECT_EQ(open_in_job([closed] {
                close_all_but_oracle();
                for (int fd = 0; fd < 3; ++fd) {
                  if ((closed & (1 << fd)) != 0) ::close(fd);
                }
              }),
              expected);
  }
}

TEST(DescriptorsTest, ThoseOfTheCallerArePassedOn) {
  std::string expected = "0 1 2 ";
  for (int fd = 100; fd <= 163; ++fd) expected += std::to_string(fd) + " ";
  EXPECT_EQ(open_in_job([] {
              close_all_but_oracle();
              for (int fd = 100; fd <= 163; ++fd) ::dup2(2, fd);
            }),
            expected);
}

TEST(DescriptorsTest, OutputEndsWhenTheJobClosesIt) {
  Supervision supervision({probe({"close-output"})});
  EXPECT_EQ(supervision.all_output(), "");
  supervision.born(1);
  ::kill(supervision.job(), SIGKILL);
  supervision.expect_all_dead();
}

TEST(DescriptorsTest, InputOfTheCallerBreaksWhenTheJobIsGone) {
  Supervision supervision({probe({"count", "10"})});
  supervision.born(1);
  // The front forwards signals only once it watches the keeper.
  ::kill(supervision.front(), SIGUSR1);
  supervision.born(1);
  ::kill(supervision.front(), SIGSTOP);
  ::kill(supervision.job(), SIGKILL);
  supervision.expect_all_dead();
  // The front is stopped and alive, but has no end of the pipe.
  pollfd wanted{supervision.input(), 0, 0};
  ::poll(&wanted, 1, 20'000);
  EXPECT_NE(wanted.revents & POLLERR, 0);
  ::kill(supervision.front(), SIGCONT);
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

bool is_null_and_ours(int fd) {
  struct stat null {};
  struct stat actual {};
  ::stat("/dev/null", &null);
  return ::fstat(fd, &actual) == 0 && actual.st_rdev == null.st_rdev &&
         (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

TEST(DescriptorsTest, StandardOnesAreFilledAndOpenOnesKept) {
  EXPECT_TRUE(in_a_process([] {
    ::dup2(2, 1);
    ::close(0);
    ::close(2);
    fill_standard_descriptors();
    return is_null_and_ours(0) && !is_null_and_ours(1) && is_null_and_ours(2);
  }));
}

TEST(DescriptorsTest, DetachDescriptorClosesTheFile) {
  EXPECT_TRUE(in_a_process([] {
    Pipe pipe;
    ::dup2(pipe.write.get(), 1);
    pipe.write.reset();
    detach_descriptor(1);
    char c = 0;
    return ::read(pipe.read.get(), &c, 1) == 0 && is_null_and_ours(1);
  }));
}

TEST(DescriptorsTest, InheritedOnesAreClosedAndOursKept) {
  EXPECT_TRUE(in_a_process([] {
    const int ours = ::open("/", O_PATH | O_CLOEXEC);
    const int inherited = ::dup2(2, 500);
    close_inherited_descriptors();
    return is_open(ours) && !is_open(inherited) && is_open(2);
  }));
}

TEST(DescriptorsTest, InheritedOnesAreClosedWithNoneFree) {
  EXPECT_TRUE(in_a_process([] {
    const int inherited = ::dup2(2, 500);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    detach_descriptor(1);
    close_inherited_descriptors();
    return is_null_and_ours(1) && !is_open(inherited);
  }));
}

TEST(DescriptorsTest, InheritedOnesAreClosedWithoutProc) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can change its root";
  EXPECT_TRUE(in_a_process([] {
    const int inherited = ::dup2(2, 500);
    if (::chroot(TEST_PROGRAMS_DIR) != 0) return false;
    detach_descriptor(1);
    close_inherited_descriptors();
    return !is_open(inherited) && is_open(1);
  }));
}

TEST(DescriptorsTest, HasTerminalIsTrueOnlyWithAControllingOne) {
  EXPECT_TRUE(in_a_process([] {
    ::setsid();
    if (has_terminal()) return false;
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) ::_exit(has_terminal() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status == 0;
  }));
}

}  // namespace
}  // namespace cluster_leader::test
