#include "options/parser.h"

#include <algorithm>
#include <climits>
#include <string_view>
#include <utility>

#include "options/command_line.h"
#include "options/definition.h"
#include "options/help_formatter.h"
#include "options/values.h"
#include "options/verbs.h"

namespace cluster_leader {

namespace {

using Verb = Options::Verb;

using Words = std::vector<std::string>;

void define_key(Definition& verb, Options& options, const char* help, bool is_list = false) {
  CLI::Option* const key = verb.value("--key", options.keys, any_text("KEY"), help);
  if (key == nullptr) return;
  if (is_list) key->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  // Unlike other options, this one must not be empty: replicas whose key was left blank by mistake
  // must not meet at a default.
  key->check(
      [](const std::string& text) { return text.empty() ? "the key must not be empty" : ""; });
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
  verb.value("--label", options.label, any_text("TEXT"),
             "what others see of the job; default: the command's name");
  verb.flag("--die-with-parent", options.die_with_parent,
            "stop when the process that started this one is gone or, in elect, stdin is closed "
            "(CLUSTER_LEADER_DIE_WITH_PARENT=1)");
}

void define_slots(Definition& verb, Options& options) {
  verb.value("--slots", options.policy.slots, number("N", 1, kMaxSlots),
             "up to N jobs of the key at once, 1 to 64; default 1");
}

void define_follower_status(Definition& verb, Options& options, const char* help) {
  verb.value("-E,--conflict-exit-code,--follower-code", options.follower_status,
             number("N", 0, 255), help);
}

void define_metrics_file(Definition& verb, Options& options, const char* help) {
  verb.value("--metrics-file", options.metrics_file, any_text("PATH"), help);
}

void define_output(Definition& verb, Options& options, const char* help) {
  using enum Options::Output;
  verb.value("--output", options.output,
             word<Options::Output>({{"json", kJson}, {"text", kText}, {"none", kNothing}}), help);
}

void define_json(Definition& verb, Options& options, const char* help = "JSON instead of text") {
  verb.flag("--json", options.output, Options::Output::kJson, help);
}

void define_run(Definition& verb, Options& options) {
  define_key(verb, options, "the name that replicas compete for");
  define_lease(verb, options);
  define_job(verb, options);
  verb.flag("-n,--nonblock", "try once, and do not wait for a server that has just started");
  Kind<Duration> wait = any_duration();
  wait.what = "a valid duration (10s, 1500ms, 2m, 1h30m, up to 1000d, or inf)";
  wait.read = [](const std::string& text) {
    return text == "inf" ? kForever : parse_duration(text);
  };
  verb.value("-w,--wait,--timeout", options.policy.busy_patience, wait,
             "wait up to D to become leader, first come, first served; inf: forever");
  define_follower_status(verb, options, "exit status if another node holds the key; default 75");
  verb.value("--min-hold", options.aftermath.hold, any_duration(),
             "keep the key for at least D from acquisition, whatever the job's result",
             [](Duration hold) {
               return hold <= std::chrono::days(30)
                          ? ""
                          : "at most 30d are allowed; use --once for a job that must not run again";
             });
  verb.flag("--sticky", options.aftermath.park,
            "after the job, only this node may take the key again for one ttl");
  verb.value("--once", options.aftermath.once, any_duration(),
             "after a successful run, nobody runs the key again for D");
  verb.flag("--join", options.policy.join,
            "wait for the run that holds the key and exit with its status");
  verb.exclude("--join", "--sticky");
  verb.flag("--supersede", options.policy.supersedes,
            "the newest wins: ask the holder to stop its job, send away whoever waits, and wait");
  verb.exclude("--supersede", "--join");
  define_slots(verb, options);
  using enum Options::IfUnavailable;
  verb.value("--if-unavailable", options.if_unavailable,
             word<Options::IfUnavailable>({{"fail", kFail}, {"skip", kSkip}, {"run", kRun}}),
             "without a server: exit 69, exit as a follower, or run without a lease; default fail");
  verb.value("--result-file", options.result_file, any_text("PATH"),
             "write the outcome to PATH as one JSON object");
  define_metrics_file(verb, options, "the same for Prometheus' textfile collector");
}

void define_elect(Definition& verb, Options& options) {
  define_key(verb, options, "the name that replicas compete for; repeat it for more", true);
  define_lease(verb, options);
  define_job(verb, options);
  define_slots(verb, options);
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
  define_metrics_file(verb, options,
                      "keep state, terms and renewals in PATH for Prometheus' textfile collector");
}

void define_check(Definition& verb, Options& options) {
  define_key(verb, options, "the key to check");
  define_follower_status(verb, options,
                         "exit status if this node does not hold the key; default 75");
  define_output(verb, options,
                "how to print who holds the key; default text on a terminal, otherwise none");
  define_json(verb, options, "the same as --output json");
}

void define_status(Definition& verb, Options& options) {
  define_key(verb, options, "a key to show; repeat it for more; default: every key in use", true);
  define_json(verb, options);
  CLI::Option* const watch = verb.value(
      "--watch", options.watch, any_duration(), "redraw every D; default 2 s", [](Duration pause) {
        return pause < std::chrono::milliseconds(100) ? "the pause must be at least 100ms" : "";
      });
  // Only "--watch=D" has a value, so that the next word is not taken for one.
  if (watch != nullptr) watch->type_name("[=D]")->default_str("2s")->expected(0, 0);
}

void define_release(Definition& verb, Options& options) {
  define_key(verb, options, "the key to release");
  verb.flag("--force", options.force,
            "release it whoever holds it; the job that loses it is killed");
  verb.flag("--ask", options.asks,
            "have its holder stop the job with its stop signal first, and then release it");
  verb.flag("--result", options.forgets_result,
            "forget what --once has recorded, so that KEY may run again; a lease stays as it is");
  verb.value("--slot", options.slot, number("I", 0, kMaxSlots - 1),
             "that slot only (--slots); default: each slot that it may release");
  define_json(verb, options);
  verb.exclude("--ask", "--force");
  verb.exclude("--result", "--ask");
  verb.exclude("--result", "--force");
  verb.exclude("--result", "--slot");
}

void define_doctor(Definition& verb, Options& options) {
  define_lease(verb, options);
  define_json(verb, options);
}

/// What every verb has.
void define_common(Definition& verb, Options& options) {
  verb.help_flags();
  verb.heading("Where the lease lives");
  CLI::Option* const server =
      verb.value("--server", options.servers, any_text("URL"),
                 "redis://[user[:password]@]host[:port][/db], rediss:// (TLS), "
                 "redis+sentinel://host[:port][,...]/NAME[/db], unix:///path[?db=N] or "
                 "file:///directory (CLUSTER_LEADER_SERVER, REDIS_URL); 3 or 5 times for a quorum");
  if (server != nullptr) server->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb.value("--host", options.host, any_text("HOST"),
             "plain form of --server; default redis (REDIS_HOST)");
  verb.value("--port", options.port, number("PORT", 1, 65535), "default 6379 (REDIS_PORT)");
  verb.value("--db", options.db, number("N", 0, INT_MAX), "default 0 (REDIS_DB)");
  for (const char* plain : {"--host", "--port", "--db"}) verb.exclude(plain, "--server");
  verb.value("--user", options.user, any_text("NAME"),
             "ACL user (REDIS_USERNAME; the password: REDIS_PASSWORD, REDISCLI_AUTH)");
  verb.value("--password-file", options.password_file, any_text("PATH"),
             "file that holds the password (REDIS_PASSWORD_FILE)");
  verb.value("--sentinel-user", options.sentinel_user, any_text("NAME"),
             "ACL user of the Sentinels (CLUSTER_LEADER_SENTINEL_USER; the password: "
             "CLUSTER_LEADER_SENTINEL_PASSWORD)");
  verb.value("--sentinel-password-file", options.sentinel_password_file, any_text("PATH"),
             "file that holds their password (CLUSTER_LEADER_SENTINEL_PASSWORD_FILE)");
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
  verb.value("--min-replicas", options.min_replicas, number("K", 0, 100),
             "a lease counts only once K replicas of the server have it; default 0");
  verb.value("--connect-timeout", options.timeline.connect, any_duration(),
             "resolving, connecting, TLS and AUTH together; default 2 s; at most a third of a ttl",
             [](Duration timeout) { return timeout == Duration() ? "must be more than 0" : ""; });
  verb.value("--prefix", options.prefix, any_text("P"),
             "prepended to every key (CLUSTER_LEADER_PREFIX)");
  verb.value("--node", options.node, any_text("NAME"),
             "label of this node; default: the host name (CLUSTER_LEADER_NODE, HOSTNAME)");

  verb.heading("Messages on stderr (CLUSTER_LEADER_LOG)");
  using enum Options::LogLevel;
  using enum Options::LogFormat;
  verb.flag("-q,--quiet", options.log_level, kQuiet, "report errors only");
  verb.flag("-v,--verbose", options.log_level, kVerbose,
            "also report what goes well, such as who holds the key");
  verb.exclude("--quiet", "--verbose");
  verb.value("--log-format", options.log_format,
             word<Options::LogFormat>({{"text", kText}, {"json", kJson}}), "default text");
}

void define_own(Verb verb, Definition& definition, Options& options) {
  switch (verb) {
    case Verb::kRun:
      return define_run(definition, options);
    case Verb::kElect:
      return define_elect(definition, options);
    case Verb::kCheck:
      return define_check(definition, options);
    case Verb::kStatus:
      return define_status(definition, options);
    case Verb::kRelease:
      return define_release(definition, options);
    case Verb::kDoctor:
      return define_doctor(definition, options);
  }
}

CLI::App& add_verb(CLI::App& app, const VerbRow& row, Options& options) {
  CLI::App& verb = *app.add_subcommand(row.name, row.summary);
  const bool runs_command = row.verb == Verb::kRun || row.verb == Verb::kElect;
  // Options after the first argument are not ours. Otherwise `run echo --help`, without its "--",
  // would show our help and exit 0, which looks like the command's success.
  verb.prefix_command(runs_command)->positionals_at_end(!runs_command);
  verb.formatter(std::make_shared<HelpFormatter>(&row));
  verb.preparse_callback([&](std::size_t) {
    options.verb = row.verb;
    options.output = row.output;
  });
  return verb;
}

void define(CLI::App& verb, const VerbRow& row, Options& options, const Words* words) {
  Definition definition(verb, words);
  define_own(row.verb, definition, options);
  define_common(definition, options);
}

std::unique_ptr<CLI::App> empty_parser() {
  auto app = std::make_unique<CLI::App>(
      "Runs a job only while it is certain to hold a lease: flock for clusters.", "cluster-leader");
  app->set_help_flag();
  // No subcommand falls through to the options of another, and there is one at most. What is not
  // expected is collected, for parse_words to say which word came first.
  app->fallthrough(false)->require_subcommand(0, 1)->allow_extras();
  return app;
}

}  // namespace

std::unique_ptr<CLI::App> make_parser(Options& options, const Words* words) {
  auto app = empty_parser();
  for (const VerbRow& row : kVerbs) {
    if (words == nullptr || words->empty() || words->front() != row.name) continue;
    define(add_verb(*app, row, options), row, options, words);
    return app;
  }
  for (const VerbRow& row : kVerbs) {
    CLI::App& verb = add_verb(*app, row, options);
    if (words == nullptr) define(verb, row, options, nullptr);
  }
  app->formatter(std::make_shared<HelpFormatter>(nullptr));
  Definition definition(*app, nullptr);
  definition.help_flags();
  definition.version_flag("cluster-leader " CLUSTER_LEADER_BUILT_OF "\n");
  return app;
}

}  // namespace cluster_leader
