#include "store/file/watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

namespace cluster_leader {

void FileWatcher::watch(std::size_t candidacy, const std::string& path) {
  if (!inotify_) inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return;
  // A file has one watch, however often it is added.
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), IN_ATTRIB | IN_DELETE_SELF);
  if (watch >= 0) candidacy_of_watch_[watch] = candidacy;
}

std::vector<std::size_t> FileWatcher::changed() {
  std::vector<std::size_t> candidacies;
  if (!inotify_) return candidacies;
  std::array<char, 4096> buffer{};
  static_assert(buffer.size() > sizeof(inotify_event) + NAME_MAX + 1);
  ssize_t size = 0;
  while ((size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    const char* const end = buffer.data() + size;
    for (const char* at = buffer.data(); at < end;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      at += sizeof event + event.len;
      const auto found = candidacy_of_watch_.find(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        // Some events were dropped, and it is unknown which.
        for (const auto& [watch, candidacy] : candidacy_of_watch_) candidacies.push_back(candidacy);
      } else if (found != candidacy_of_watch_.end()) {
        candidacies.push_back(found->second);
        // The file is gone, and so is its watch.
        if ((event.mask & IN_IGNORED) != 0) candidacy_of_watch_.erase(found);
      }
    }
  }
  std::sort(candidacies.begin(), candidacies.end());
  candidacies.erase(std::unique(candidacies.begin(), candidacies.end()), candidacies.end());
  return candidacies;
}

}  // namespace cluster_leader
