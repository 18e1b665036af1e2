#pragma once

#include <optional>

#include "base/clock.h"

namespace cluster_leader {

/// How long the steps of connecting to a server took; nothing for a step that did not finish.
struct ConnectTimes {
  std::optional<Duration> lookup;  ///< of the name; also set if there was none to look up
  std::optional<Duration> connect;
  std::optional<Duration> login;
};

}  // namespace cluster_leader
