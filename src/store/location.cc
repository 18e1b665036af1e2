#include "store/location.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "store/percent.h"

namespace cluster_leader {

namespace {

/// Not encoded in a path that is shown, since they cannot be mistaken for another part of a URL.
constexpr std::string_view kPathBytes = "/-._~!$&'()*+,;=:";

/// Names of the DNS end at 253 bytes.
constexpr std::size_t kLongestHost = 253;

/// A URL may have one parameter, the database; nothing else follows its `?`.
constexpr std::string_view kDb = "db";

constexpr std::uint16_t kSentinelPort = 26379;

/// A URL in its parts, still percent-encoded. A part that is absent is empty.
struct Parts {
  std::string_view scheme, userinfo, host, path, query;
  bool has_userinfo = false;
  bool has_query = false;
};

/// What is done with parameters that are not ours: they are collected, or refused if there is no
/// list for them.
using Unknown = std::vector<std::string>*;

/// Sets `fault`, which goes on from the quoted URL, and is false, so that a reader can end with it.
bool refuse(std::string& fault, std::string_view why) {
  fault = why;
  return false;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool are_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The whole of `text` as a number from 0 to `largest`, digits only.
std::optional<int> number(std::string_view text, int largest) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!are_digits(text) || error != std::errc() || value > largest) return std::nullopt;
  return value;
}

bool is_host_name(std::string_view host) {
  return host.size() <= kLongestHost && std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

/// Whether `text` is `host[:port][/db]` and nothing else. The numbers may be too large.
bool is_address(std::string_view text) {
  const bool has_brackets = text.starts_with('[');
  const std::size_t end = has_brackets ? text.find(']') : text.find_first_of(":/");
  const std::string_view host = text.substr(has_brackets ? 1 : 0, end - (has_brackets ? 1 : 0));
  const bool is_ipv6 =
      end < text.size() && host.find_first_not_of("0123456789abcdefABCDEF:.") == host.npos;
  if (has_brackets ? !is_ipv6 : !is_host_name(host)) return false;
  text.remove_prefix(std::min(end + (has_brackets ? 1 : 0), text.size()));
  for (const char separator : {':', '/'}) {
    if (!text.starts_with(separator)) continue;
    const std::size_t next = std::min(text.find('/', 1), text.size());
    if (!are_digits(text.substr(1, next - 1))) return false;
    text.remove_prefix(next);
  }
  return text.empty();
}

/// Whether a text that is not a URL is the address of a server, and not perhaps a password.
bool is_address_without_scheme(std::string_view text) {
  return text.find(':') != text.npos && is_address(text);
}

/// The scheme of a server in `scheme` if that means its Sentinels, as in "rediss+sentinel"; empty
/// if it does not.
std::string_view scheme_behind_sentinels(std::string_view scheme) {
  for (const std::string_view suffix : {"+sentinel", "-sentinel"}) {
    if (scheme.ends_with(suffix)) return scheme.substr(0, scheme.size() - suffix.size());
  }
  return {};
}

bool is_server_scheme(std::string_view scheme) {
  return scheme == "redis" || scheme == "valkey" || scheme == "rediss" || scheme == "valkeys";
}

bool has_tls(std::string_view server_scheme) {
  return server_scheme == "rediss" || server_scheme == "valkeys";
}

bool is_plain_path(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return c == '/' || is_host_name({&c, 1});
  });
}

/// Whether `text` is `host[:port],...` with a path that needs no encoding.
bool are_addresses(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  if (!is_plain_path(text.substr(slash))) return false;
  for (std::string_view hosts = text.substr(0, slash);;) {
    const std::size_t comma = std::min(hosts.find(','), hosts.size());
    if (!is_address(hosts.substr(0, comma))) return false;
    if (comma == hosts.size()) return true;
    hosts.remove_prefix(comma + 1);
  }
}

