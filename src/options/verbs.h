#pragma once

#include "options/options.h"

namespace cluster_leader {

/// What a verb is called, and what its help says besides its options.
struct VerbRow {
  Options::Verb verb;
  const char* name;
  const char* arguments;    ///< what follows the name in its usage line
  const char* summary;      ///< what it does, in a sentence
  const char* exit_status;  ///< how it ends when nothing failed
  Options::Output output;   ///< what goes to stdout unless told otherwise
  const char* everyday;     ///< long names of the options that its help shows first, with commas
  const char* examples;     ///< three, each a line of text and a command line
};

inline constexpr VerbRow kVerbs[] = {
    {Options::Verb::kRun, "run", "[OPTION]... --key KEY -- COMMAND [ARG]...",
     "Takes the lease, runs COMMAND while holding it, and releases it.", "the job's own, or",
     Options::Output::kNothing,
     "--key,--server,--nonblock,--wait,--min-hold,--once,--ttl,--conflict-exit-code,--verbose",
     "From cron, on every machine: once per tick, whatever the clocks say\n"
     "cluster-leader run --key backup --min-hold 1m -- /usr/local/bin/backup\n"
     "One deployment after the other\n"
     "cluster-leader run --key deploy --wait 10m -- ./deploy.sh\n"
     "A line of shell, at most once a day\n"
     "cluster-leader run --key report --once 20h -- sh -c 'make-report | lpr'\n"},
    {Options::Verb::kElect, "elect", "[OPTION]... --key KEY [--key KEY]... [-- COMMAND [ARG]...]",
     "Campaigns continuously and reports who leads; runs COMMAND while leading.",
     "0 when it was told to stop, the job's own with --on-exit exit, or", Options::Output::kJson,
     "--key,--server,--ttl,--on-exit,--on-leader,--on-follower,--output,--verbose",
     "A service that runs on one machine at a time\n"
     "cluster-leader elect --key scheduler -- ./scheduler\n"
     "One line for each change of two keys, for people\n"
     "cluster-leader elect --key mail --key index --output text\n"
     "A program for each change\n"
     "cluster-leader elect --key vip --on-leader ./take-ip --on-follower ./drop-ip\n"},
    {Options::Verb::kCheck, "check", "[OPTION]... --key KEY",
     "Checks whether this node holds the key.", "0 if this node holds the key, 75 if not, or",
     Options::Output::kTerminal, "--key,--server,--node,--json,--conflict-exit-code",
     "Who holds it?\n"
     "cluster-leader check --key scheduler --output text\n"
     "Whether this node does, for a script\n"
     "cluster-leader check --key scheduler --output none\n"
     "The same for a program\n"
     "cluster-leader check --key scheduler --json\n"},
    {Options::Verb::kStatus, "status", "[OPTION]... [--key KEY]...", "Shows who holds which key.",
     "0 if all keys were read, or", Options::Output::kText, "--key,--server,--watch,--json",
     "Every key in use\n"
     "cluster-leader status\n"
     "Two keys, again and again\n"
     "cluster-leader status --key backup --key report --watch\n"
     "For a program\n"
     "cluster-leader status --json\n"},
    {Options::Verb::kRelease, "release", "[OPTION]... --key KEY",
     "Releases a key that this node holds or has parked.",
     "0 if it was released or is nobody's, 75 if it is another node's, or", Options::Output::kText,
     "--key,--server,--ask,--force,--result,--json",
     "Have whoever holds it stop its job cleanly\n"
     "cluster-leader release --key backup --ask\n"
     "Take it away, whoever holds it; that job is killed\n"
     "cluster-leader release --key backup --force\n"
     "Let a job with --once run again\n"
     "cluster-leader release --key report --result\n"},
    {Options::Verb::kDoctor, "doctor", "[OPTION]...",
     "Checks whether a server suits leases, and what to change.", "0 if nothing failed, or",
     Options::Output::kText, "--server,--ttl,--json",
     "The server in REDIS_URL\n"
     "cluster-leader doctor\n"
     "Another one, and whether a ttl of 5 s suits it\n"
     "cluster-leader doctor --server rediss://redis.example:6380 --ttl 5s\n"
     "For a program\n"
     "cluster-leader doctor --json\n"},
};

/// The examples of the program's own help.
inline constexpr const char* kExamples =
    "A job on one machine at a time; the others exit with 75\n"
    "cluster-leader run --key backup -- /usr/local/bin/backup\n"
    "A service that moves to another machine when this one fails\n"
    "cluster-leader elect --key scheduler -- ./scheduler\n"
    "Who holds which key\n"
    "cluster-leader status\n";

}  // namespace cluster_leader
