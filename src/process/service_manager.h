#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace cluster_leader {

/// The service manager that started us, if there is one: sd_notify(3)'s protocol, one datagram for
/// each message to the socket that NOTIFY_SOCKET names (a path, or an abstract name that begins
/// with '@'). Nothing here blocks or fails: a service manager that does not listen is no reason to
/// stop.
class ServiceManager {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which counts only if it is absent or us.
  ServiceManager();

  bool is_there() const { return !socket_.empty(); }
  /// Once; further calls do nothing, unless there was no room for the message.
  void ready();
  /// Nothing is sent while it stays the same. Made one line.
  void status(const std::string& text);
  void stopping();

  /// When beat() must be called next: half the watchdog's time after the last one; kNever if nobody
  /// waits for it.
  Time wake_at() const { return beat_at_; }
  /// Says that we are alive, if that is due.
  void beat(Time now);

 private:
  /// False where there is no room now: it may be worth another try.
  bool send(const std::string& message) const;

  std::string socket_;  ///< empty: there is none
  Duration beat_every_{};
  Time beat_at_ = kNever;
  bool is_ready_ = false;
  std::string status_;
};

/// The names of variables that speak of this process to its service manager, and are not for its
/// children.
bool is_of_service_manager(std::string_view variable);

}  // namespace cluster_leader