/// `url` for messages. With one wrong character any part of a URL may be the password, so that no
/// more of it is shown than what is in order.
std::string quoted(std::string_view url) {
  constexpr std::string_view kSchemes[] = {"redis", "rediss", "valkey", "valkeys", "unix",
                                           "file",  "http",   "https",  "tcp"};
  constexpr std::string_view kHidden = "***";
  if (is_address_without_scheme(url)) return std::string(url);
  const std::size_t colon = url.find("://");
  const std::string scheme = lower(url.substr(0, colon));
  const bool has_sentinels = is_server_scheme(scheme_behind_sentinels(scheme));
  const bool is_known = has_sentinels || std::find(std::begin(kSchemes), std::end(kSchemes),
                                                   scheme) != std::end(kSchemes);
  if (colon == url.npos || !is_known) return std::string(kHidden);
  std::string text = scheme + "://";
  url.remove_prefix(text.size());
  const std::size_t end = std::min(url.find('?'), url.size());
  const std::string_view place = url.substr(0, end);
  const bool has_path = scheme == "unix" || scheme == "file";
  const bool is_in_order = has_sentinels ? are_addresses(place)
                           : has_path    ? place.starts_with('/') && is_plain_path(place)
                                         : is_address(place);
  // What follows an @ may be the rest of a password that should have it encoded.
  const bool has_login = url.find('@') != url.npos;
  if (has_login || !is_in_order) return text.append(kHidden);
  text.append(place);
  return end == url.size() ? text : text.append("?").append(kHidden);
}

bool decode(std::string_view text, std::string& to, std::string& fault) {
  auto bytes = percent_decode(text);
  if (!bytes) return refuse(fault, "has a % without two hexadecimal digits; write %25 for it");
  if (bytes->find('\0') != std::string::npos) return refuse(fault, "has a %00");
  to = std::move(*bytes);
  return true;
}

bool split(std::string_view url, Parts& parts, std::string& fault) {
  const auto is_blank = [](char c) { return (c >= 0 && c <= ' ') || c == '\x7f'; };
  if (std::any_of(url.begin(), url.end(), is_blank)) {
    return refuse(fault, "has a blank or a control character in it");
  }
  if (url.find('#') != std::string_view::npos) return refuse(fault, "has a #; write %23 for it");
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos) {
    return refuse(fault, is_address_without_scheme(url)
                             ? "is not a URL; write redis://" + std::string(url)
                             : "is not a URL like redis://HOST, unix:///PATH or file:///DIRECTORY");
  }
  parts.scheme = url.substr(0, colon);
  std::string_view rest = url.substr(colon + 3);
  if (const std::size_t at = rest.find('?'); at != std::string_view::npos) {
    parts.has_query = true;
    parts.query = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (parts.query.find('@') != std::string_view::npos) {
      return refuse(fault, "has an @ after a ?; write %3F for a ? in a password");
    }
  }
  if (const std::size_t at = rest.find('/'); at != std::string_view::npos) {
    parts.path = rest.substr(at);
    rest = rest.substr(0, at);
  }
  // A password may contain an @ that somebody forgot to encode; a host never does.
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    parts.has_userinfo = true;
    parts.userinfo = rest.substr(0, at);
    rest = rest.substr(at + 1);
  }
  parts.host = rest;
  return true;
}

bool read_credentials(const Parts& parts, Credentials& credentials, std::string& fault) {
  const std::size_t colon = parts.userinfo.find(':');
  if (!decode(parts.userinfo.substr(0, colon), credentials.user, fault)) return false;
  if (colon == std::string_view::npos) return true;
  return decode(parts.userinfo.substr(colon + 1), credentials.password, fault);
}

bool read_db(std::string_view text, int& db, std::string& fault) {
  const auto value = number(text, std::numeric_limits<int>::max());
  if (!value) return refuse(fault, "has a database that is not a number from 0");
  db = *value;
  return true;
}

/// Reads the parameters, of which one may be the database, unless the path has named that.
bool read_query(const Parts& parts, bool has_db, int& db, Unknown unknown, std::string& fault) {
  if (!parts.has_query) return true;
  for (std::size_t at = 0; at <= parts.query.size();) {
    const std::size_t end = std::min(parts.query.find('&', at), parts.query.size());
    const std::string_view parameter = parts.query.substr(at, end - at);
    const std::string_view name = parameter.substr(0, parameter.find('='));
    at = end + 1;
    if (name == kDb) {
      if (has_db) return refuse(fault, "names the database twice");
      has_db = true;
      if (!read_db(parameter.substr(std::min(name.size() + 1, parameter.size())), db, fault)) {
        return false;
      }
    } else if (unknown == nullptr) {
      return refuse(fault, "has a parameter after the ?; only ?db=N is allowed");
    } else if (!parameter.empty()) {
      // Without a value it may be anything, a password too.
      const bool is_name = name.size() < parameter.size() && is_host_name(name);
      unknown->emplace_back(is_name ? name : "one without a value");
    }
  }
  return true;
}

