#include "store/location.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "store/percent.h"
#include "store/url.h"

namespace cluster_leader {

namespace {

/// Not encoded in a path that is shown, since they cannot be mistaken for another part of a URL.
constexpr std::string_view kPathBytes = "/-._~!$&'()*+,;=:";

/// A URL may have one parameter, the database; nothing else follows its `?`.
constexpr std::string_view kDb = "db";

constexpr std::uint16_t kSentinelPort = 26379;

/// What is done with parameters that are not ours: they are collected, or refused if there is no
/// list for them.
using Unknown = std::vector<std::string>*;

bool read_credentials(const Url& parts, Credentials& credentials, std::string& fault) {
  const std::size_t colon = parts.userinfo.find(':');
  if (!decode_url_part(parts.userinfo.substr(0, colon), credentials.user, fault)) return false;
  if (colon == std::string_view::npos) return true;
  return decode_url_part(parts.userinfo.substr(colon + 1), credentials.password, fault);
}

bool read_db(std::string_view text, int& db, std::string& fault) {
  const auto value = number_in_url(text, std::numeric_limits<int>::max());
  if (!value) return refuse_url(fault, "has a database that is not a number from 0");
  db = *value;
  return true;
}

/// Reads the parameters, of which one may be the database, unless the path has named that.
bool read_query(const Url& parts, bool has_db, int& db, Unknown unknown, std::string& fault) {
  if (!parts.has_query) return true;
  for (std::size_t at = 0; at <= parts.query.size();) {
    const std::size_t end = std::min(parts.query.find('&', at), parts.query.size());
    const std::string_view parameter = parts.query.substr(at, end - at);
    const std::string_view name = parameter.substr(0, parameter.find('='));
    at = end + 1;
    if (name == kDb) {
      if (has_db) return refuse_url(fault, "names the database twice");
      has_db = true;
      if (!read_db(parameter.substr(std::min(name.size() + 1, parameter.size())), db, fault)) {
        return false;
      }
    } else if (unknown == nullptr) {
      return refuse_url(fault, "has a parameter after the ?; only ?db=N is allowed");
    } else if (!parameter.empty()) {
      // Without a value it may be anything, a password too.
      const bool is_name = name.size() < parameter.size() && is_host_name(name);
      unknown->emplace_back(is_name ? name : "a parameter without a value");
    }
  }
  return true;
}

/// Whether another URL of a server follows the first, behind a comma or a blank.
bool names_several(std::string_view text) {
  for (std::size_t at = 0; (at = text.find_first_of(", ", at)) != text.npos;) {
    const std::string_view rest = text.substr(++at);
    const std::size_t end = rest.find("://");
    if (end == rest.npos) continue;
    const std::string_view scheme = rest.substr(0, end);
    if (scheme == "unix" || server_scheme(scheme)) return true;
  }
  return false;
}

bool read_host(std::string_view text, RedisLocation& to, std::string& fault) {
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    in6_addr address{};
    if (end != std::string_view::npos) to.host = text.substr(1, end - 1);
    if (end == std::string_view::npos || ::inet_pton(AF_INET6, to.host.c_str(), &address) != 1) {
      return refuse_url(fault, "has no IPv6 address in its brackets");
    }
    port = text.substr(end + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':')
      return refuse_url(fault, "has something between ] and the port");
    if (has_port) port.remove_prefix(1);
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    if (has_port && port.find(':') != std::string_view::npos) {
      return refuse_url(fault,
                        "has several colons after the host; write an IPv6 address in brackets");
    }
    to.host = text.substr(0, colon);
    if (to.host.empty()) return refuse_url(fault, "has no host, as in redis://HOST");
    if (!is_host_name(to.host)) {
      return refuse_url(fault, "has a host with characters other than letters, digits and . - _");
    }
  }
  if (!has_port) return true;
  const auto value = number_in_url(port, 65535);
  if (!value || *value == 0)
    return refuse_url(fault, "has a port that is not a number from 1 to 65535");
  to.port = static_cast<std::uint16_t>(*value);
  return true;
}

bool read_redis(const Url& parts, RedisLocation& to, Unknown unknown, std::string& fault) {
  if (parts.path.find('@') != std::string_view::npos) {
    return refuse_url(fault, "has an @ after a slash; write %2F for a slash in a password");
  }
  if (!read_host(parts.host, to, fault) || !read_credentials(parts, to.credentials, fault)) {
    return false;
  }
  const bool has_db = parts.path.size() > 1;
  if (has_db && !read_db(parts.path.substr(1), to.db, fault)) return false;
  return read_query(parts, has_db, to.db, unknown, fault);
}

/// Reads `host[:port],...`; `what` is one of them, for messages.
bool read_endpoints(const Url& parts, std::uint16_t port, const char* what,
                    std::vector<Endpoint>& to, std::string& fault) {
  if (parts.path.find('@') != std::string_view::npos) {
    return refuse_url(fault, "has an @ after a slash; write %2F for a slash in a password");
  }
  for (std::string_view hosts = parts.host;;) {
    const std::size_t comma = std::min(hosts.find(','), hosts.size());
    RedisLocation one;
    one.port = port;
    if (!read_host(hosts.substr(0, comma), one, fault)) return false;
    const Endpoint endpoint{one.host, one.port};
    if (std::find(to.begin(), to.end(), endpoint) != to.end()) {
      return refuse_url(fault, std::string("names a ") + what + " twice");
    }
    to.push_back(endpoint);
    if (comma == hosts.size()) return true;
    hosts.remove_prefix(comma + 1);
  }
}

/// Reads `host[:port],.../NAME[/db]`.
bool read_sentinels(const Url& parts, SentinelLocation& to, Unknown unknown, std::string& fault) {
  if (!read_endpoints(parts, kSentinelPort, "Sentinel", to.sentinels, fault)) return false;
  std::string_view name = parts.path.substr(std::min<std::size_t>(parts.path.size(), 1));
  const std::size_t slash = std::min(name.find('/'), name.size());
  const std::string_view db = name.substr(std::min(slash + 1, name.size()));
  if (!decode_url_part(name.substr(0, slash), to.monitor, fault)) return false;
  if (to.monitor.empty()) {
    return refuse_url(fault, "does not name the primary, as in redis+sentinel://HOST/mymaster");
  }
  if (!db.empty() && !read_db(db, to.server.db, fault)) return false;
  if (!read_credentials(parts, to.server.credentials, fault)) return false;
  return read_query(parts, !db.empty(), to.server.db, unknown, fault);
}

/// Reads `host[:port],...`.
bool read_cluster(const Url& parts, ClusterLocation& to, Unknown unknown, std::string& fault) {
  if (!read_endpoints(parts, RedisLocation().port, "node", to.nodes, fault)) return false;
  if (!read_credentials(parts, to.node.credentials, fault)) return false;
  const bool has_db = parts.path.size() > 1;
  if (has_db && !read_db(parts.path.substr(1), to.node.db, fault)) return false;
  if (!read_query(parts, has_db, to.node.db, unknown, fault)) return false;
  return to.node.db == 0 || refuse_url(fault, "names a database, and a cluster has only 0");
}

bool read_unix(const Url& parts, RedisLocation& to, Unknown unknown, std::string& fault) {
  if (!parts.host.empty() || parts.path.size() <= 1) {
    return refuse_url(fault, "needs three slashes and the socket's path, as in unix:///PATH");
  }
  if (!decode_url_part(parts.path, to.socket_path, fault)) return false;
  if (to.socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return refuse_url(fault, "has a path that is too long for a Unix socket (107 bytes)");
  }
  if (!read_credentials(parts, to.credentials, fault)) return false;
  return read_query(parts, /*has_db=*/false, to.db, unknown, fault);
}

bool read_file(const Url& parts, FileLocation& to, std::string& fault) {
  if (parts.has_userinfo || !parts.host.empty() || parts.path.empty()) {
    return refuse_url(fault, "needs three slashes and an absolute path, as in file:///DIRECTORY");
  }
  if (parts.has_query)
    return refuse_url(fault, "has a ?, and file:// has no options; write %3F for it");
  return decode_url_part(parts.path, to.directory, fault);
}

/// `user:***@`, `***@` or nothing.
std::string describe(const Credentials& credentials) {
  const bool has_password = !credentials.password.empty() || !credentials.password_file.empty();
  // A user without a password may be a password that was written in the wrong place.
  if (!has_password) return credentials.user.empty() ? "" : "***@";
  if (credentials.user.empty()) return "***@";
  return percent_encode(credentials.user, "-._~") + ":***@";
}

std::string list(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const Endpoint& endpoint : endpoints) {
    text += (text.empty() ? "" : ",") + describe(endpoint);
  }
  return text;
}

