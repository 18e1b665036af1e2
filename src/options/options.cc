#include "options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstdlib>

#include "base/one_line.h"
#include "base/signal_names.h"
#include "exit_code.h"

namespace cluster_leader {

namespace {

/// A sentence about what the user wrote, thrown to parse_options and no further.
struct UsageError {
  std::string text;
};

/// The options as text, before anything is known about them.
struct RawOptions {
  std::string server, host, port, db, user, password_file, prefix, node, connect_timeout;
  std::optional<std::string> key;
  std::string ttl, heartbeat, kill_after, signal, wait, follower_status, if_unavailable;
  std::string log_format;
  std::string min_hold, once, result_file, metrics_file;
  bool sticky = false, join = false;
  bool nonblock = false, quiet = false, verbose = false;
};

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

/// Help that shows where the command stands.
class CommandFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string name) const override {
    return "Usage: cluster-leader " + name + " [OPTION]... --key KEY -- COMMAND [ARG]...\n";
  }
};

void add_server_options(CLI::App& app, RawOptions& raw) {
  const std::string group = "Where the lease lives";
  const auto add = [&](const char* name, std::string& value, const char* type, const char* text) {
    app.add_option(name, value, text)->type_name(type)->group(group);
  };
  add("--server", raw.server, "URL",
      "redis://[user[:password]@]host[:port][/db], unix:///path[?db=N] or file:///directory "
      "(CLUSTER_LEADER_SERVER, REDIS_URL)");
  add("--host", raw.host, "HOST", "plain form of --server; default redis (REDIS_HOST)");
  add("--port", raw.port, "PORT", "default 6379 (REDIS_PORT)");
  add("--db", raw.db, "N", "default 0 (REDIS_DB)");
  add("--user", raw.user, "NAME",
      "ACL user (REDIS_USERNAME; the password: REDIS_PASSWORD, REDISCLI_AUTH)");
  add("--password-file", raw.password_file, "PATH", "file that holds the password");
  add("--connect-timeout", raw.connect_timeout, "D",
      "resolving, connecting and AUTH together; default 2 s, at most a third of the ttl");
  add("--prefix", raw.prefix, "P", "put before every key (CLUSTER_LEADER_PREFIX)");
  add("--node", raw.node, "NAME",
      "label of this node; default: the host name (CLUSTER_LEADER_NODE, HOSTNAME)");
}

void add_run_options(CLI::App& app, RawOptions& raw) {
  const auto add = [&](const char* name, std::string& value, const char* type, const char* text) {
    app.add_option(name, value, text)->type_name(type);
  };
  app.add_option("--key", raw.key, "the name that replicas compete for; default nodered:leader")
      ->type_name("KEY");
  add("--ttl", raw.ttl, "D", "how long the server keeps a lease that nobody renews; default 10 s");
  add("--heartbeat", raw.heartbeat, "D", "pause between renewals; default a fifth of the ttl");
  add("-k,--kill-after", raw.kill_after, "D",
      "from the stop signal to SIGKILL; default a fifth of the ttl");
  add("-s,--signal", raw.signal, "SIG", "the stop signal; default TERM");
  app.add_flag("-n,--nonblock", raw.nonblock, "try once, which is the default");
  add("-w,--wait,--timeout", raw.wait, "D", "wait up to D to become leader; inf: for ever");
  add("-E,--conflict-exit-code,--follower-code", raw.follower_status, "N",
      "exit status of a follower; default 75");
  add("--min-hold", raw.min_hold, "D",
      "keep the key at least so long from acquisition, whatever the job's result");
  app.add_flag("--sticky", raw.sticky,
               "after the job only this node may take the key again, for a ttl");
  add("--once", raw.once, "D", "after a successful run nobody runs the key again for D");
  app.add_flag("--join", raw.join, "wait for the run that holds the key and exit with its status");
  add("--if-unavailable", raw.if_unavailable, "fail|skip|run",
      "without a server: exit 69, exit as a follower, or run without any lease; default fail");
  add("--result-file", raw.result_file, "PATH", "write one JSON object about how it went");
  add("--metrics-file", raw.metrics_file, "PATH",
      "write the same for Prometheus' textfile collector");
}