/// Whether another URL of a server follows the first, behind a comma or a blank.
bool names_several(std::string_view text) {
  for (std::size_t at = 0; (at = text.find_first_of(", ", at)) != text.npos;) {
    const std::string_view rest = text.substr(++at);
    const std::string scheme = lower(rest.substr(0, std::min(rest.find("://"), rest.size())));
    if (scheme.size() == rest.size()) continue;
    const std::string_view behind = scheme_behind_sentinels(scheme);
    if (scheme == "unix" || is_server_scheme(behind.empty() ? scheme : behind)) return true;
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
      return refuse(fault, "has no IPv6 address in its brackets");
    }
    port = text.substr(end + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':')
      return refuse(fault, "has something between ] and the port");
    if (has_port) port.remove_prefix(1);
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    if (has_port && port.find(':') != std::string_view::npos) {
      return refuse(fault, "has several colons after the host; write an IPv6 address in brackets");
    }
    to.host = text.substr(0, colon);
    if (to.host.empty()) return refuse(fault, "has no host, as in redis://HOST");
    if (!is_host_name(to.host)) {
      return refuse(fault, "has a host with characters other than letters, digits and . - _");
    }
  }
  if (!has_port) return true;
  const auto value = number(port, 65535);
  if (!value || *value == 0)
    return refuse(fault, "has a port that is not a number from 1 to 65535");
  to.port = static_cast<std::uint16_t>(*value);
  return true;
}

bool read_redis(const Parts& parts, RedisLocation& to, Unknown unknown, std::string& fault) {
  if (parts.path.find('@') != std::string_view::npos) {
    return refuse(fault, "has an @ after a slash; write %2F for a slash in a password");
  }
  if (!read_host(parts.host, to, fault) || !read_credentials(parts, to.credentials, fault)) {
    return false;
  }
  const bool has_db = parts.path.size() > 1;
  if (has_db && !read_db(parts.path.substr(1), to.db, fault)) return false;
  return read_query(parts, has_db, to.db, unknown, fault);
}

/// Reads `host[:port],.../NAME[/db]`.
bool read_sentinels(const Parts& parts, SentinelLocation& to, Unknown unknown, std::string& fault) {
  if (parts.path.find('@') != std::string_view::npos) {
    return refuse(fault, "has an @ after a slash; write %2F for a slash in a password");
  }
  for (std::string_view hosts = parts.host;;) {
    const std::size_t comma = std::min(hosts.find(','), hosts.size());
    RedisLocation sentinel;
    sentinel.port = kSentinelPort;
    if (!read_host(hosts.substr(0, comma), sentinel, fault)) return false;
    const Endpoint endpoint{sentinel.host, sentinel.port};
    if (std::find(to.sentinels.begin(), to.sentinels.end(), endpoint) != to.sentinels.end()) {
      return refuse(fault, "names a Sentinel twice");
    }
    to.sentinels.push_back(endpoint);
    if (comma == hosts.size()) break;
    hosts.remove_prefix(comma + 1);
  }
  std::string_view name = parts.path.substr(std::min<std::size_t>(parts.path.size(), 1));
  const std::size_t slash = std::min(name.find('/'), name.size());
  const std::string_view db = name.substr(std::min(slash + 1, name.size()));
  if (!decode(name.substr(0, slash), to.monitor, fault)) return false;
  if (to.monitor.empty()) {
    return refuse(fault, "has no name of a monitor, as in redis+sentinel://HOST/mymaster");
  }
  if (!db.empty() && !read_db(db, to.server.db, fault)) return false;
  if (!read_credentials(parts, to.server.credentials, fault)) return false;
  return read_query(parts, !db.empty(), to.server.db, unknown, fault);
}

