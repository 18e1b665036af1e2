#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"

namespace cluster_leader {

/// Reports when the file of a candidacy is touched (its attributes change, which neither reading
/// nor writing causes) or deleted. inotify(7), one descriptor for all candidacies.
class FileWatcher {
 public:
  /// Watches the file `path` for `candidacy` from now on; has no effect on a file that is watched.
  /// If the user's inotify limit is reached, it reports nothing.
  void watch(std::size_t candidacy, const std::string& path);

  /// Readable when there is something to report; -1 while nothing is watched.
  int fd() const { return inotify_.get(); }

  /// The candidacies with a file that was touched or deleted since the last call, in order.
  std::vector<std::size_t> changed();

 private:
  UniqueFd inotify_;
  std::unordered_map<int, std::size_t> candidacy_of_watch_;
};

}  // namespace cluster_leader
