#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace cluster_leader {

/// What is wrong with who may read the file at `path`, for people; `status` is its stat(2).
/// Nothing if only its owner may read it. Nothing either where changing its mode would not help:
/// - it is a secret that Docker, Podman or Kubernetes has mounted, below /run/secrets or read-only;
///   it is often readable by all users of a container;
/// - its group may read it, and it is another user's: that may be how we may read it.
std::optional<std::string> exposure_of(const std::string& path, const struct stat& status,
                                       bool is_on_read_only_mount);

/// The same for the file as it is now; nothing if it cannot be examined.
std::optional<std::string> exposure_of(const std::string& path);

}  // namespace cluster_leader
