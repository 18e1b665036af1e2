#include "commands/setup.h"

#include <unistd.h>

#include <climits>

#include "base/exit_code.h"
#include "base/machine.h"
#include "base/random.h"

namespace cluster_leader {

namespace {

/// gethostname(2)
std::string host_name() {
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, sizeof host - 1);
  return host;
}

}  // namespace

LogStyle log_style(const Options& options) {
  return {.quiet = options.log_level == Options::LogLevel::kQuiet,
          .verbose = options.log_level == Options::LogLevel::kVerbose,
          .json = options.log_format == Options::LogFormat::kJson};
}

std::optional<Location> make_location(const Options& options, std::string& fault) {
  const Credentials given{options.user, options.password, options.password_file};
  if (options.server.empty()) {
    if (!is_host(options.host)) {
      // The host is not shown: it may be a URL with a password.
      fault =
          "the host (--host, REDIS_HOST) is neither a name of letters, digits and . - _ nor an "
          "IPv6 address; for a URL, use --server";
      return std::nullopt;
    }
    return RedisLocation{options.host, options.port, "", options.db, given};
  }
  std::optional<Location> location = parse_location(options.server, fault);
  if (!location) return std::nullopt;
  if (auto* redis = std::get_if<RedisLocation>(&*location)) {
    // The parts that the URL leaves open come from the options and the environment.
    Credentials& credentials = redis->credentials;
    if (credentials.user.empty()) credentials.user = given.user;
    if (credentials.password.empty()) {
      credentials.password = given.password;
      credentials.password_file = given.password_file;
    }
    if (redis->tls) {
      *redis->tls = {options.tls_ca, options.tls_certificate, options.tls_key,
                     options.tls_server_name, options.tls_insecure};
    }
  }
  return location;
}

Key full_key(const Options& options, const std::string& name) { return {options.prefix + name}; }

Candidate make_candidate(const Options& options) {
  Candidate candidate;
  candidate.ttl = options.timeline.ttl;
  candidate.node = options.node;
  candidate.host = host_name();
  candidate.pid = ::getpid();
  candidate.label = options.label.substr(0, kMaxLabelLength);
  if (candidate.label.empty() && !options.command.empty()) {
    candidate.label = program_name(options.command.front());
  }
  if (options.aftermath.park || options.verb == Options::Verb::kElect) {
    candidate.identity = machine_identity(options.node);
  }
  candidate.aftermath = options.aftermath;
  candidate.joins = options.policy.join;
  candidate.listens = options.policy.waits_while_busy();
  return candidate;
}

HolderId new_holder(const std::string& node) { return {node + '/' + random_hex_128()}; }

Eviction this_node(const Options& options) {
  return {options.node, host_name(), machine_identity(options.node), options.force};
}

void report_ttl_hint(const Timeline& timeline, Reporter& reporter) {
  if (timeline.ttl < std::chrono::seconds(5)) {
    reporter.info("a ttl below 5 s loses leases on short network hiccups");
  } else if (timeline.ttl > std::chrono::minutes(1)) {
    reporter.info("a ttl above 60 s makes failover slow when a machine dies");
  }
}

int exit_status_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::kUnreachable:
    case Trouble::kNotServing:
      return kExitUnavailable;
    case Trouble::kExhausted:
      return kExitOs;
    case Trouble::kDenied:
      return kExitDenied;
    case Trouble::kMisconfigured:
      break;
  }
  return kExitConfig;
}

}  // namespace cluster_leader