void add_log_options(CLI::App& app, RawOptions& raw) {
  const std::string group = "What is said on stderr (CLUSTER_LEADER_LOG)";
  app.add_flag("-q,--quiet", raw.quiet, "errors only")->group(group);
  app.add_flag("-v,--verbose", raw.verbose, "also what goes well")->group(group);
  app.add_option("--log-format", raw.log_format, "default text")
      ->type_name("text|json")
      ->group(group);
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

void read_timeline(const RawOptions& raw, Options& options) {
  Timeline& timeline = options.timeline;
  if (!raw.ttl.empty()) timeline = Timeline::of(duration_of("--ttl", raw.ttl));
  if (!raw.heartbeat.empty()) timeline.heartbeat = duration_of("--heartbeat", raw.heartbeat);
  if (!raw.kill_after.empty()) {
    timeline.kill_after = duration_of("--kill-after", raw.kill_after);
    options.policy.kill_after_forwarded = true;
  }
  if (!raw.connect_timeout.empty()) {
    const Duration connect = duration_of("--connect-timeout", raw.connect_timeout);
    if (connect == Duration::zero()) throw UsageError{"--connect-timeout must be more than 0"};
    timeline.connect = std::min(connect, timeline.ttl / 3);
  }
  if (const auto fault = timeline.fault()) throw UsageError{*fault};
}

/// How long to stand for the lease. Who joins waits for ever unless told otherwise: the result is
/// what it is there for.
void read_patience(const RawOptions& raw, Options& options) {
  Policy& policy = options.policy;
  policy.join = raw.join;
  Duration wait = raw.join ? kForever : Duration::zero();
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
  policy.wait_while_busy = wait != Duration::zero();
  policy.patience = std::max(wait, options.timeline.connect);
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
}

void read_key_and_node(const RawOptions& raw, Options& options) {
  // Unlike other options: replicas whose key was left blank by mistake must not meet at a default.
  if (raw.key && raw.key->empty()) throw UsageError{"--key: the key must not be empty"};
  if (raw.key) options.key = *raw.key;
  const std::size_t length = options.prefix.size() + options.key.size();
  if (length > 512) {
    throw UsageError{"the key has " + std::to_string(length) + " bytes; at most 512 are allowed"};
  }
  options.node = first_set(raw.node, {"CLUSTER_LEADER_NODE", "HOSTNAME"});
  if (options.node.empty()) {
    char name[HOST_NAME_MAX + 1] = {};
    if (::gethostname(name, sizeof name - 1) == 0) options.node = name;
  }
  if (options.node.size() > 255) throw UsageError{"--node: at most 255 bytes are allowed"};
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
  if (raw.if_unavailable == "skip") {
    options.if_unavailable = Options::IfUnavailable::kSkip;
  } else if (raw.if_unavailable == "run") {
    options.if_unavailable = Options::IfUnavailable::kRun;
  } else if (!raw.if_unavailable.empty() && raw.if_unavailable != "fail") {
    throw UsageError{"--if-unavailable: '" + raw.if_unavailable + "' is not fail, skip or run"};
  }
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
  if (raw.log_format == "json") {
    options.log_format = Options::LogFormat::kJson;
  } else if (raw.log_format == "text") {
    options.log_format = Options::LogFormat::kText;
  } else if (!raw.log_format.empty()) {
    throw UsageError{"--log-format: '" + raw.log_format + "' is not text or json"};
  }
}

Options read_all(const RawOptions& raw) {
  Options options;
  read_log(raw, options);
  read_server(raw, options);
  read_timeline(raw, options);
  read_patience(raw, options);
  read_aftermath(raw, options);
  read_key_and_node(raw, options);
  read_job(raw, options);
  return options;
}

/// The words before "--" as CLI11 is to read them, last one first. `--name=` becomes two: CLI11
/// takes an empty value for a missing one, and would swallow the word behind it.
std::vector<std::string> words_for_cli11(const CLI::App& verb, const char* const* begin,
                                         const char* const* end) {
  std::vector<std::string> words;
  bool is_value = false;
  for (const char* const* at = begin; at != end; ++at) {
    const std::string word = *at;
    const std::size_t equals = word.find('=');
    const CLI::Option* option = is_value || !word.starts_with("--")
                                    ? nullptr
                                    : verb.get_option_no_throw(word.substr(0, equals));
    const bool takes_value = option != nullptr && option->get_expected_min() > 0;
    words.push_back(word);
    if (takes_value && equals + 1 == word.size()) {
      words.back().pop_back();
      words.emplace_back();
    }
    is_value = takes_value && equals == word.npos;
  }
  std::reverse(words.begin(), words.end());
  return words;
}

constexpr const char* kExample = "cluster-leader run --key job-a -- echo hello";

/// What is wrong with the first word that belongs to nothing.
std::string about_extras(const CLI::App& app, const CLI::App& verb) {
  const bool before_verb = app.remaining_size() > 0;
  const std::vector<std::string> words = before_verb ? app.remaining() : verb.remaining();
  if (words.empty()) return std::string("there is no verb; write for example ") + kExample;
  const std::string& word = words.front();
  // The value stays out of the message: it may be the password that somebody tried to pass.
  const std::string name =
      word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
  if (word.size() < 2 || word[0] != '-') {
    if (before_verb) return "there is no verb '" + word + "'; the verb is run";
    return "'" + word + "' is no option; the command must stand after '--', as in " + kExample;
  }
  if (before_verb) return "'" + name + "' stands before the verb; write for example " + kExample;
  return "there is no option '" + name + "'; the command must stand after '--'";
}

/// Which option stands there twice or lacks its value; `last` is the last word before "--".
std::string about_mismatch(const CLI::App& verb, const std::string& last) {
  for (const CLI::Option* option : verb.get_options()) {
    if (option->count() > 1) return option->get_name() + " must not be given twice";
  }
  return last + " lacks its value";
}

/// The rows of the manual's EXIT STATUS, for machines that have the binary alone.
std::string exit_statuses() {
  std::string text = "Exit status: the job's own, or";
  for (const ExitStatus& row : kExitStatuses) {
    const std::string code = std::to_string(row.code);
    text += "\n  " + code + std::string(6 - code.size(), ' ') + row.meaning;
  }
  return text;
}

}  // namespace

