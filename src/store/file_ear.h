#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"

namespace cluster_leader {

/// Hears when one of the files that stand for claims is touched, which writing and reading do not
/// do, or deleted: inotify(7), one descriptor for all.
class FileEar {
 public:
  /// Listens at the file `path` for `claim` from now on, also if it did already. Where the user has
  /// no more of these to have it hears nothing.
  void listen(std::size_t claim, const std::string& path);

  /// Readable when there is something to hear; -1 as long as nobody listens.
  int fd() const { return inotify_.get(); }

  /// The claims whose files were touched since the last call.
  std::vector<std::size_t> hear();

 private:
  UniqueFd inotify_;
  std::unordered_map<int, std::size_t> claim_of_watch_;
};

}  // namespace cluster_leader
