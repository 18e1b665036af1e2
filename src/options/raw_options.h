#pragma once

#include <string>
#include <vector>

namespace cluster_leader {

/// The options of the command line as text, before anything is known about them. What was not
/// given, and what the verb does not have, is empty or false.
struct RawOptions {
  std::string server, host, port, db, user, password_file, connect_timeout, prefix, node;
  /// An empty one was given empty.
  std::vector<std::string> keys;
  std::string ttl, heartbeat, kill_after, signal;
  std::string wait, follower_status, if_unavailable, min_hold, once, result_file, metrics_file;
  std::string on_exit, keepalive_timeout, on_leader, on_follower;
  std::string output, watch, log_format;
  bool nonblock = false, sticky = false, join = false, die_with_parent = false;
  bool json = false, force = false;
  bool quiet = false, verbose = false, help = false;
};

}  // namespace cluster_leader
