#include "options/reading.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "base/signal_names.h"
#include "options/duration.h"
#include "options/usage_error.h"

namespace cluster_leader {

namespace {

using Verb = Options::Verb;

/// The first of the environment variables `names` that is set and not empty; else empty.
std::string from_environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return {};
}

std::string first_set(const std::string& option, std::initializer_list<const char*> names) {
  return option.empty() ? from_environment(names) : option;
}

Duration duration_of(const char* option, const std::string& text) {
  const std::optional<Duration> d = parse_duration(text);
  if (!d) {
    throw UsageError{std::string(option) + ": '" + text +
                     "' is no duration; write 10, 10s, 1500ms, 2m, 1h or 1d, at most 1000d"};
  }
  return *d;
}

int integer_of(const char* option, const std::string& text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw UsageError{std::string(option) + ": '" + text + "' is no number from " +
                     std::to_string(least) + " to " + std::to_string(most)};
  }
  return value;
}

/// What `text` means, which is one of the words; `otherwise` if it is empty.
template <typename Meaning>
Meaning meaning_of(const char* option, const std::string& text, Meaning otherwise,
                   std::initializer_list<std::pair<const char*, Meaning>> words) {
  if (text.empty()) return otherwise;
  std::string known;
  for (const auto& word : words) {
    if (text == word.first) return word.second;
    if (!known.empty()) known += &word == words.end() - 1 ? " or " : ", ";
    known += word.first;
  }
  throw UsageError{std::string(option) + ": '" + text + "' is not " + known};
}

/// The port in `text`, or at its end: a Kubernetes service named redis sets REDIS_PORT to
/// "tcp://10.0.0.1:6379" in every container.
int port_of(const char* name, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const bool is_url = text.starts_with("tcp://") && colon > text.find(':');
  return integer_of(name, is_url ? text.substr(colon + 1) : text, 1, 65535);
}

void read_plain_server(const RawOptions& raw, Options& options) {
  if (const std::string host = first_set(raw.host, {"REDIS_HOST"}); !host.empty()) {
    options.host = host;
  }
  // A variable is looked at only where it counts: an option mends one that makes no sense.
  if (!raw.port.empty()) {
    options.port = static_cast<std::uint16_t>(integer_of("--port", raw.port, 1, 65535));
  } else if (const std::string port = from_environment({"REDIS_PORT"}); !port.empty()) {
    options.port = static_cast<std::uint16_t>(port_of("REDIS_PORT", port));
  }
  if (!raw.db.empty()) {
    options.db = integer_of("--db", raw.db, 0, INT_MAX);
  } else if (const std::string db = from_environment({"REDIS_DB"}); !db.empty()) {
    options.db = integer_of("REDIS_DB", db, 0, INT_MAX);
  }
}

void read_server(const RawOptions& raw, Options& options) {
  const bool plain = !raw.host.empty() || !raw.port.empty() || !raw.db.empty();
  if (plain && !raw.server.empty()) {
    throw UsageError{"--server already names host, port and db: leave out --host, --port and --db"};
  }
  // What stands on the command line wins over a URL in the environment.
  if (!plain) options.server = first_set(raw.server, {"CLUSTER_LEADER_SERVER", "REDIS_URL"});
  if (options.server.empty()) read_plain_server(raw, options);
  options.user = first_set(raw.user, {"REDIS_USERNAME"});
  options.password = from_environment({"REDIS_PASSWORD", "REDISCLI_AUTH"});
  options.password_file = raw.password_file;
  options.prefix = first_set(raw.prefix, {"CLUSTER_LEADER_PREFIX"});
}

/// The timeline of those who hold a lease, or judge one. The others have no use for more of it than
/// `connect`, which no ttl limits.
void read_timeline(const RawOptions& raw, Options& options) {
  Timeline& timeline = options.timeline;
  if (!raw.ttl.empty()) timeline = Timeline::of(duration_of("--ttl", raw.ttl));
  if (!raw.heartbeat.empty()) timeline.heartbeat = duration_of("--heartbeat", raw.heartbeat);
  if (!raw.kill_after.empty()) {
    timeline.kill_after = duration_of("--kill-after", raw.kill_after);
    options.policy.kill_after_forwarded = true;
  }
  if (!raw.connect_timeout.empty()) {
    timeline.connect = duration_of("--connect-timeout", raw.connect_timeout);
    if (timeline.connect == Duration::zero()) {
      throw UsageError{"--connect-timeout must be more than 0"};
    }
  }
  if (find_option(options.verb, "--ttl") == nullptr) return;
  timeline.connect = std::min(timeline.connect, timeline.ttl / 3);
  if (const auto fault = timeline.fault()) throw UsageError{*fault};
}

