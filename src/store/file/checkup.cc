#include "store/checkup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/random.h"
#include "base/unique_fd.h"
#include "store/file/record_file.h"
#include "store/file/store.h"

namespace cluster_leader {

namespace {

std::string reason() { return std::strerror(errno); }

/// A new folder in `directory` for the time of the check-up. All that is tried is tried in there,
/// so that it can be removed as a whole, and so that no folder is removed under the feet of a run
/// that is about to use it: a long key needs folders, which may be those of other keys too.
class Workshop {
 public:
  explicit Workshop(const std::string& directory)
      : path_(directory + "/.cluster-leader-" + random_hex_128()) {
    if (::mkdir(path_.c_str(), 0700) != 0) error_ = errno;
  }
  ~Workshop() {
    std::error_code ignored;
    if (error_ == 0) std::filesystem::remove_all(path_, ignored);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  /// Why it could not be made; 0: it was.
  int error() const { return error_; }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  int error_ = 0;
};

/// Why a lock on one descriptor of the file does not keep out another one, or nothing.
std::optional<std::string> fault_of_lock(const std::string& path) {
  const UniqueFd one(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const UniqueFd other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!one || !other || ::flock(one.get(), LOCK_EX | LOCK_NB) != 0) return reason();
  if (::flock(other.get(), LOCK_EX | LOCK_NB) == 0) return "two have the lock at once";
  return std::nullopt;
}

/// Why nobody hears that the file was touched, or nothing.
std::optional<std::string> fault_of_ear(const std::string& path) {
  const UniqueFd watcher(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watcher || ::inotify_add_watch(watcher.get(), path.c_str(), IN_ATTRIB) < 0) return reason();
  alignas(inotify_event) std::array<char, 4096> heard{};
  if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return reason();
  if (::read(watcher.get(), heard.data(), heard.size()) <= 0)
    return "a touched file is not reported";
  return std::nullopt;
}

}  // namespace

FileCheckup check_up(const FileLocation& location, const std::string& prefix,
                     const Candidate& candidate, bool (*is_shared)(int fd)) {
  if (is_shared == nullptr) is_shared = is_shared_file_system;
  FileCheckup result;
  const UniqueFd folder(::open(location.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    result.exists = errno != ENOENT;
    if (result.exists) result.failure = refused(errno, "open the directory");
    return result;
  }
  result.is_shared = is_shared(folder.get());
  if (result.is_shared) return result;

  const Workshop workshop(location.directory);
  if (workshop.error() != 0) {
    result.failure = refused(workshop.error(), "make a folder in the directory");
    return result;
  }
  const std::string file = workshop.path() + "/lock";
  if (!UniqueFd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600))) {
    result.failure = refused(errno, "make a file in the directory");
    return result;
  }
  result.no_lock = fault_of_lock(file);
  result.no_ear = fault_of_ear(file);

  FileStore store(FileLocation{workshop.path()}, candidate, is_shared);
  const Key key{prefix + "cluster-leader:doctor:" + random_hex_128()};
  result.lease = try_lease(store, key, candidate.node, kLeastPatience);
  return result;
}

}  // namespace cluster_leader
