#include "options/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "base/exit_code.h"
#include "base/one_line.h"
#include "lease/hash_tag.h"
#include "options/command_line.h"
#include "options/environment.h"
#include "options/parser.h"
#include "options/quorum.h"
#include "options/scheme.h"

namespace cluster_leader {

namespace {

using Verb = Options::Verb;
using Words = std::vector<std::string>;

/// Whether the command line gives an option ("--ttl") a value that is not empty.
using IsGiven = std::function<bool(const char* option)>;

[[noreturn]] void refuse(const std::string& text) { throw CLI::ValidationError(text); }

/// The timeline of the verbs that hold a lease, or judge one. The others use only `connect`, which
/// no ttl limits.
void apply_timeline(const IsGiven& is_given, Options& options) {
  const Timeline given = options.timeline;
  Timeline& timeline = options.timeline;
  timeline = Timeline::of(given.ttl);
  if (is_given("--heartbeat")) timeline.heartbeat = given.heartbeat;
  if (is_given("--kill-after")) timeline.kill_after = given.kill_after;
  if (is_given("--connect-timeout")) timeline.connect = given.connect;
  options.policy.kill_after_forwarded = is_given("--kill-after");
  const bool has_ttl =
      options.verb == Verb::kRun || options.verb == Verb::kElect || options.verb == Verb::kDoctor;
  if (!has_ttl) return;
  timeline.connect = std::min(timeline.connect, timeline.ttl / 3);
  if (const auto fault = timeline.fault()) refuse(*fault);
}

/// How long to wait for the lease. With --join it is for ever unless told otherwise, because the
/// result is the purpose, and with --supersede, because the job before needs time to end.
void apply_patience(const IsGiven& is_given, Options& options) {
  Policy& policy = options.policy;
  Duration& wait = policy.busy_patience;
  const bool must_wait = policy.join || policy.supersedes;
  if (!is_given("--wait") && (must_wait || options.verb == Verb::kElect)) wait = kForever;
  const bool is_nonblock = is_given("--nonblock");
  if (is_nonblock && is_given("--wait") && wait != Duration::zero()) {
    refuse("--nonblock and --wait cannot be combined");
  }
  if (policy.join && (is_nonblock || wait == Duration::zero())) {
    refuse("--join waits for the run that holds the key: it cannot be combined with --nonblock");
  }
  if (policy.supersedes && (is_nonblock || wait == Duration::zero())) {
    refuse("--supersede waits for the present job to end: it cannot be combined with --nonblock");
  }
  policy.patience = std::max(wait, options.timeline.connect);
  // Without a choice: a tick that coincides with a restart of the server should still run on one
  // machine.
  constexpr Duration kLongRestart = std::chrono::minutes(2);
  const bool is_open = wait == Duration::zero() && !is_nonblock && !is_given("--wait");
  policy.young_patience = is_open ? kLongRestart : wait;
}

/// What these options promise concerns the one job, or the one lease, of a key.
void check_slots(const Options& options) {
  if (options.policy.slots == 1) return;
  const std::pair<bool, const char*> unsupported[] = {
      {options.aftermath.once > Duration::zero(), "--once"},
      {options.policy.join, "--join"},
      {options.aftermath.park, "--sticky"},
      {options.policy.supersedes, "--supersede"}};
  for (const auto& [is_given, name] : unsupported) {
    if (!is_given) continue;
    refuse(std::string("--slots and ") + name + " cannot be combined: " + name +
           " requires that one job of a key runs at a time");
  }
}

/// The path from the root on, without "." and ".."; links are not followed.
std::filesystem::path plain_path(const std::string& path) {
  std::error_code error;
  return std::filesystem::absolute(path, error).lexically_normal();
}

void check_files(const Options& options) {
  if (!options.result_file.empty() && !options.metrics_file.empty() &&
      plain_path(options.result_file) == plain_path(options.metrics_file)) {
    refuse("--result-file and --metrics-file name the same file: each would overwrite the other");
  }
}

/// TLS options that had no effect would let somebody believe that the connection is encrypted.
void check_tls(const Options& options) {
  const std::pair<bool, const char*> given[] = {
      {!options.tls_ca.empty(), "--tls-ca"},
      {!options.tls_certificate.empty(), "--tls-cert"},
      {!options.tls_key.empty(), "--tls-key"},
      {!options.tls_server_name.empty(), "--tls-server-name"},
      {options.tls_insecure, "--tls-insecure"}};
  const auto* const first = std::find_if(std::begin(given), std::end(given),
                                         [](const auto& option) { return option.first; });
  if (first == std::end(given)) return;
  const Words urls = options.servers.empty() ? Words{options.server} : options.servers;
  for (const std::string& url : urls) {
    const std::string scheme = scheme_of(url);
    if (scheme.starts_with("rediss") || scheme.starts_with("valkeys")) continue;
    refuse(std::string(first->second) + " requires TLS: use --server rediss://...");
  }
  if (!options.tls_key.empty() && options.tls_certificate.empty()) {
    refuse("--tls-key requires --tls-cert");
  }
  // OpenSSL would take ".example" for any name below it.
  const std::string& name = options.tls_server_name;
  constexpr std::size_t kLongestName = 253;
  if (!name.empty() && (name.front() == '.' || name.size() > kLongestName)) {
    refuse("--tls-server-name requires a host name or an address");
  }
  if (options.tls_insecure && !options.tls_ca.empty()) {
    refuse("--tls-insecure and --tls-ca cannot be combined");
  }
}

void check_replicas(const Options& options) {
  if (options.min_replicas > 0 && scheme_of(options.server) == "file") {
    refuse("--min-replicas requires a server: a directory has no replicas");
  }
}

/// The same goes for a login to Sentinels where there are none.
void check_sentinels(const IsGiven& is_given, const Options& options) {
  if (scheme_of(options.server).ends_with("sentinel")) return;
  for (const char* option : {"--sentinel-user", "--sentinel-password-file"}) {
    if (is_given(option)) {
      refuse(std::string(option) + " requires Sentinels: use --server redis+sentinel://...");
    }
  }
}

/// A cluster has one database, and a key and what belongs to it must be on one node.
void check_cluster(const Options& options) {
  if (!scheme_of(options.server).ends_with("cluster")) return;
  if (options.db.value_or(0) != 0) refuse("--db: a cluster has only database 0");
  for (const std::string& key : options.keys) {
    if (can_share_tag(options.prefix + key)) continue;
    refuse("--key: '" + key +
           "' cannot be used in a cluster: leave out the '}', or write a pair of braces with "
           "something in it, as in '{job}-a'");
  }
}

void refuse_long(const std::string& what, std::size_t size, std::size_t most) {
  if (size <= most) return;
  refuse(what + " has " + std::to_string(size) + " bytes; at most " + std::to_string(most) +
         " are allowed");
}

void apply_names(Options& options) {
  refuse_long("the prefix", options.prefix.size(), kMaxKeyLength - 1);
  std::unordered_set<std::string> seen;
  for (const std::string& key : options.keys) {
    refuse_long("the key", options.prefix.size() + key.size(), kMaxKeyLength);
    if ((options.prefix + key).starts_with("cluster-leader:")) {
      refuse(
          "--key: names that begin with 'cluster-leader:' are our own: choose another --key or "
          "--prefix");
    }
    if (!seen.insert(key).second) refuse("--key: '" + key + "' is given twice");
  }
  refuse_long("the label of this node", options.node.size(), 255);
}

void apply_command(const IsGiven& is_given, const std::optional<Words>& command, Options& options) {
  if (command) options.command = *command;
  if (options.verb == Verb::kRun && options.command.empty()) {
    refuse(
        "a command is missing: put it after '--', as in "
        "cluster-leader run --key job-a -- echo hello");
  }
  if (options.verb != Verb::kElect) return;
  if (command && command->empty()) {
    refuse("a command is missing after '--': write one, or remove the '--'");
  }
  for (const char* option : {"--on-exit", "--signal"}) {
    if (!command && is_given(option))
      refuse(std::string(option) + " requires a command after '--'");
  }
  if (command && options.keys.size() > 1) {
    refuse("a command runs under one key: start one elect per key");
  }
  options.policy.restarts = options.on_exit == Options::OnExit::kRestart;
}

/// There is no default: two jobs that have nothing to do with each other would both have it, and
/// exclude each other without a word.
void require_key(const Options& options) {
  const bool has_default = options.verb == Verb::kStatus || options.verb == Verb::kDoctor;
  if (!options.keys.empty() || has_default) return;
  refuse("--key is required: name what the replicas compete for, as in --key job-a");
}

/// Of a URL that is quoted, all from "://" to the last "@" may be a password, wherever somebody has
/// put it by mistake.
std::string without_password(std::string text) {
  const std::size_t scheme = text.find("://");
  const std::size_t at = text.rfind('@');
  if (scheme != text.npos && at != text.npos && at > scheme) {
    text.replace(scheme + 3, at - scheme - 3, "***");
  }
  return text;
}

/// Reads everything into `options`, unless it returns a text to show instead. Throws
/// CLI::ParseError about what is wrong.
std::optional<std::string> read(const Words& line, Options& options) {
  const auto split = std::find(line.begin(), line.end(), "--");
  Words words(line.begin(), split);
  std::optional<Words> command;
  if (split != line.end()) command.emplace(split + 1, line.end());
  // `help run` is `run --help`.
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.insert(words.empty() ? words.end() : words.begin() + 1, "--help");
  }