/// How long to stand for the lease. Who joins waits for ever unless told otherwise: the result is
/// what it is there for.
void read_patience(const RawOptions& raw, Options& options) {
  Policy& policy = options.policy;
  policy.join = raw.join;
  Duration wait = raw.join || options.verb == Verb::kElect ? kForever : Duration::zero();
  if (!raw.wait.empty()) {
    wait = raw.wait == "inf" ? kForever : duration_of("--wait", raw.wait);
  }
  if (raw.nonblock && !raw.wait.empty() && wait != Duration::zero()) {
    throw UsageError{"--nonblock and --wait exclude each other"};
  }
  if (raw.join && (raw.nonblock || wait == Duration::zero())) {
    throw UsageError{
        "--join waits for the run that holds the key, so it cannot go with --nonblock"};
  }
  policy.busy_patience = wait;
  policy.patience = std::max(wait, options.timeline.connect);
}

/// The path from the root on, without "." and ".."; links are not looked at.
std::filesystem::path plain_path(const std::string& path) {
  std::error_code error;
  return std::filesystem::absolute(path, error).lexically_normal();
}

void read_aftermath(const RawOptions& raw, Options& options) {
  Aftermath& after = options.aftermath;
  after.park = raw.sticky;
  if (!raw.min_hold.empty()) after.hold = duration_of("--min-hold", raw.min_hold);
  if (!raw.once.empty()) after.once = duration_of("--once", raw.once);
  if (after.hold > std::chrono::days(30)) {
    throw UsageError{"--min-hold: at most 30d are allowed; what is to run once ever wants --once"};
  }
  if (raw.sticky && raw.join) {
    throw UsageError{
        "--sticky gives every tick to one node and --join shares one run among all: choose one"};
  }
  options.result_file = raw.result_file;
  options.metrics_file = raw.metrics_file;
  if (!raw.result_file.empty() && !raw.metrics_file.empty() &&
      plain_path(raw.result_file) == plain_path(raw.metrics_file)) {
    throw UsageError{
        "--result-file and --metrics-file name the same file, and the one would replace the other"};
  }
}

void read_keys(const RawOptions& raw, Options& options) {
  constexpr std::size_t kLongestKey = 512;  // see Key
  if (const std::size_t length = options.prefix.size(); length >= kLongestKey) {
    throw UsageError{"the prefix has " + std::to_string(length) +
                     " bytes, which leaves no room for a key; at most 511 are allowed"};
  }
  options.keys = raw.keys;
  if (raw.keys.empty() && options.verb != Verb::kStatus && options.verb != Verb::kDoctor) {
    options.keys = {"nodered:leader"};
  }
  if (options.keys.size() > 1 && !takes_many_keys(options.verb)) {
    throw UsageError{"--key must not be given twice"};
  }
  std::unordered_set<std::string> seen;
  for (const std::string& key : options.keys) {
    // Unlike other options: replicas whose key was left blank by mistake must not meet at a
    // default.
    if (key.empty()) throw UsageError{"--key: the key must not be empty"};
    if (const std::size_t length = options.prefix.size() + key.size(); length > kLongestKey) {
      throw UsageError{"the key has " + std::to_string(length) + " bytes; at most 512 are allowed"};
    }
    if (!seen.insert(key).second) throw UsageError{"--key: '" + key + "' stands there twice"};
  }
}

void read_node(const RawOptions& raw, Options& options) {
  options.node = first_set(raw.node, {"CLUSTER_LEADER_NODE", "HOSTNAME"});
  if (options.node.empty()) {
    char name[HOST_NAME_MAX + 1] = {};
    if (::gethostname(name, sizeof name - 1) == 0) options.node = name;
  }
  if (options.node.size() > 255) {
    throw UsageError{"the label of this node has " + std::to_string(options.node.size()) +
                     " bytes; at most 255 are allowed"};
  }
}

void read_job(const RawOptions& raw, Options& options) {
  if (!raw.signal.empty()) {
    const std::optional<int> signo = signal_number(raw.signal);
    if (!signo) throw UsageError{"--signal: there is no signal '" + raw.signal + "'"};
    options.stop_signal = *signo;
  }
  if (!raw.follower_status.empty()) {
    options.follower_status = integer_of("--conflict-exit-code", raw.follower_status, 0, 255);
  }
  using enum Options::IfUnavailable;
  options.if_unavailable =
      meaning_of("--if-unavailable", raw.if_unavailable, options.if_unavailable,
                 {{"fail", kFail}, {"skip", kSkip}, {"run", kRun}});
  options.die_with_parent = raw.die_with_parent;
  if (!raw.die_with_parent && find_option(options.verb, "--die-with-parent") != nullptr) {
    options.die_with_parent = meaning_of("CLUSTER_LEADER_DIE_WITH_PARENT",
                                         from_environment({"CLUSTER_LEADER_DIE_WITH_PARENT"}),
                                         false, {{"0", false}, {"1", true}});
  }
}

/// A program and its arguments, which stand in one word with blanks between them.
std::vector<std::string> hook_of(const char* option, const std::string& text) {
  constexpr const char* kBlanks = " \t\n";
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(kBlanks); at != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlanks, end);
  }
  if (words.empty() && !text.empty()) {
    throw UsageError{std::string(option) + ": there is no program in '" + text + "'"};
  }
  return words;
}

