#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/random.h"
#include "base/unique_fd.h"
#include "store/checkup.h"
#include "store/file_store.h"

namespace cluster_leader {

namespace {

std::string reason() { return std::strerror(errno); }

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
  const UniqueFd ear(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!ear || ::inotify_add_watch(ear.get(), path.c_str(), IN_ATTRIB) < 0) return reason();
  alignas(inotify_event) std::array<char, 4096> heard{};
  if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return reason();
  if (::read(ear.get(), heard.data(), heard.size()) <= 0) return "a touched file is not reported";
  return std::nullopt;
}

}  // namespace

FileCheckup check_up(const FileLocation& location, const std::string& prefix,
                     const Candidate& candidate, bool (*is_shared)(int fd)) {
  FileCheckup result;
  const UniqueFd folder(::open(location.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    result.exists = errno != ENOENT;
    if (result.exists) result.failure = refused(errno, "open the directory");
    return result;
  }
  result.is_shared = is_shared(folder.get());
  if (result.is_shared) return result;

  const std::string path = location.directory + "/.cluster-leader-" + random_hex_128();
  if (!UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600))) {
    result.failure = refused(errno, "make a file in the directory");
    return result;
  }
  result.no_lock = fault_of_lock(path);
  result.no_ear = fault_of_ear(path);
  ::unlink(path.c_str());

  const Key key{prefix + "cluster-leader:doctor:" + random_hex_128()};
  FileStore store(location, candidate, is_shared);
  result.lease = try_lease(store, key, candidate.node, kLeastPatience);
  const std::string record = location.directory + '/' + file_name_of(key);
  for (const char* suffix : {".lease", ".lock"}) ::unlink((record + suffix).c_str());
  return result;
}

}  // namespace cluster_leader
