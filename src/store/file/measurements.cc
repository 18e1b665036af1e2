#include "store/measurements.h"

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

/// A new folder in `directory` in which everything is tried, and which the destructor removes. No
/// other folder may be removed: a run may be about to use it, since long keys share folders.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& directory)
      : path_(directory + "/.cluster-leader-" + random_hex_128()) {
    if (::mkdir(path_.c_str(), 0700) != 0) error_ = errno;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (error_ == 0) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  /// The errno of creating it; 0: it was created.
  int error() const { return error_; }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  int error_ = 0;
};

/// Why a lock on one descriptor of the file does not exclude another one, or nothing.
std::optional<std::string> fault_of_lock(const std::string& path) {
  const UniqueFd one(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const UniqueFd other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!one || !other || ::flock(one.get(), LOCK_EX | LOCK_NB) != 0) return reason();
  if (::flock(other.get(), LOCK_EX | LOCK_NB) == 0)
    return "two descriptors can have the lock at once";
  return std::nullopt;
}

/// Why it is not reported that the file was touched, or nothing.
std::optional<std::string> fault_of_watch(const std::string& path) {
  const UniqueFd watcher(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watcher || ::inotify_add_watch(watcher.get(), path.c_str(), IN_ATTRIB) < 0) return reason();
  alignas(inotify_event) std::array<char, 4096> events{};
  if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return reason();
  if (::read(watcher.get(), events.data(), events.size()) <= 0)
    return "a touched file is not reported";
  return std::nullopt;
}

}  // namespace

FileMeasurements measure(const FileLocation& location, const std::string& prefix,
                         const Candidate& candidate, bool (*is_shared)(int fd)) {
  if (is_shared == nullptr) is_shared = is_shared_file_system;
  FileMeasurements result;
  const UniqueFd folder(::open(location.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    result.exists = errno != ENOENT;
    if (result.exists) result.failure = refused(errno, "open the directory");
    return result;
  }
  result.is_shared = is_shared(folder.get());
  if (result.is_shared) return result;

  const ScratchFolder scratch(location.directory);
  if (scratch.error() != 0) {
    result.failure = refused(scratch.error(), "create a folder in the directory");
    return result;
  }
  const std::string file = scratch.path() + "/lock";
  if (!UniqueFd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600))) {
    result.failure = refused(errno, "create a file in the directory");
    return result;
  }
  result.no_lock = fault_of_lock(file);
  result.no_watch = fault_of_watch(file);

  FileStore store(FileLocation{scratch.path()}, candidate, is_shared);
  result.lease = probe_lease(store, probe_key(prefix), candidate.node, kLeastPatience);
  return result;
}

}  // namespace cluster_leader
