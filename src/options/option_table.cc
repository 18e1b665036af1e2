#include "options/option_table.h"

#include <algorithm>

namespace cluster_leader {

namespace {

using Verb = Options::Verb;
using Command = VerbRow::Command;
using Raw = RawOptions;

constexpr VerbRow kVerbs[] = {
    {Verb::kRun, "run", "[OPTION]... --key KEY -- COMMAND [ARG]...",
     "Takes the lease, runs COMMAND while it is held, and releases it.", "the job's own, or",
     Command::kMust},
    {Verb::kElect, "elect", "[OPTION]... --key KEY [--key KEY]... [-- COMMAND [ARG]...]",
     "Stands in the election for ever and tells who leads; runs COMMAND while it leads.",
     "0 when it was told to stop, the job's own with --on-exit exit, or", Command::kMay},
    {Verb::kCheck, "check", "[OPTION]... --key KEY", "Tells whether this node holds the key.",
     "0 if this node holds the key, 75 if not, or", Command::kNone},
    {Verb::kStatus, "status", "[OPTION]... [--key KEY]...", "Shows who holds which key.",
     "0 if all keys were read, or", Command::kNone},
    {Verb::kRelease, "release", "[OPTION]... --key KEY",
     "Releases a key that this node holds or has parked.",
     "0 if it was released or is nobody's, 75 if it is another node's, or", Command::kNone},
    {Verb::kDoctor, "doctor", "[OPTION]...",
     "Tells whether a server suits leases, and what to change.", "0 if nothing failed, or",
     Command::kNone},
};

constexpr Verbs kRun = bit_of(Verb::kRun);
constexpr Verbs kElect = bit_of(Verb::kElect);
constexpr Verbs kCheck = bit_of(Verb::kCheck);
constexpr Verbs kStatus = bit_of(Verb::kStatus);
constexpr Verbs kRelease = bit_of(Verb::kRelease);
constexpr Verbs kDoctor = bit_of(Verb::kDoctor);
constexpr Verbs kWithTtl = kRun | kElect | kDoctor;
constexpr Verbs kWithoutTtl = kCheck | kStatus | kRelease;
constexpr Verbs kAll = kWithTtl | kWithoutTtl;

constexpr const char* kOwn = "Options";
constexpr const char* kServer = "Where the lease lives";
constexpr const char* kLog = "What is said on stderr (CLUSTER_LEADER_LOG)";

template <typename... Names>
constexpr OptionRow::Spellings named(Names... names) {
  return {names...};
}

constexpr OptionRow kOptions[] = {
    {kRun | kCheck | kRelease, named("--key"), "KEY", &Raw::keys, kOwn,
     "the name that replicas compete for; default nodered:leader"},
    {kElect, named("--key"), "KEY", &Raw::keys, kOwn,
     "the name that replicas compete for, again for each further one; default nodered:leader"},
    {kStatus, named("--key"), "KEY", &Raw::keys, kOwn,
     "a key to show, again for each further one; default: all that are in use"},
    {kRun | kElect, named("--ttl"), "D", &Raw::ttl, kOwn,
     "how long the server keeps a lease that nobody renews; default 10 s"},
    {kDoctor, named("--ttl"), "D", &Raw::ttl, kOwn,
     "the ttl to judge, which is what run and elect are given; default 10 s"},
    {kRun | kElect, named("--heartbeat"), "D", &Raw::heartbeat, kOwn,
     "pause between renewals; default a fifth of the ttl"},
    {kDoctor, named("--heartbeat"), "D", &Raw::heartbeat, kOwn,
     "the heartbeat to judge; default a fifth of the ttl"},
    {kRun | kElect, named("-k", "--kill-after"), "D", &Raw::kill_after, kOwn,
     "from the stop signal to SIGKILL; default a fifth of the ttl"},
    {kRun | kElect, named("-s", "--signal"), "SIG", &Raw::signal, kOwn,
     "the stop signal; default TERM"},
    {kRun, named("-n", "--nonblock"), "", &Raw::nonblock, kOwn, "try once, which is the default"},
    {kRun, named("-w", "--wait", "--timeout"), "D", &Raw::wait, kOwn,
     "wait up to D to become leader; inf: for ever"},
    {kRun, named("-E", "--conflict-exit-code", "--follower-code"), "N", &Raw::follower_status, kOwn,
     "exit status of a follower; default 75"},
    {kCheck, named("-E", "--conflict-exit-code", "--follower-code"), "N", &Raw::follower_status,
     kOwn, "exit status if this node does not hold the key; default 75"},
    {kRun, named("--min-hold"), "D", &Raw::min_hold, kOwn,
     "keep the key at least so long from acquisition, whatever the job's result"},
    {kRun, named("--sticky"), "", &Raw::sticky, kOwn,
     "after the job only this node may take the key again, for a ttl"},
    {kRun, named("--once"), "D", &Raw::once, kOwn,
     "after a successful run nobody runs the key again for D"},
    {kRun, named("--join"), "", &Raw::join, kOwn,
     "wait for the run that holds the key and exit with its status"},
    {kRun, named("--if-unavailable"), "fail|skip|run", &Raw::if_unavailable, kOwn,
     "without a server: exit 69, exit as a follower, or run without any lease; default fail"},
    {kRun, named("--result-file"), "PATH", &Raw::result_file, kOwn,
     "write one JSON object about how it went"},
    {kRun, named("--metrics-file"), "PATH", &Raw::metrics_file, kOwn,
     "write the same for Prometheus' textfile collector"},
    {kElect, named("--on-exit"), "restart|resign|exit", &Raw::on_exit, kOwn,
     "when the job has ended by itself: start it again, let the others have a turn, or exit; "
     "default resign"},
    {kElect, named("--output"), "json|text|none", &Raw::output, kOwn,
     "what stdout gets at each change; default json"},
    {kElect, named("--keepalive-timeout"), "D", &Raw::keepalive_timeout, kOwn,
     "resign when no SIGUSR1 has come for D; default: never"},
    {kElect, named("--on-leader"), "CMD", &Raw::on_leader, kOwn,
     "start CMD on becoming leader; it is split at blanks, and no shell sees it"},
    {kElect, named("--on-follower"), "CMD", &Raw::on_follower, kOwn,
     "the same on not leading, at first or any more"},
    {kRun, named("--die-with-parent"), "", &Raw::die_with_parent, kOwn,
     "stop when the process that started this one is gone (CLUSTER_LEADER_DIE_WITH_PARENT=1)"},
    {kElect, named("--die-with-parent"), "", &Raw::die_with_parent, kOwn,
     "stop when the process that started this one is gone, or stdin is closed "
     "(CLUSTER_LEADER_DIE_WITH_PARENT=1)"},
    {kCheck, named("--output"), "json|text|none", &Raw::output, kOwn,
     "how to say on stdout who holds the key; default none"},
    {kStatus | kDoctor, named("--json"), "", &Raw::json, kOwn, "JSON instead of text"},
    {kStatus, named("--watch"), "[=D]", &Raw::watch, kOwn,
     "show it again and again, every D; 2 s without a D", "2s"},
    {kRelease, named("--force"), "", &Raw::force, kOwn,
     "whoever holds it; the job that loses it is killed"},
    {kAll, named("-h", "--help"), "", &Raw::help, kOwn, "show this and exit"},

    {kAll, named("--server"), "URL", &Raw::server, kServer,
     "redis://[user[:password]@]host[:port][/db], unix:///path[?db=N] or file:///directory "
     "(CLUSTER_LEADER_SERVER, REDIS_URL)"},
    {kAll, named("--host"), "HOST", &Raw::host, kServer,
     "plain form of --server; default redis (REDIS_HOST)"},
    {kAll, named("--port"), "PORT", &Raw::port, kServer, "default 6379 (REDIS_PORT)"},
    {kAll, named("--db"), "N", &Raw::db, kServer, "default 0 (REDIS_DB)"},
    {kAll, named("--user"), "NAME", &Raw::user, kServer,
     "ACL user (REDIS_USERNAME; the password: REDIS_PASSWORD, REDISCLI_AUTH)"},
    {kAll, named("--password-file"), "PATH", &Raw::password_file, kServer,
     "file that holds the password"},
    {kWithTtl, named("--connect-timeout"), "D", &Raw::connect_timeout, kServer,
     "resolving, connecting and AUTH together; default 2 s, at most a third of the ttl"},
    {kWithoutTtl, named("--connect-timeout"), "D", &Raw::connect_timeout, kServer,
     "resolving, connecting and AUTH together; default 2 s"},
    {kAll, named("--prefix"), "P", &Raw::prefix, kServer,
     "put before every key (CLUSTER_LEADER_PREFIX)"},
    {kAll, named("--node"), "NAME", &Raw::node, kServer,
     "label of this node; default: the host name (CLUSTER_LEADER_NODE, HOSTNAME)"},

    {kAll, named("-q", "--quiet"), "", &Raw::quiet, kLog, "errors only"},
    {kAll, named("-v", "--verbose"), "", &Raw::verbose, kLog, "also what goes well"},
    {kAll, named("--log-format"), "text|json", &Raw::log_format, kLog, "default text"},
};

}  // namespace

std::span<const char* const> OptionRow::names() const {
  return {spellings.begin(), std::find(spellings.begin(), spellings.end(), nullptr)};
}

std::string OptionRow::name() const {
  return *std::find_if(spellings.begin(), spellings.end(),
                       [](const char* name) { return name[1] == '-'; });
}

std::span<const VerbRow> verb_rows() { return kVerbs; }

std::span<const OptionRow> option_rows() { return kOptions; }

const VerbRow* find_verb(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                         [&](const VerbRow& row) { return row.name == name; });
  return found == std::end(kVerbs) ? nullptr : found;
}

const OptionRow* find_option(Verb verb, std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kOptions), std::end(kOptions), [&](const OptionRow& row) {
        const auto names = row.names();
        return row.is_of(verb) && std::find(names.begin(), names.end(), name) != names.end();
      });
  return found == std::end(kOptions) ? nullptr : found;
}

}  // namespace cluster_leader
