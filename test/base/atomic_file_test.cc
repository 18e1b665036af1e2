#include "base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <filesystem>
#include <functional>
#include <iterator>
#include <set>
#include <thread>

#include "support/command.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Names = std::set<std::string>;

constexpr const char* kWritten = "(written)";

/// Why the file was not written, or kWritten.
std::string outcome_of_write(const std::string& path, const std::string& text = "new") {
  return write_atomically(path, text).value_or(kWritten);
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator listing("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(listing), end(listing)));
}

/// What `act` returns in its own process.
std::string in_child(const std::function<std::string()>& act) {
  Pipe pipe;
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = act();
    ::_exit(::write(pipe.write_end.get(), text.data(), text.size()) < 0 ? 1 : 0);
  }
  pipe.write_end.reset();
  std::string text(1000, '\0');
  const ssize_t got = ::read(pipe.read_end.get(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return text;
}

class AtomicFileTest : public ::testing::Test {
 protected:
  Names names() const {
    Names found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      found.insert(entry.path().filename());
    }
    return found;
  }

  TempFolder folder_;
  std::string path_ = folder_.file("file");
};

TEST_F(AtomicFileTest, HasTheTextAndLeavesNoOtherFile) {
  const std::string text = "a\0b\xff\n" + std::string(1'000'000, 'x');
  EXPECT_EQ(outcome_of_write(path_, text), kWritten);
  EXPECT_EQ(content_of(path_), text);
  EXPECT_EQ(outcome_of_write(path_, ""), kWritten);
  EXPECT_EQ(content_of(path_), "");
  EXPECT_EQ(names(), Names({"file"}));
}

TEST_F(AtomicFileTest, HasMode0644WhateverTheUmask) {
  for (const mode_t mask : {0077U, 0000U, 0777U}) {
    const mode_t before = ::umask(mask);
    EXPECT_EQ(outcome_of_write(path_), kWritten);
    ::umask(before);
    EXPECT_EQ(mode_of(path_), 0644U);
    ::chmod(path_.c_str(), 0600);
  }
}

TEST_F(AtomicFileTest, ReaderOfTheOldFileKeepsReadingIt) {
  folder_.write("file", "old");
  const UniqueFd old(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(outcome_of_write(path_), kWritten);
  char text[4] = {};
  EXPECT_EQ(::read(old.get(), text, 3), 3);
  EXPECT_STREQ(text, "old");
  EXPECT_EQ(content_of(path_), "new");
}

TEST_F(AtomicFileTest, NoReaderSeesPartOfTheContent) {
  const std::string texts[] = {std::string(300'000, 'a'), std::string(200'000, 'b')};
  ASSERT_EQ(outcome_of_write(path_, texts[0]), kWritten);
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const std::string text = content_of(path_);
      EXPECT_TRUE(text == texts[0] || text == texts[1]) << text.size();
    }
  });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(outcome_of_write(path_, texts[i % 2]), kWritten);
  done = true;
  reader.join();
}

TEST_F(AtomicFileTest, RelativePathsCountFromTheWorkingDirectory) {
  const std::string said = in_child([&] {
    if (::chdir(folder_.path().c_str()) != 0 || ::mkdir("below", 0755) != 0) return std::string();
    return outcome_of_write("here") + outcome_of_write("./there") +
           outcome_of_write("below/../below/far");
  });
  EXPECT_EQ(said, std::string(kWritten) + kWritten + kWritten);
  EXPECT_EQ(names(), Names({"here", "there", "below"}));
  EXPECT_EQ(content_of(folder_.file("below/far")), "new");
}

TEST_F(AtomicFileTest, LongestNameIsWritten) {
  const std::string longest(NAME_MAX, 'n');
  EXPECT_EQ(outcome_of_write(folder_.file(longest)), kWritten);
  EXPECT_EQ(outcome_of_write(folder_.file(longest + 'n')), "File name too long");
  EXPECT_EQ(names(), Names({longest}));
}

TEST_F(AtomicFileTest, SaysWhyItCannotBeWritten) {
  folder_.write("file", "old");
  EXPECT_EQ(outcome_of_write(folder_.path()), "Is a directory");
  EXPECT_EQ(outcome_of_write(folder_.path() + "/"), "Is a directory");
  EXPECT_EQ(outcome_of_write(folder_.file("..")), "Is a directory");
  EXPECT_EQ(outcome_of_write("/"), "Is a directory");
  EXPECT_EQ(outcome_of_write(folder_.file("nowhere/file")), "No such file or directory");
  EXPECT_EQ(outcome_of_write(folder_.file("nowhere/")), "No such file or directory");
  EXPECT_EQ(outcome_of_write(path_ + "/below"), "Not a directory");
  EXPECT_EQ(outcome_of_write(path_ + "/"), "Not a directory");
  EXPECT_EQ(outcome_of_write("/proc/file"), "No such file or directory");
  EXPECT_EQ(names(), Names({"file"}));
  EXPECT_EQ(content_of(path_), "old");
}

