#pragma once

#include <optional>
#include <string>

namespace cluster_leader {

/// A signal's number from "TERM", "SIGTERM", "15", "RTMIN", "RTMIN+1" or "RTMAX-1", in upper or
/// lower case; nothing if no such signal exists.
std::optional<int> signal_number(const std::string& name);

/// "TERM" for 15; "RTMIN+1" for the second real-time signal.
std::string signal_name(int signo);

}  // namespace cluster_leader
