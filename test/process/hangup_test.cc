#include "process/hangup.h"

#include <sys/socket.h>
#include <termios.h>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

/// Whether the next wait, which does not block, finds it hung up.
bool is_hung_up_now(int fd) {
  Poller poller;
  watch_hangup(fd, poller);
  poller.wait(BootClock::now());
  return is_hung_up(fd, poller);
}

/// Waits for the hang-up.
bool gets_hung_up(int fd) {
  Poller poller;
  watch_hangup(fd, poller);
  poller.wait(BootClock::now() + kPatience);
  return is_hung_up(fd, poller);
}

TEST(HangupTest, OfAPipeIsTheEndOfItsLastWriter) {
  Pipe pipe;
  EXPECT_FALSE(is_hung_up_now(pipe.read.get()));
  ASSERT_EQ(::write(pipe.write.get(), "unread", 6), 6);
  EXPECT_FALSE(is_hung_up_now(pipe.read.get()));
  UniqueFd another(::dup(pipe.write.get()));
  pipe.write.reset();
  EXPECT_FALSE(is_hung_up_now(pipe.read.get()));
  another.reset();
  EXPECT_TRUE(gets_hung_up(pipe.read.get()));
  std::array<char, 6> unread{};
  EXPECT_EQ(::read(pipe.read.get(), unread.data(), unread.size()), 6);
  EXPECT_TRUE(is_hung_up_now(pipe.read.get()));
}

TEST(HangupTest, OfASocketIsTheEndOrShutdownOfItsPeer) {
  for (const bool only_half : {false, true}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    ASSERT_EQ(::write(theirs.get(), "unread", 6), 6);
    EXPECT_FALSE(is_hung_up_now(ours.get()));
    if (only_half) {
      ::shutdown(theirs.get(), SHUT_WR);
    } else {
      theirs.reset();
    }
    EXPECT_TRUE(gets_hung_up(ours.get()));
  }
}

TEST(HangupTest, OfATerminalIsItsClosing) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  UniqueFd person(master);
  const UniqueFd terminal(slave);
  ASSERT_EQ(::write(person.get(), "line\n\x04", 6), 6);
  EXPECT_FALSE(is_hung_up_now(terminal.get()));
  person.reset();
  EXPECT_TRUE(gets_hung_up(terminal.get()));
}

TEST(HangupTest, IsNotTheEndOfAFile) {
  const Folder folder;
  for (const std::string& path : {folder.file("empty", "", 0644), std::string("/dev/null")}) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_FALSE(is_hung_up_now(file.get())) << path;
  }
}

TEST(HangupTest, IsReportedOnlyForAWatchedDescriptor) {
  Pipe pipe;
  pipe.write.reset();
  Poller poller;
  poller.wait(BootClock::now());
  EXPECT_FALSE(is_hung_up(pipe.read.get(), poller));
}

}  // namespace
}  // namespace cluster_leader::test