TEST_F(AtomicFileTest, FailuresLeaveNoDescriptorOpen) {
  const std::size_t before = open_descriptors();
  outcome_of_write(path_);
  outcome_of_write(folder_.path());
  outcome_of_write(folder_.file("nowhere/file"));
  outcome_of_write(folder_.file(std::string(NAME_MAX + 1, 'n')));
  static_cast<void>(lock_directory_of(path_, 0s));
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(AtomicFileTest, LinksAreNeitherFollowedNorReplaced) {
  folder_.write("target", "precious");
  ASSERT_EQ(::symlink("target", path_.c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", folder_.file("dangling").c_str()), 0);
  for (const std::string name : {"file", "dangling"}) {
    EXPECT_EQ(outcome_of_write(folder_.file(name)),
              "it is a symbolic link; name the file that it leads to");
    EXPECT_TRUE(std::filesystem::is_symlink(folder_.file(name)));
  }
  EXPECT_EQ(content_of(folder_.file("target")), "precious");
  EXPECT_EQ(names(), Names({"file", "target", "dangling"}));
}

TEST_F(AtomicFileTest, LinkedDirectoriesAreFollowed) {
  ASSERT_EQ(::mkdir(folder_.file("real").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("real", folder_.file("linked").c_str()), 0);
  EXPECT_EQ(outcome_of_write(folder_.file("linked/file")), kWritten);
  EXPECT_EQ(content_of(folder_.file("real/file")), "new");
}

TEST_F(AtomicFileTest, OtherThanRegularFilesAreLeftAlone) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0666), 0);
  EXPECT_EQ(outcome_of_write(path_), "it is not a regular file");
  EXPECT_TRUE(std::filesystem::is_fifo(path_));
}

TEST_F(AtomicFileTest, UnwritableDirectoryIsDenied) {
  folder_.write("file", "old");
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  const std::string said = in_child([&]() -> std::string {
    // Permissions do not apply to root; "nobody" is user 65534 everywhere.
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return "still root";
    return outcome_of_write(path_);
  });
  EXPECT_EQ(said, "Permission denied");
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0700), 0);
  EXPECT_EQ(content_of(path_), "old");
}

TEST_F(AtomicFileTest, FileSizeLimitLeavesTheOldFileAndNoDraft) {
  folder_.write("file", "old");
  const std::string said = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit little{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &little);
    return outcome_of_write(path_, std::string(2000, 'x'));
  });
  EXPECT_EQ(said, "File too large");
  EXPECT_EQ(content_of(path_), "old");
  EXPECT_EQ(names(), Names({"file"}));
}

TEST_F(AtomicFileTest, FullDiskLeavesTheOldFileAndNoDraft) {
  if (::getuid() != 0) GTEST_SKIP() << "this needs root";
  const std::string said = in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
      return "cannot mount";
    }
    folder_.write("file", "old");
    const std::string why = outcome_of_write(path_, std::string(100'000, 'x'));
    return why + "; " + content_of(path_) + "; " + std::to_string(names().size());
  });
  if (said == "cannot mount") GTEST_SKIP() << "this needs CAP_SYS_ADMIN";
  EXPECT_EQ(said, "No space left on device; old; 1");
}

TEST_F(AtomicFileTest, TooManyOpenFilesAreReported) {
  const std::string said = in_child([&] {
    // Uses up all descriptors except the pipe of the result.
    const rlimit none{3, 3};
    ::setrlimit(RLIMIT_NOFILE, &none);
    return outcome_of_write(path_);
  });
  EXPECT_EQ(said, "Too many open files");
}

TEST_F(AtomicFileTest, DirectoryIsLockedUntilTheLockIsClosed) {
  UniqueFd first = lock_directory_of(path_, 0s);
  ASSERT_TRUE(first);
  EXPECT_FALSE(lock_directory_of(path_, 0s));
  EXPECT_FALSE(lock_directory_of(folder_.file("another"), 0s));
  const Time begin = BootClock::now();
  EXPECT_FALSE(lock_directory_of(path_, 50ms));
  EXPECT_GE(BootClock::now() - begin, 50ms);
  std::thread opener([&] {
    std::this_thread::sleep_for(50ms);
    first.reset();
  });
  EXPECT_TRUE(lock_directory_of(path_, kBound));
  opener.join();
  EXPECT_EQ(names(), Names());
}

TEST_F(AtomicFileTest, UnavailableLockIsNone) {
  EXPECT_FALSE(lock_directory_of(folder_.file("nowhere/file"), kBound));
  EXPECT_FALSE(lock_directory_of("/proc/self/status/x", kBound));
}

}  // namespace
}  // namespace cluster_leader
