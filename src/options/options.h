#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "lease/candidacy.h"
#include "lease/supervisor.h"
#include "lease/timeline.h"

namespace cluster_leader {

/// What the user asked for: the command line, then the environment, then the defaults given here.
/// An empty value counts as unset, because a blank property of a Node-RED flow arrives that way.
struct Options {
  enum class Verb : std::uint8_t { kRun, kElect, kCheck, kStatus, kRelease, kDoctor };
  enum class IfUnavailable : std::uint8_t { kFail, kSkip, kRun };
  enum class OnExit : std::uint8_t { kRestart, kResign, kExit };
  /// kTerminal: text if stdout is a terminal, otherwise nothing.
  enum class Output : std::uint8_t { kNothing, kText, kJson, kTerminal };
  enum class LogLevel : std::uint8_t { kQuiet, kNormal, kVerbose };
  enum class LogFormat : std::uint8_t { kText, kJson };

  Verb verb = Verb::kRun;

  // Where the lease lives.
  std::string server;         ///< a URL; empty: none
  std::string server_source;  ///< the option or variable that gives it, for messages
  /// The URLs of a quorum, 3 or 5; empty: `server` is the only one. Else `server` has them all,
  /// with blanks between them.
  std::vector<std::string> servers;
  /// These replace their part of a URL of the environment. Without a URL, the defaults of
  /// RedisLocation count where they are missing.
  std::optional<std::string> host;
  std::string host_source;  ///< as server_source
  std::optional<std::uint16_t> port;
  std::optional<int> db;
  std::string user;  ///< an ACL user
  /// On the command line: then they also replace their part of a URL of the environment.
  bool user_is_option = false, password_file_is_option = false;
  std::string password;           ///< from the environment only: ps(1) shows options
  std::string password_file;      ///< wins over password; read again for every connection
  std::string tls_ca;             ///< CAs to trust; empty: the system's
  std::string tls_certificate;    ///< our own, for servers that ask for one
  std::string tls_key;            ///< of our certificate; empty: in the same file
  std::string tls_server_name;    ///< that the server's certificate must be for; empty: the host
  bool tls_insecure = false;      ///< accept every certificate
  std::string sentinel_user;      ///< of the Sentinels, whose accounts are not the servers'
  std::string sentinel_password;  ///< from the environment only
  std::string sentinel_password_file;
  int min_replicas = 0;  ///< a lease counts only once so many replicas have it
  std::string prefix;    ///< prepended to every key, so that several clusters can share a server

  // The lease.
  /// Without the prefix; each 1 to 512 bytes with it, no two the same. `elect` takes one or more,
  /// `status` none for all that are in use, `doctor` none, the others exactly one.
  std::vector<std::string> keys;
  std::string node;  ///< the label of this place; from --node to gethostname(2)
  Timeline timeline = Timeline::of(std::chrono::seconds(10));
  Policy policy;

  // The job: run, and elect.
  std::vector<std::string> command;  ///< everything after the first "--", byte for byte
  std::string label;                 ///< what others see of the job; empty: the command's name
  int stop_signal = 15;              ///< sent when the lease slips away
  bool die_with_parent = false;      ///< stop when the process that started us is gone

  // run
  int follower_status = 75;  ///< 0 to 255; ours when somebody else holds the key; check too
  IfUnavailable if_unavailable = IfUnavailable::kFail;
  Aftermath aftermath;       ///< what becomes of the key after the job
  std::string result_file;   ///< one JSON object about the run; empty: none
  std::string metrics_file;  ///< for Prometheus' textfile collector; empty: none; elect too

  // elect
  OnExit on_exit = OnExit::kResign;    ///< what follows a job that ended on its own
  Duration keepalive_timeout{};        ///< resign when no SIGUSR1 has come for this long; 0: never
  std::vector<std::string> on_leader;  ///< a hook: program and arguments; empty: none
  std::vector<std::string> on_follower;  ///< the same

  // status, release
  std::optional<Duration> watch;  ///< redraw at this interval
  bool force = false;             ///< release a key whoever holds it
  bool asks = false;              ///< ask whoever holds a key to stop its job and release
  bool forgets_result = false;    ///< forget what --once has recorded, and leave the lease alone
  std::optional<std::uint32_t> slot;  ///< of the leases of a key, that one only

  // Output.
  /// To stdout. VerbRow has the default of each verb.
  Output output = Output::kNothing;
  LogLevel log_level = LogLevel::kNormal;
  LogFormat log_format = LogFormat::kText;
};

/// A command line that runs nothing: it asks for help or the version, or it is wrong.
struct NothingToRun {
  int status = 0;
  std::string text;  ///< for stdout if status is 0, otherwise one line for stderr
  Options::LogFormat log_format = Options::LogFormat::kText;  ///< how to write that line
};

/// Reads the command line, without the name of the program, and the environment. The command is
/// split off at the first "--" before any option is read, so that no part of it is ever taken for
/// an option.
std::variant<Options, NothingToRun> parse_options(const std::vector<std::string>& words);

/// Overwrites the password of each URL in the words before "--", which ps(1) shows. What they mean
/// must have been copied before.
void hide_passwords(int argc, char** argv);

}  // namespace cluster_leader
