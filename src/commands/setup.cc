#include "commands/setup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/exit_code.h"
#include "base/list.h"
#include "base/machine.h"
#include "base/random.h"
#include "commands/password_file.h"
#include "supervise/lease_environment.h"

namespace cluster_leader {

namespace {

/// gethostname(2)
std::string host_name() {
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, sizeof host - 1);
  return host;
}

/// The parts of the address that are given besides the URL, or without one.
bool replace_parts(const Options& options, Location& location, std::string& fault) {
  auto* redis = server_of(location);
  const bool has_host =
      std::holds_alternative<RedisLocation>(location) && redis->socket_path.empty();
  const auto refused = [&](const char* option, const char* part) {
    fault = std::string(option) + " cannot be combined with the URL in " + options.server_source +
            ", which has no " + part;
    return false;
  };
  if (options.host && !has_host) return refused("--host", "host");
  if (options.port && !has_host) return refused("--port", "port");
  if (options.db && redis == nullptr) return refused("--db", "database");
  if (options.host) {
    if (!is_host(*options.host)) {
      // The host is not shown: it may be a URL with a password.
      fault = options.host_source +
              " is neither a name of letters, digits and . - _ nor an IPv6 address; for a URL, use "
              "--server or REDIS_URL";
      return false;
    }
    redis->host = *options.host;
  }
  if (options.port) redis->port = *options.port;
  if (options.db) redis->db = *options.db;
  return true;
}

std::optional<Location> read_url(const Options& options, const std::string& url, Reporter& reporter,
                                 std::string& fault) {
  const std::string& source = options.server_source;
  // An application may have options of its own there.
  const bool is_shared = source == "REDIS_URL";
  std::vector<std::string> unknown;
  std::optional<Location> location = parse_location(url, fault, is_shared ? &unknown : nullptr);
  if (!location) {
    fault = source + ": " + fault;
    return std::nullopt;
  }
  if (!unknown.empty()) {
    constexpr std::size_t kMost = 10;
    reporter.warning(source + ": ignoring " + list_of(unknown, kMost) +
                     ": db is the only parameter that is used");
  }
  const auto* redis = server_of(*location);
  if (source == "--server" && redis != nullptr && !redis->credentials.password.empty()) {
    reporter.warning(
        "the password in --server is hidden from ps(1) now, but was shown for a moment: use "
        "REDIS_PASSWORD or --password-file");
  }
  return location;
}

std::optional<Location> read_quorum(const Options& options, Reporter& reporter,
                                    std::string& fault) {
  QuorumLocation quorum;
  for (const std::string& url : options.servers) {
    std::optional<Location> location = read_url(options, url, reporter, fault);
    if (!location) return std::nullopt;
    quorum.servers.push_back(std::get<RedisLocation>(*std::move(location)));
  }
  return quorum;
}

/// Where the lease lives, with the logins of the URLs alone.
std::optional<Location> read_location(const Options& options, Reporter& reporter,
                                      std::string& fault) {
  if (!options.servers.empty()) return read_quorum(options, reporter, fault);
  std::optional<Location> location = RedisLocation{};
  if (!options.server.empty()) {
    location = read_url(options, options.server, reporter, fault);
    if (!location) return std::nullopt;
  }
  if (!replace_parts(options, *location, fault)) return std::nullopt;
  return location;
}

/// Adds what the URL leaves open to its login. An option also replaces that of a URL that the
/// environment gives.
void complete(const Options& options, Credentials& credentials) {
  const bool yields = options.server_source != "--server";
  if (credentials.user.empty() || (yields && options.user_is_option)) {
    credentials.user = options.user;
  }
  if (credentials.password.empty() || (yields && options.password_file_is_option)) {
    credentials.password = options.password;
    credentials.password_file = options.password_file;
  }
}

}  // namespace

LogStyle log_style(const Options& options) {
  return {.quiet = options.log_level == Options::LogLevel::kQuiet,
          .verbose = options.log_level == Options::LogLevel::kVerbose,
          .json = options.log_format == Options::LogFormat::kJson};
}

std::optional<Location> make_location(const Options& options, Reporter& reporter) {
  std::string fault;
  std::optional<Location> location = read_location(options, reporter, fault);
  if (!location) {
    reporter.error(fault);
    return std::nullopt;
  }
  std::unordered_set<std::string> password_files;
  const auto warn_of_exposure = [&](const Credentials& credentials) {
    const std::string& file = credentials.password_file;
    if (file.empty() || !password_files.insert(file).second) return;
    if (const auto exposure = exposure_of(file)) reporter.warning(*exposure);
  };
  const auto complete_server = [&](RedisLocation& server) {
    complete(options, server.credentials);
    server.min_replicas = options.min_replicas;
    if (server.tls) {
      *server.tls = {options.tls_ca, options.tls_certificate, options.tls_key,
                     options.tls_server_name, options.tls_insecure};
    }
    warn_of_exposure(server.credentials);
  };
  if (auto* server = server_of(*location)) complete_server(*server);
  if (auto* sentinels = std::get_if<SentinelLocation>(&*location)) {
    sentinels->credentials = {options.sentinel_user, options.sentinel_password,
                              options.sentinel_password_file};
    warn_of_exposure(sentinels->credentials);
  }
  if (auto* quorum = std::get_if<QuorumLocation>(&*location)) {
    for (RedisLocation& server : quorum->servers) complete_server(server);
  }
  return location;
}

void create_directory(const Location& location, Reporter& reporter) {
  const auto* file = std::get_if<FileLocation>(&location);
  if (file == nullptr || ::mkdir(file->directory.c_str(), 0777) != 0) return;
  reporter.warning("created the directory " + file->directory + " for leases");
}

ServerName server_name(const Options& options, const Location& location) {
  const std::string& source = options.host ? options.host_source : options.server_source;
  return {describe(location), source.empty() ? "the default host" : "from " + source};
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
  candidate.slots = options.policy.slots;
  candidate.joins = options.policy.join;
  candidate.yields = options.verb == Options::Verb::kRun && options.servers.empty();
  candidate.supersedes = options.policy.supersedes;
  if (candidate.supersedes) candidate.outer = leases_around_us();
  candidate.listens = options.policy.waits_while_busy();
  return candidate;
}

HolderId new_holder(const std::string& node) { return {node + '/' + random_hex_128()}; }

Eviction this_node(const Options& options) {
  Eviction us{options.node, host_name(), machine_identity(options.node), options.force};
  us.slot = options.slot;
  if (options.forgets_result) us.what = Eviction::What::kResult;
  if (options.asks) us.what = Eviction::What::kAsk;
  return us;
}

void report_ttl_hint(const Timeline& timeline, Reporter& reporter) {
  if (timeline.ttl < std::chrono::seconds(5)) {
    reporter.info("a ttl below 5 s loses leases on short network hiccups");
  } else if (timeline.ttl > std::chrono::minutes(2)) {
    reporter.info("a ttl above 2 min makes failover slow when a machine dies");
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
