#include "commands/password_file.h"

#include <sys/statvfs.h>
#include <unistd.h>

namespace cluster_leader {

std::optional<std::string> exposure_of(const std::string& path, const struct stat& status,
                                       bool is_on_read_only_mount) {
  if (!S_ISREG(status.st_mode) || is_on_read_only_mount) return std::nullopt;
  for (const char* secrets : {"/run/secrets/", "/var/run/secrets/"}) {
    if (path.starts_with(secrets)) return std::nullopt;
  }
  const bool is_ours = status.st_uid == ::geteuid();
  const char* reader = (status.st_mode & S_IROTH) != 0              ? "all users"
                       : (status.st_mode & S_IRGRP) != 0 && is_ours ? "its group"
                                                                    : nullptr;
  if (reader == nullptr) return std::nullopt;
  return "the password file " + path + " can be read by " + reader + ": chmod 600 it";
}

std::optional<std::string> exposure_of(const std::string& path) {
  struct stat status {};
  struct statvfs system {};
  if (::stat(path.c_str(), &status) != 0 || ::statvfs(path.c_str(), &system) != 0) {
    return std::nullopt;
  }
  return exposure_of(path, status, (system.f_flag & ST_RDONLY) != 0);
}

}  // namespace cluster_leader
