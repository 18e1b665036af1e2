#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <thread>

#include "base/random.h"

namespace cluster_leader {

namespace {

constexpr mode_t kMode = 0644;

/// The pause between attempts to get the lock, which others hold while they write a file.
constexpr Duration kLockPause = std::chrono::milliseconds(2);

std::string reason(int error) { return std::generic_category().message(error); }

/// The two parts of a path; the directory ends with a slash.
struct SplitPath {
  explicit SplitPath(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    directory = begin == 0 ? "./" : path.substr(0, begin);
    name = path.substr(begin);
  }
  std::string directory;
  std::string name;
};

/// An incomplete file, which the destructor removes unless it was renamed.
class Draft {
 public:
  explicit Draft(int directory)
      : directory_(directory),
        name_(".cluster-leader-" + random_hex_128()),
        fd_(::openat(directory, name_.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, kMode)),
        exists_(static_cast<bool>(fd_)) {
    // Fails on file systems without modes, where the mount options decide.
    if (exists_) static_cast<void>(::fchmod(fd_.get(), kMode));
  }
  ~Draft() {
    if (exists_) ::unlinkat(directory_, name_.c_str(), 0);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  bool exists() const { return exists_; }

  bool write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    // Some file systems only report here that they are full.
    return ::close(fd_.release()) == 0 || errno == EINTR;
  }

  bool rename_to(const std::string& name) {
    if (::renameat(directory_, name_.c_str(), directory_, name.c_str()) != 0) return false;
    exists_ = false;
    return true;
  }

 private:
  int directory_;
  std::string name_;
  UniqueFd fd_;
  bool exists_;
};

/// Why the file `name` cannot be replaced, or nothing.
std::optional<std::string> obstacle(int directory, const std::string& name) {
  if (name.empty()) return reason(EISDIR);
  struct stat info {};
  if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? std::nullopt : std::optional(reason(errno));
  }
  if (S_ISREG(info.st_mode)) return std::nullopt;
  if (S_ISDIR(info.st_mode)) return reason(EISDIR);
  if (S_ISLNK(info.st_mode)) return "it is a symbolic link; name the file that it leads to";
  return "it is not a regular file";
}

}  // namespace

std::optional<std::string> write_atomically(const std::string& path, std::string_view text) {
  const SplitPath target(path);
  const UniqueFd directory(::open(target.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return reason(errno);
  if (auto why = obstacle(directory.get(), target.name)) return why;
  Draft draft(directory.get());
  if (draft.exists() && draft.write(text) && draft.rename_to(target.name)) return std::nullopt;
  return reason(errno);
}

UniqueFd lock_directory_of(const std::string& path, Duration patience) {
  const Time latest = BootClock::now() + patience;
  UniqueFd directory(
      ::open(SplitPath(path).directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  while (directory && ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    const bool is_worth_waiting = errno == EWOULDBLOCK && BootClock::now() < latest;
    if (!is_worth_waiting) return UniqueFd();
    std::this_thread::sleep_for(kLockPause);
  }
  return directory;
}

}  // namespace cluster_leader