std::string url_of(const SentinelLocation& location) {
  std::string url = location.server.tls ? "rediss+sentinel://" : "redis+sentinel://";
  url += describe(location.server.credentials) + list(location.sentinels);
  url += '/' + percent_encode(location.monitor, "-._~");
  return location.server.db == 0 ? url : url + '/' + std::to_string(location.server.db);
}

std::string url_of(const ClusterLocation& location) {
  return (location.node.tls ? "rediss+cluster://" : "redis+cluster://") +
         describe(location.node.credentials) + list(location.nodes);
}

std::optional<Location> read_url_of_servers(const Url& url, ServerScheme scheme, Unknown unknown,
                                            std::string& fault) {
  const auto tls = scheme.has_tls ? std::optional(TlsSettings()) : std::nullopt;
  if (scheme.kind == ServerScheme::Kind::kSentinels) {
    SentinelLocation sentinels;
    sentinels.server.tls = tls;
    if (read_sentinels(url, sentinels, unknown, fault)) return sentinels;
  } else if (scheme.kind == ServerScheme::Kind::kCluster) {
    ClusterLocation cluster;
    cluster.node.tls = tls;
    if (read_cluster(url, cluster, unknown, fault)) return cluster;
  } else {
    RedisLocation server;
    server.tls = tls;
    if (read_redis(url, server, unknown, fault)) return server;
  }
  return std::nullopt;
}

