#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "lease/supervisor.h"
#include "lease/timeline.h"

namespace cluster_leader {

/// What the user asked for: the command line, then the environment, then the defaults that stand
/// here. An empty value counts as unset, since a blank property of a Node-RED flow arrives that
/// way.
struct Options {
  enum class IfUnavailable : std::uint8_t { kFail, kSkip, kRun };
  enum class LogLevel : std::uint8_t { kQuiet, kNormal, kVerbose };
  enum class LogFormat : std::uint8_t { kText, kJson };

  // Where the lease lives.
  std::string server;  ///< a URL; empty: host, port and db count
  std::string host = "redis";
  std::uint16_t port = 6379;
  int db = 0;
  std::string user;           ///< an ACL user
  std::string password;       ///< from the environment only: an option would stand in ps(1)
  std::string password_file;  ///< wins over password; read anew for every connection
  std::string prefix;         ///< put before the key, so that several clusters can share a server

  // The lease.
  std::string key = "nodered:leader";  ///< without the prefix; 1 to 512 bytes with it
  std::string node;                    ///< the label of this place; from --node to gethostname(2)
  Timeline timeline = Timeline::of(std::chrono::seconds(10));
  Policy policy;

  // The job.
  std::vector<std::string> command;  ///< everything after the first "--", byte for byte
  int stop_signal = 15;              ///< sent when the lease slips away
  int follower_status = 75;          ///< 0 to 255; ours when somebody else holds the key
  IfUnavailable if_unavailable = IfUnavailable::kFail;
  Aftermath aftermath;       ///< what becomes of the key after the job
  std::string result_file;   ///< one JSON object about the run; empty: none
  std::string metrics_file;  ///< for Prometheus' textfile collector; empty: none

  // What we say.
  LogLevel log_level = LogLevel::kNormal;
  LogFormat log_format = LogFormat::kText;
};

/// A command line that runs nothing: help and version are asked for, or it is wrong.
struct NothingToRun {
  int status = 0;
  std::string text;  ///< for stdout if status is 0, else one line for stderr
};

/// Reads the command line and the environment. The command is split off at the first "--" before
/// any option is looked at, so that nothing of it is ever taken for ours.
std::variant<Options, NothingToRun> parse_options(int argc, const char* const* argv);

/// A duration as users write it: `10`, `10s`, `1500ms`, `2m`, `1h`, `1d`, with fractions; a bare
/// number is seconds. Nothing if it is anything else, negative, or longer than 1,000 days.
std::optional<Duration> parse_duration(const std::string& text);

}  // namespace cluster_leader