std::optional<Duration> parse_duration(const std::string& text) {
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  double seconds = 0;
  if (const std::string_view name(unit, static_cast<std::size_t>(last - unit));
      name.empty() || name == "s") {
    seconds = number;
  } else if (name == "ms") {
    seconds = number / 1000;
  } else if (name == "m") {
    seconds = number * 60;
  } else if (name == "h") {
    seconds = number * 3600;
  } else if (name == "d") {
    seconds = number * 86400;
  } else {
    return std::nullopt;
  }
  if (seconds > 1000.0 * 86400) return std::nullopt;
  return Duration(static_cast<Duration::rep>(std::llround(seconds * 1e9)));
}

std::variant<Options, NothingToRun> parse_options(int argc, const char* const* argv) {
  const char* const* const begin = argv + std::min(argc, 1);
  const char* const* const end = argv + argc;
  const char* const* const split = std::find_if(
      begin, end, [](const char* argument) { return std::string_view(argument) == "--"; });
  const bool has_command = split != end;

  CLI::App app("Runs a job only while it surely holds a lease: flock for clusters.",
               "cluster-leader");
  app.set_version_flag("--version", "cluster-leader " CLUSTER_LEADER_VERSION);
  app.require_subcommand(1);
  RawOptions raw;
  CLI::App& run = *app.add_subcommand(
      "run",
      "Takes the lease, runs COMMAND while it is held, and releases it; exits with 75 if "
      "somebody else holds it.");
  run.formatter(std::make_shared<CommandFormatter>());
  run.footer(exit_statuses);
  add_run_options(run, raw);
  add_server_options(run, raw);
  add_log_options(run, raw);
  try {
    app.parse(words_for_cli11(run, begin, split));
    Options options = read_all(raw);
    options.command.assign(has_command ? split + 1 : split, end);
    if (options.command.empty()) {
      throw UsageError{std::string("there is no command: write it after '--', as in ") + kExample};
    }
    return options;
  } catch (const UsageError& error) {
    return NothingToRun{kExitUsage, one_line(error.text)};
  } catch (const CLI::CallForVersion& version) {
    return NothingToRun{kExitOk, std::string(version.what()) + "\n"};
  } catch (const CLI::CallForHelp&) {
    return NothingToRun{kExitOk, run.parsed() ? run.help() : app.help()};
  } catch (const CLI::RequiredError&) {
    return NothingToRun{kExitUsage, one_line(about_extras(app, run))};
  } catch (const CLI::ExtrasError&) {
    return NothingToRun{kExitUsage, one_line(about_extras(app, run))};
  } catch (const CLI::ArgumentMismatch&) {
    return NothingToRun{kExitUsage, one_line(about_mismatch(run, *(split - 1)))};
  } catch (const CLI::ParseError& error) {
    return NothingToRun{kExitUsage, one_line(error.what())};
  }
}

}  // namespace cluster_leader
