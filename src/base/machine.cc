#include "base/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.h"

namespace cluster_leader {

std::string boot_id() {
  const UniqueFd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t got = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
  std::string id(text.data(), static_cast<std::size_t>(got > 0 ? got : 0));
  return id.substr(0, id.find('\n'));
}

std::string machine_identity(const std::string& node) {
  struct stat pid_namespace {};
  ::stat("/proc/self/ns/pid", &pid_namespace);
  return node + '/' + boot_id() + ':' + std::to_string(pid_namespace.st_ino);
}

}  // namespace cluster_leader
