#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// Makes `text` the content of the file at `path`: whoever opens it finds the old content or the
/// new, never half of one. The file has mode 0644 whatever the umask is, and is a new one: its
/// owner is this process's, and other hard links keep the old content. Until it is complete it is
/// `.cluster-leader-RANDOM` in the same directory; only SIGKILL can leave that behind. It does not
/// wait for the disk, so that after a power cut either content, or none, may be found.
///
/// What stands at `path` and is no regular file is left alone: a link is neither followed, which in
/// a directory that others may write to would let them choose the file, nor replaced, and a
/// superuser's /dev/null or /dev/stdout stays what it is.
///
/// Returns nothing, or why it was not written, as the system says it; then nothing has changed.
std::optional<std::string> write_atomically(const std::string& path, std::string_view text);

/// Locks the directory of `path` (flock(2)) for those who read a file there and write it anew; the
/// file itself cannot carry the lock, since every write makes another one. It is held until what is
/// returned is closed. Waits for it for at most `patience`; returns none if it cannot be had, be
/// it that somebody keeps it or that the directory or its file system allows no lock.
UniqueFd lock_directory_of(const std::string& path, Duration patience);

}  // namespace cluster_leader
