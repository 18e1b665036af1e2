#include "options/parser.h"

#include <climits>
#include <functional>
#include <utility>

#include "options/command_line.h"
#include "options/help_formatter.h"
#include "options/values.h"

namespace cluster_leader {

namespace {

using Verb = Options::Verb;
using Output = Options::Output;

/// Adds options to a verb, each of which is checked and stored as soon as it is read. A value is
/// decoded first; an empty one leaves its option as if it were not given.
class Definition {
 public:
  explicit Definition(CLI::App& verb) : verb_(verb) {}

  /// What is added from now on has this heading in the help.
  void heading(const char* text) { verb_.option_defaults()->group(text); }

  CLI::Option* flag(const char* names, bool& target, const char* help) {
    return without_value(verb_.add_flag(names, target, help));
  }
  template <typename T>
  CLI::Option* flag(const char* names, T& target, T meaning, const char* help) {
    return without_value(verb_.add_flag_callback(
        names, [&target, meaning] { target = meaning; }, help));
  }
  /// A flag that only has to be given.
  CLI::Option* flag(const char* names, const std::string& help) {
    return without_value(verb_.add_flag(names, help));
  }
  void version_flag(const std::string& version) {
    without_value(verb_.set_version_flag("-V,--version", version, "show the version and exit"));
  }
  void help_flag() { without_value(verb_.set_help_flag("-h,--help", "show this and exit")); }

  template <typename Target, typename T>
  CLI::Option* value(const char* names, Target& target, const Kind<T>& kind, const char* help) {
    const auto option = std::make_shared<CLI::Option*>();
    *option = verb_.add_option(
        names,
        [option, &target, kind, is_given = false](const CLI::results_t& results) mutable {
          const bool is_list =
              (*option)->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
          if (std::exchange(is_given, true) && !is_list) {
            throw CLI::ValidationError((*option)->get_name() + " is given twice");
          }
          const std::string text = results.front();
          if (text.empty()) {
            (*option)->clear();
          } else {
            store(kind.value((*option)->get_name(), text), target);
          }
          return true;
        },
        help);
    return (*option)->type_name(kind.type)->transform(decoded)->trigger_on_parse();
  }

 private:
  template <typename T, typename Target>
  static void store(const T& value, Target& target) {
    if constexpr (requires { target.push_back(value); }) {
      target.push_back(value);
    } else {
      target = static_cast<Target>(value);
    }
  }

  static CLI::Option* without_value(CLI::Option* flag) {
    return flag->trigger_on_parse()->check(
        [](const std::string& text) { return text == "true" ? "" : "this option takes no value"; });
  }

