#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// Replaces the content of the file at `path` with `text`: a reader finds either the old content or
/// the new, never a part. The file is a new one: it has mode 0644 whatever the umask, belongs to
/// the owner of this process, and other hard links keep the old content. Until it is complete it is
/// called `.cluster-leader-RANDOM` in the same directory; only SIGKILL can leave that behind. It is
/// not synced, so after a power failure the file may have the old content, the new one, or none.
///
/// Anything at `path` that is not a regular file is left alone. A link is not followed, because in
/// a directory that others may write to it would let them choose the file, and it is not replaced;
/// the superuser's /dev/null or /dev/stdout stays a device.
///
/// Returns nothing, or the system's reason why it was not written; then nothing has changed.
std::optional<std::string> write_atomically(const std::string& path, std::string_view text);

/// Locks the directory of `path` (flock(2)) for a read and replacement of a file in it; the file
/// itself cannot be locked, since every write makes a new one. The lock is held until the returned
/// descriptor is closed. Waits at most `patience`; returns none if somebody else keeps the lock, or
/// if the directory or its file system does not allow one.
UniqueFd lock_directory_of(const std::string& path, Duration patience);

}  // namespace cluster_leader