std::optional<Location> read_url(std::string_view text, Unknown unknown, std::string& fault) {
  Url url;
  if (names_several(text)) {
    refuse_url(fault, "names several servers: give each a --server of its own");
  } else if (split_url(text, url, fault)) {
    if (const auto scheme = server_scheme(url.scheme)) {
      return read_url_of_servers(url, *scheme, unknown, fault);
    }
    if (url.scheme == "unix") {
      RedisLocation server;
      if (read_unix(url, server, unknown, fault)) return server;
    } else if (url.scheme == "file") {
      FileLocation file;
      if (read_file(url, file, fault)) return file;
    } else {
      refuse_url(fault,
                 "is a URL of an unknown kind; use redis://, rediss://, redis+sentinel://, "
                 "redis+cluster://, unix:// or file://");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Location> parse_location(const std::string& url, std::string& fault,
                                       std::vector<std::string>* unknown) {
  auto location = read_url(url, unknown, fault);
  if (!location) fault = '\'' + quoted_url(url) + "' " + fault;
  return location;
}

bool is_host(const std::string& host) {
  in6_addr address{};
  return is_host_name(host) || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

RedisLocation* server_of(Location& location) {
  if (auto* sentinels = std::get_if<SentinelLocation>(&location)) return &sentinels->server;
  if (auto* cluster = std::get_if<ClusterLocation>(&location)) return &cluster->node;
  return std::get_if<RedisLocation>(&location);
}

RedisLocation at(RedisLocation server, const Endpoint& endpoint) {
  server.host = endpoint.host;
  server.port = endpoint.port;
  return server;
}

std::string describe(const Endpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port);
}

std::string short_name(const RedisLocation& server) {
  return server.socket_path.empty() ? describe({server.host, server.port}) : server.socket_path;
}

std::string describe(const Location& location) {
  if (const auto* quorum = std::get_if<QuorumLocation>(&location)) {
    std::string urls;
    for (const RedisLocation& server : quorum->servers) {
      urls += (urls.empty() ? "" : " ") + describe(server);
    }
    return urls;
  }
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return "file://" + percent_encode(file->directory, kPathBytes);
  }
  if (const auto* sentinels = std::get_if<SentinelLocation>(&location)) return url_of(*sentinels);
  if (const auto* cluster = std::get_if<ClusterLocation>(&location)) return url_of(*cluster);
  const auto& redis = std::get<RedisLocation>(location);
  const std::string db = std::to_string(redis.db);
  const std::string user = describe(redis.credentials);
  if (!redis.socket_path.empty()) {
    return "unix://" + user + percent_encode(redis.socket_path, kPathBytes) +
           (redis.db == 0 ? "" : "?db=" + db);
  }
  return (redis.tls ? "rediss://" : "redis://") + user + describe({redis.host, redis.port}) +
         (redis.db == 0 ? "" : "/" + db);
}

}  // namespace cluster_leader
