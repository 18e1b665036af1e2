#include "base/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/unique_fd.h"

namespace cluster_leader {

std::variant<std::string, std::error_code> boot_id(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t got = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (got < 0) return std::error_code(errno, std::generic_category());
  std::string id(text.data(), static_cast<std::size_t>(got));
  id.resize(std::min(id.size(), id.find('\n')));
  if (id.empty()) return std::make_error_code(std::errc::no_message_available);
  return id;
}

std::string machine_identity(const std::string& node) {
  struct stat pid_namespace {};
  ::stat("/proc/self/ns/pid", &pid_namespace);
  const auto boot = boot_id();
  const auto* id = std::get_if<std::string>(&boot);
  return node + '/' + (id != nullptr ? *id : "") + ':' + std::to_string(pid_namespace.st_ino);
}

}  // namespace cluster_leader