  CLI::App& verb_;
};

CLI::Option* define_key(Definition& verb, Options& options, const char* help) {
  // Unlike other options, this one must not be empty: replicas whose key was left blank by mistake
  // must not meet at a default.
  return verb.value("--key", options.keys, any_text("KEY"), help)
      ->check(
          [](const std::string& text) { return text.empty() ? "the key must not be empty" : ""; });
}

void define_keys(Definition& verb, Options& options, const char* help) {
  define_key(verb, options, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

/// How long a lease lasts.
void define_lease(Definition& verb, Options& options) {
  verb.value("--ttl", options.timeline.ttl, any_duration(),
             "how long the server keeps a lease that is not renewed; default 10 s");
  verb.value("--heartbeat", options.timeline.heartbeat, any_duration(),
             "interval between renewals; default a fifth of the ttl");
}

/// How a job ends before its time.
void define_job(Definition& verb, Options& options) {
  verb.value("-k,--kill-after", options.timeline.kill_after, any_duration(),
             "time from the stop signal to SIGKILL; default a fifth of the ttl");
  verb.value("-s,--signal", options.stop_signal, any_signal(), "the stop signal; default TERM");
  verb.flag("--die-with-parent", options.die_with_parent,
            "stop when the process that started this one is gone or, in elect, stdin is closed "
            "(CLUSTER_LEADER_DIE_WITH_PARENT=1)");
}

void define_follower_status(Definition& verb, Options& options) {
  verb.value("-E,--conflict-exit-code,--follower-code", options.follower_status,
             number("N", 0, 255), "exit status if another node holds the key; default 75");
}

void define_output(Definition& verb, Options& options, const char* help) {
  using enum Output;
  verb.value("--output", options.output,
             word<Output>({{"json", kJson}, {"text", kText}, {"none", kNothing}}), help);
}

void define_json(Definition& verb, Options& options) {
  verb.flag("--json", options.output, Output::kJson, "JSON instead of text");
}

void define_run(Definition& verb, Options& options) {
  define_key(verb, options, "the name that replicas compete for; default nodered:leader");
  define_lease(verb, options);
  define_job(verb, options);
  verb.flag("-n,--nonblock", "try once, which is the default");
  Kind<Duration> wait = any_duration();
  wait.what = "a valid duration (10s, 1500ms, 2m, 1h30m, up to 1000d, or inf)";
  wait.read = [](const std::string& text) {
    return text == "inf" ? kForever : parse_duration(text);
  };
  verb.value("-w,--wait,--timeout", options.policy.busy_patience, wait,
             "wait up to D to become leader; inf: for ever");
  define_follower_status(verb, options);
  verb.value("--min-hold", options.aftermath.hold, any_duration(),
             "keep the key for at least D from acquisition, whatever the job's result")
      ->check([](const std::string& text) {
        const bool fits = parse_duration(text).value_or(Duration()) <= std::chrono::days(30);
        return fits ? "" : "at most 30d are allowed; use --once for a job that must not run again";
      });
  CLI::Option* const sticky =
      verb.flag("--sticky", options.aftermath.park,
                "after the job, only this node may take the key again for one ttl");
  verb.value("--once", options.aftermath.once, any_duration(),
             "after a successful run, nobody runs the key again for D");
  verb.flag("--join", options.policy.join,
            "wait for the run that holds the key and exit with its status")
      ->excludes(sticky);
  using enum Options::IfUnavailable;
  verb.value("--if-unavailable", options.if_unavailable,
             word<Options::IfUnavailable>({{"fail", kFail}, {"skip", kSkip}, {"run", kRun}}),
             "without a server: exit 69, exit as a follower, or run without a lease; default fail");
  verb.value("--result-file", options.result_file, any_text("PATH"),
             "write the outcome to PATH as one JSON object");
  verb.value("--metrics-file", options.metrics_file, any_text("PATH"),
             "the same for Prometheus' textfile collector");
}

void define_elect(Definition& verb, Options& options) {
  define_keys(verb, options,
              "the name that replicas compete for; repeat it for more; default nodered:leader");
  define_lease(verb, options);
  define_job(verb, options);
  using enum Options::OnExit;
  verb.value("--on-exit", options.on_exit,
             word<Options::OnExit>({{"restart", kRestart}, {"resign", kResign}, {"exit", kExit}}),
             "when the job ends on its own: start it again, give the others a turn, or exit; "
             "default resign");
  define_output(verb, options, "what to print at each change; default json");
  verb.value("--keepalive-timeout", options.keepalive_timeout, any_duration(),
             "resign when no SIGUSR1 has arrived for D; default: never");
  verb.value("--on-leader", options.on_leader, program(),
             "start CMD on becoming leader; it is split at blanks, without a shell");
  verb.value("--on-follower", options.on_follower, program(),
             "the same at the start as, or on becoming, a follower");
}

void define_check(Definition& verb, Options& options) {
  define_key(verb, options, "the key to check; default nodered:leader");
  define_follower_status(verb, options);
  define_output(verb, options, "how to print who holds the key; default none");
}

void define_status(Definition& verb, Options& options) {
  define_keys(verb, options, "a key to show; repeat it for more; default: every key in use");
  define_json(verb, options);
  // Only "--watch=D" has a value, so that the next word is not taken for one.
  verb.value("--watch", options.watch, any_duration(), "redraw every D; default 2 s")
      ->check([](const std::string& text) {
        const auto pause = parse_duration(text);
        return !pause || *pause >= std::chrono::milliseconds(100)
                   ? ""
                   : "the pause must be at least 100ms";
      })
      ->type_name("[=D]")
      ->default_str("2s")
      ->expected(0, 0);
}

void define_release(Definition& verb, Options& options) {
  define_key(verb, options, "the key to release; default nodered:leader");
  verb.flag("--force", options.force,
            "release it whoever holds it; the job that loses it is killed");
}

void define_doctor(Definition& verb, Options& options) {
  define_lease(verb, options);
  define_json(verb, options);
}

/// What every verb has.
void define_common(Definition& verb, Options& options) {
  verb.help_flag();
  verb.heading("Where the lease lives");
  CLI::Option* const server = verb.value(
      "--server", options.server, any_text("URL"),
      "redis://[user[:password]@]host[:port][/db], rediss:// (TLS), unix:///path[?db=N] or "
      "file:///directory (CLUSTER_LEADER_SERVER, REDIS_URL)");
  verb.value("--host", options.host, any_text("HOST"),
             "plain form of --server; default redis (REDIS_HOST)")
      ->excludes(server);
  verb.value("--port", options.port, number("PORT", 1, 65535), "default 6379 (REDIS_PORT)")
      ->excludes(server);
  verb.value("--db", options.db, number("N", 0, INT_MAX), "default 0 (REDIS_DB)")->excludes(server);
  verb.value("--user", options.user, any_text("NAME"),
             "ACL user (REDIS_USERNAME; the password: REDIS_PASSWORD, REDISCLI_AUTH)");
  verb.value("--password-file", options.password_file, any_text("PATH"),
             "file that holds the password");
  verb.value("--tls-ca", options.tls_ca, any_text("PATH"),
             "CAs to trust, a file or a directory; default: the system's (CLUSTER_LEADER_TLS_CA)");
  verb.value("--tls-cert", options.tls_certificate, any_text("PATH"),
             "our own certificate, if the server requires one (CLUSTER_LEADER_TLS_CERT)");
  verb.value("--tls-key", options.tls_key, any_text("PATH"),
             "its key; default: in the same file (CLUSTER_LEADER_TLS_KEY)");
  verb.value(
      "--tls-server-name", options.tls_server_name, any_text("NAME"),
      "name in the server's certificate; default: the host (CLUSTER_LEADER_TLS_SERVER_NAME)");
  verb.flag("--tls-insecure", options.tls_insecure,
            "accept any certificate (CLUSTER_LEADER_TLS_INSECURE=1)");
  verb.value("--connect-timeout", options.timeline.connect, any_duration(),
             "resolving, connecting, TLS and AUTH together; default 2 s; at most a third of a ttl")
      ->check([](const std::string& text) {
        return parse_duration(text) == Duration() ? "must be more than 0" : "";
      });
  verb.value("--prefix", options.prefix, any_text("P"),
             "prepended to every key (CLUSTER_LEADER_PREFIX)");
  verb.value("--node", options.node, any_text("NAME"),
             "label of this node; default: the host name (CLUSTER_LEADER_NODE, HOSTNAME)");

  verb.heading("Messages on stderr (CLUSTER_LEADER_LOG)");
  using enum Options::LogLevel;
  using enum Options::LogFormat;
  CLI::Option* const quiet = verb.flag("-q,--quiet", options.log_level, kQuiet, "errors only");
  verb.flag("-v,--verbose", options.log_level, kVerbose, "also what goes well")->excludes(quiet);
  verb.value("--log-format", options.log_format,
             word<Options::LogFormat>({{"text", kText}, {"json", kJson}}), "default text");
}

struct VerbRow {
  Verb verb;
  const char* name;
  const char* arguments;    ///< what follows the name in its usage line
  const char* summary;      ///< what it does, in a sentence
  const char* exit_status;  ///< how it ends when nothing failed
  Options::Output output;   ///< what goes to stdout unless told otherwise
  void (*define)(Definition&, Options&);
};

constexpr VerbRow kVerbs[] = {
    {Verb::kRun, "run", "[OPTION]... --key KEY -- COMMAND [ARG]...",
     "Takes the lease, runs COMMAND while holding it, and releases it.", "the job's own, or",
     Output::kNothing, define_run},
    {Verb::kElect, "elect", "[OPTION]... --key KEY [--key KEY]... [-- COMMAND [ARG]...]",
     "Campaigns continuously and reports who leads; runs COMMAND while leading.",
     "0 when it was told to stop, the job's own with --on-exit exit, or", Output::kJson,
     define_elect},
    {Verb::kCheck, "check", "[OPTION]... --key KEY", "Checks whether this node holds the key.",
     "0 if this node holds the key, 75 if not, or", Output::kNothing, define_check},
    {Verb::kStatus, "status", "[OPTION]... [--key KEY]...", "Shows who holds which key.",
     "0 if all keys were read, or", Output::kText, define_status},
    {Verb::kRelease, "release", "[OPTION]... --key KEY",
     "Releases a key that this node holds or has parked.",
     "0 if it was released or is nobody's, 75 if it is another node's, or", Output::kNothing,
     define_release},
    {Verb::kDoctor, "doctor", "[OPTION]...",
     "Checks whether a server suits leases, and what to change.", "0 if nothing failed, or",
     Output::kText, define_doctor},
};

void add_verb(CLI::App& app, const VerbRow& row, Options& options, bool is_defined) {
  CLI::App& verb = *app.add_subcommand(row.name, row.summary);
  const bool runs_command = row.verb == Verb::kRun || row.verb == Verb::kElect;
  // Behind the first word that is no option, none is ours: a status of 0 for the help of a command
  // that lacks its "--" would be taken for that command's success.
  verb.prefix_command(runs_command)->positionals_at_end(!runs_command);
  verb.formatter(std::make_shared<HelpFormatter>(row.arguments));
  verb.footer([&row] { return exit_statuses(row.verb, row.exit_status); });
  verb.preparse_callback([&](std::size_t) {
    options.verb = row.verb;
    options.output = row.output;
  });
  if (!is_defined) return;
  Definition definition(verb);
  row.define(definition, options);
  define_common(definition, options);
}

}  // namespace

std::unique_ptr<CLI::App> make_parser(Options& options, const std::string& verb) {
  auto app = std::make_unique<CLI::App>(
      "Runs a job only while it is certain to hold a lease: flock for clusters.", "cluster-leader");
  app->formatter(std::make_shared<HelpFormatter>("VERB [OPTION]... [-- COMMAND [ARG]...]"));
  // No subcommand falls through to the options of another, and there is one at most. What is not
  // expected is collected, for parse_words to say which word came first.
  app->fallthrough(false)->require_subcommand(0, 1)->allow_extras()->prefix_command();
  Definition definition(*app);
  definition.help_flag();
  definition.version_flag("cluster-leader " CLUSTER_LEADER_VERSION "\n");
  for (const VerbRow& row : kVerbs) {
    add_verb(*app, row, options, verb == "*" || verb == row.name);
  }
  return app;
}

}  // namespace cluster_leader
