#include "process/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "base/one_line.h"
#include "base/unique_fd.h"

namespace cluster_leader {
namespace {

constexpr const char* kSocket = "NOTIFY_SOCKET";
constexpr const char* kWatchdogTime = "WATCHDOG_USEC";
constexpr const char* kWatchdogPid = "WATCHDOG_PID";

std::string value_of(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A path or an abstract name. Other kinds of sockets exist, for virtual machines.
bool is_socket_name(const std::string& name) {
  return name.size() > 1 && (name[0] == '/' || name[0] == '@') &&
         name.size() < sizeof(sockaddr_un::sun_path);
}

/// The time between reports that we are alive, or nothing: half the watchdog's time, as
/// sd_watchdog_enabled(3) advises.
std::optional<Duration> watchdog_pause() {
  const std::string pid = value_of(kWatchdogPid);
  if (!pid.empty() && number(pid) != ::getpid()) return std::nullopt;
  const auto time = number(value_of(kWatchdogTime));
  constexpr std::int64_t kLongest = Duration::max() / std::chrono::microseconds(1);
  if (!time || *time <= 0 || *time > kLongest) return std::nullopt;
  return Duration(std::chrono::microseconds(*time)) / 2;
}

}  // namespace

ServiceManager::ServiceManager() {
  const std::string name = value_of(kSocket);
  if (!is_socket_name(name)) return;
  socket_ = name;
  if (const auto pause = watchdog_pause()) {
    beat_every_ = *pause;
    beat_at_ = Time();  // due at once
  }
}

void ServiceManager::ready() {
  if (!is_ready_) is_ready_ = send("READY=1");
}

void ServiceManager::status(const std::string& text) {
  const std::string line = one_line(text);
  if (line != status_ && send("STATUS=" + line)) status_ = line;
}

void ServiceManager::stopping() { send("STOPPING=1"); }

void ServiceManager::beat(Time now) {
  if (now < beat_at_) return;
  // If there is no room now, there may be soon, and there is time for one more try.
  beat_at_ = now + (send("WATCHDOG=1") ? beat_every_ : beat_every_ / 8);
}

bool ServiceManager::send(const std::string& message) const {
  if (!is_there()) return true;
  // Not kept open: a service manager that restarts has a new socket of the same name.
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket_.begin(), socket_.end(), address.sun_path);
  if (socket_[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const ssize_t sent =
      ::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), size);
  return sent >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

bool is_of_service_manager(std::string_view variable) {
  return variable == kSocket || variable == kWatchdogTime || variable == kWatchdogPid;
}

}  // namespace cluster_leader
