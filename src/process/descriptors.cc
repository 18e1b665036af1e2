#include "process/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/errors.h"
#include "base/unique_fd.h"

namespace cluster_leader {
namespace {

/// Higher descriptors are found only through /proc: to probe up to a limit of a billion, as some
/// containers have, would take minutes.
constexpr rlim_t kHighestProbed = 65'536;

/// Opens the lowest free descriptor on something that neither blocks nor yields data.
int open_nothing() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  // A chroot may have no /dev; reads and writes of an O_PATH descriptor fail like those of a closed
  // one.
  return null >= 0 ? null : ::open("/", O_PATH | O_CLOEXEC);
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

void close_if_inherited(int fd) {
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ::close(fd);
}

}  // namespace

void fill_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // All lower ones are open by now, so this is the lowest free descriptor.
    if (!is_open(fd)) check_errno(open_nothing(), "open /dev/null");
  }
}

void detach_descriptor(int fd) {
  // Closed first, so that it works when no other descriptor is free.
  ::close(fd);
  const int nothing = open_nothing();
  if (nothing < 0 || nothing == fd) return;
  ::dup3(nothing, fd, O_CLOEXEC);
  ::close(nothing);
}

void redirect_to_null(int fd) {
  detach_descriptor(fd);
  ::fcntl(fd, F_SETFD, 0);
}

void close_inherited_descriptors() {
  if (DIR* listing = ::opendir("/proc/self/fd")) {
    // Closing while listing is safe: the kernel continues from a descriptor's number, not from a
    // position.
    while (const dirent* entry = ::readdir(listing)) {
      const int fd = std::atoi(entry->d_name);
      if (fd > STDERR_FILENO) close_if_inherited(fd);
    }
    ::closedir(listing);
    return;
  }
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  // The caller may have lowered its limit after opening them.
  const rlim_t end = std::min(std::max(limit.rlim_cur, limit.rlim_max), kHighestProbed);
  for (int fd = STDERR_FILENO + 1; fd < static_cast<int>(end); ++fd) close_if_inherited(fd);
}

void detach_from_caller() {
  detach_descriptor(STDIN_FILENO);
  detach_descriptor(STDOUT_FILENO);
  close_inherited_descriptors();
}

bool has_terminal() {
  return static_cast<bool>(
      UniqueFd(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)));
}

}  // namespace cluster_leader