bool read_unix(const Parts& parts, RedisLocation& to, Unknown unknown, std::string& fault) {
  if (!parts.host.empty() || parts.path.size() <= 1) {
    return refuse(fault, "needs three slashes and the socket's path, as in unix:///PATH");
  }
  if (!decode(parts.path, to.socket_path, fault)) return false;
  if (to.socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return refuse(fault, "has a path that is too long for a Unix socket (107 bytes)");
  }
  if (!read_credentials(parts, to.credentials, fault)) return false;
  return read_query(parts, /*has_db=*/false, to.db, unknown, fault);
}

bool read_file(const Parts& parts, FileLocation& to, std::string& fault) {
  if (parts.has_userinfo || !parts.host.empty() || parts.path.empty()) {
    return refuse(fault, "needs three slashes and an absolute path, as in file:///DIRECTORY");
  }
  if (parts.has_query)
    return refuse(fault, "has a ?, and file:// has no options; write %3F for it");
  return decode(parts.path, to.directory, fault);
}

/// `user:***@`, `***@` or nothing.
std::string describe(const Credentials& credentials) {
  const bool has_password = !credentials.password.empty() || !credentials.password_file.empty();
  // A user without a password may be a password that was written in the wrong place.
  if (!has_password) return credentials.user.empty() ? "" : "***@";
  if (credentials.user.empty()) return "***@";
  return percent_encode(credentials.user, "-._~") + ":***@";
}

std::string url_of(const SentinelLocation& location) {
  std::string url = location.server.tls ? "rediss+sentinel://" : "redis+sentinel://";
  url += describe(location.server.credentials);
  for (std::size_t i = 0; i < location.sentinels.size(); ++i) {
    url += (i == 0 ? "" : ",") + describe(location.sentinels[i]);
  }
  url += '/' + percent_encode(location.monitor, "-._~");
  return location.server.db == 0 ? url : url + '/' + std::to_string(location.server.db);
}

std::optional<Location> read_url(std::string_view url, Unknown unknown, std::string& fault) {
  if (names_several(url)) {
    refuse(fault, "names several servers, which this version cannot use");
    return std::nullopt;
  }
  Parts parts;
  if (!split(url, parts, fault)) return std::nullopt;
  const std::string scheme = lower(parts.scheme);
  RedisLocation redis;
  const std::string_view behind = scheme_behind_sentinels(scheme);
  if (is_server_scheme(behind)) {
    SentinelLocation sentinels;
    if (has_tls(behind)) sentinels.server.tls = TlsSettings();
    if (!read_sentinels(parts, sentinels, unknown, fault)) return std::nullopt;
    return sentinels;
  }
  if (is_server_scheme(scheme)) {
    if (has_tls(scheme)) redis.tls = TlsSettings();
    if (!read_redis(parts, redis, unknown, fault)) return std::nullopt;
    return redis;
  }
  if (scheme == "unix") {
    if (!read_unix(parts, redis, unknown, fault)) return std::nullopt;
    return redis;
  }
  if (scheme == "file") {
    FileLocation file;
    if (!read_file(parts, file, fault)) return std::nullopt;
    return file;
  }
  for (const std::string_view later : {"redis+cluster", "rediss+cluster"}) {
    if (scheme != later) continue;
    refuse(fault, "begins with " + scheme +
                      "://, which this version does not support yet; it supports redis://, "
                      "rediss://, redis+sentinel://, unix:// and file://");
    return std::nullopt;
  }
  refuse(fault,
         "is a URL of an unknown kind; use redis://, rediss://, redis+sentinel://, unix:// or "
         "file://");
  return std::nullopt;
}

}  // namespace

std::optional<Location> parse_location(const std::string& url, std::string& fault,
                                       std::vector<std::string>* unknown) {
  auto location = read_url(url, unknown, fault);
  if (!location) fault = '\'' + quoted(url) + "' " + fault;
  return location;
}

bool is_host(const std::string& host) {
  in6_addr address{};
  return is_host_name(host) || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

RedisLocation* server_of(Location& location) {
  if (auto* sentinels = std::get_if<SentinelLocation>(&location)) return &sentinels->server;
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
