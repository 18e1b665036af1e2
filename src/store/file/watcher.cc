#include "store/file/watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

namespace cluster_leader {

void FileWatcher::watch(std::size_t claim, const std::string& path) {
  if (!inotify_) inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return;
  // A file has one watch, however often it is added.
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), IN_ATTRIB | IN_DELETE_SELF);
  if (watch >= 0) claim_of_watch_[watch] = claim;
}

std::vector<std::size_t> FileWatcher::changed() {
  std::vector<std::size_t> claims;
  if (!inotify_) return claims;
  std::array<char, 4096> buffer{};
  static_assert(buffer.size() > sizeof(inotify_event) + NAME_MAX + 1);
  ssize_t size = 0;
  while ((size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    const char* const end = buffer.data() + size;
    for (const char* at = buffer.data(); at < end;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      at += sizeof event + event.len;
      const auto found = claim_of_watch_.find(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        // Some events were dropped, and it is unknown which.
        for (const auto& [watch, claim] : claim_of_watch_) claims.push_back(claim);
      } else if (found != claim_of_watch_.end()) {
        claims.push_back(found->second);
        // The file is gone, and so is its watch.
        if ((event.mask & IN_IGNORED) != 0) claim_of_watch_.erase(found);
      }
    }
  }
  std::sort(claims.begin(), claims.end());
  claims.erase(std::unique(claims.begin(), claims.end()), claims.end());
  return claims;
}

}  // namespace cluster_leader