  const std::optional<std::string> fault = read_log_variable(options);
  const auto parser = make_parser(options, &words);
  if (auto shown = parse_words(*parser, words)) return shown;
  if (fault) throw CLI::ValidationError(*fault);
  const CLI::App& verb = *parser->get_subcommands().front();
  if (command && !verb.get_prefix_command()) {
    throw CLI::ValidationError(verb.get_name() +
                               " runs no command: remove '--' and what follows it");
  }
  const IsGiven is_given = [&](const char* name) {
    const CLI::Option* const option = verb.get_option_no_throw(name);
    return option != nullptr && option->count() > 0;
  };
  read_environment(options);
  apply_timeline(is_given, options);
  apply_patience(is_given, options);
  check_slots(options);
  if (const auto wrong = fault_of_quorum(options)) refuse(*wrong);
  check_tls(options);
  check_replicas(options);
  check_sentinels(is_given, options);
  check_files(options);
  apply_names(options);
  check_cluster(options);
  apply_command(is_given, command, options);
  require_key(options);
  return {};
}

}  // namespace

std::variant<Options, NothingToRun> parse_options(const std::vector<std::string>& words) {
  Options options;
  try {
    if (auto shown = read(words, options)) {
      return NothingToRun{kExitOk, *std::move(shown)};
    }
  } catch (const CLI::ParseError& error) {
    return NothingToRun{kExitUsage, one_line(without_password(error.what())), options.log_format};
  }
  return options;
}

void hide_passwords(int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    const std::size_t scheme = word.find("://");
    const std::size_t end = word.rfind('@');
    if (scheme == word.npos || end == word.npos || end < scheme) continue;
    // Without a colon, what should be the user may be the password.
    const std::size_t colon = word.find(':', scheme + 3);
    const std::size_t begin = colon < end ? colon + 1 : scheme + 3;
    std::fill(argv[i] + begin, argv[i] + end, '*');
  }
}

}  // namespace cluster_leader