void read_election(const RawOptions& raw, Options& options) {
  using enum Options::OnExit;
  options.on_exit = meaning_of("--on-exit", raw.on_exit, options.on_exit,
                               {{"restart", kRestart}, {"resign", kResign}, {"exit", kExit}});
  options.policy.restarts = options.on_exit == kRestart;
  if (!raw.keepalive_timeout.empty()) {
    options.keepalive_timeout = duration_of("--keepalive-timeout", raw.keepalive_timeout);
  }
  options.on_leader = hook_of("--on-leader", raw.on_leader);
  options.on_follower = hook_of("--on-follower", raw.on_follower);
}

void read_command(const VerbRow& verb, const RawOptions& raw,
                  std::optional<std::span<const char* const>> command, Options& options) {
  using Command = VerbRow::Command;
  if (command) options.command.assign(command->begin(), command->end());
  if (verb.command == Command::kNone && command) {
    throw UsageError{std::string(verb.name) +
                     " runs no command: leave out '--' and what stands behind it"};
  }
  if (verb.command == Command::kMust && options.command.empty()) {
    throw UsageError{
        std::string("there is no command: write it after '--', as in cluster-leader ") + verb.name +
        " --key job-a -- echo hello"};
  }
  if (command && options.command.empty() && verb.command == Command::kMay) {
    throw UsageError{"there is no command behind '--': write one, or leave out the '--'"};
  }
  if (!command && verb.command == Command::kMay) {
    for (const auto& [name, value] :
         {std::pair("--on-exit", &raw.on_exit), {"--signal", &raw.signal}}) {
      if (!value->empty())
        throw UsageError{std::string(name) + " is about the command, and there is none"};
    }
  }
  if (command && options.keys.size() > 1) {
    throw UsageError{"a command runs under one key: start one elect for each"};
  }
}

void read_watch(const RawOptions& raw, Options& options) {
  if (raw.watch.empty()) return;
  options.watch = duration_of("--watch", raw.watch);
  if (*options.watch < std::chrono::milliseconds(100)) {
    throw UsageError{"--watch: the pause must be at least 100ms, not " + raw.watch};
  }
}

/// What stdout gets, where the verb leaves that to the user.
void read_output(const RawOptions& raw, Options& options) {
  using enum Options::Output;
  Options::Output otherwise = kNothing;
  if (options.verb == Verb::kElect) otherwise = kJson;
  if (options.verb == Verb::kStatus || options.verb == Verb::kDoctor) otherwise = kText;
  options.output = meaning_of("--output", raw.output, raw.json ? kJson : otherwise,
                              {{"json", kJson}, {"text", kText}, {"none", kNothing}});
}

/// CLUSTER_LEADER_LOG holds the same words as the options, separated by commas.
void read_log_word(const std::string& word, Options& options) {
  if (word == "quiet") {
    options.log_level = Options::LogLevel::kQuiet;
  } else if (word == "verbose") {
    options.log_level = Options::LogLevel::kVerbose;
  } else if (word == "json") {
    options.log_format = Options::LogFormat::kJson;
  } else if (word == "text") {
    options.log_format = Options::LogFormat::kText;
  } else {
    throw UsageError{"CLUSTER_LEADER_LOG: '" + word + "' is not quiet, verbose, text or json"};
  }
}

void read_log(const RawOptions& raw, Options& options) {
  const std::string words = from_environment({"CLUSTER_LEADER_LOG"});
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(',', at), words.size());
    read_log_word(words.substr(at, end - at), options);
    at = end + 1;
  }
  if (raw.quiet && raw.verbose) throw UsageError{"--quiet and --verbose exclude each other"};
  if (raw.quiet) options.log_level = Options::LogLevel::kQuiet;
  if (raw.verbose) options.log_level = Options::LogLevel::kVerbose;
  using enum Options::LogFormat;
  options.log_format = meaning_of("--log-format", raw.log_format, options.log_format,
                                  {{"text", kText}, {"json", kJson}});
}

}  // namespace

Options::LogFormat log_format_of(const RawOptions& raw) {
  Options options;
  try {
    read_log(raw, options);
  } catch (const UsageError&) {
    // Then as far as it went.
  }
  return options.log_format;
}

Options read_options(const VerbRow& verb, const RawOptions& raw,
                     std::optional<std::span<const char* const>> command) {
  Options options;
  options.verb = verb.verb;
  read_log(raw, options);
  read_server(raw, options);
  read_timeline(raw, options);
  read_patience(raw, options);
  read_aftermath(raw, options);
  read_keys(raw, options);
  read_node(raw, options);
  read_job(raw, options);
  read_election(raw, options);
  read_command(verb, raw, command, options);
  read_watch(raw, options);
  read_output(raw, options);
  options.force = raw.force;
  return options;
}

}  // namespace cluster_leader
