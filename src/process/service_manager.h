#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace cluster_leader {

/// The service manager that started us, if there is one. The protocol is that of sd_notify(3): one
/// datagram per message to the socket that NOTIFY_SOCKET names (a path, or an abstract name that
/// begins with '@'). Nothing here blocks or fails: a service manager that does not listen is not a
/// reason to stop.
class ServiceManager {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which counts only if it is absent or us.
  ServiceManager();

  bool is_there() const { return !socket_.empty(); }
  /// Sent once; a later call does nothing, unless there was no room for the message before.
  void ready();
  /// `text` is made one line. Nothing is sent if it has not changed.
  void status(const std::string& text);
  void stopping();

  /// When beat() must be called next: half the watchdog's time after the last call; kNever without
  /// a watchdog.
  Time wake_at() const { return beat_at_; }
  /// Reports that we are alive, if that is due.
  void beat(Time now);

 private:
  /// False if there is no room now, and a retry may succeed.
  bool send(const std::string& message) const;

  std::string socket_;  ///< empty: none
  Duration beat_every_{};
  Time beat_at_ = kNever;
  bool is_ready_ = false;
  std::string status_;
};

/// Whether this environment variable is for talking to the service manager, and so not for our
/// children.
bool is_of_service_manager(std::string_view variable);

}  // namespace cluster_leader
