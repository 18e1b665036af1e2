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

// The faults quote nothing of the URL: with one wrong character, any part of it may be the
// password.

/// Not encoded in a path that is shown, since they cannot be mistaken for another part of a URL.
constexpr std::string_view kPathBytes = "/-._~!$&'()*+,;=:";

/// Names of the DNS end at 253 bytes.
constexpr std::size_t kLongestHost = 253;

/// A URL in its parts, still percent-encoded. A part that is absent is empty.
struct Parts {
  std::string_view scheme, userinfo, host, path, query;
  bool has_userinfo = false;
  bool has_query = false;
};

/// Sets `fault`, and is false, so that a reader can end with it.
bool refuse(std::string& fault, std::string_view why) {
  fault = "the URL ";
  fault += why;
  return false;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

/// The whole of `text` as a number from 0 to `largest`, digits only.
std::optional<int> number(std::string_view text, int largest) {
  int value = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!digits || error != std::errc() || value > largest) return std::nullopt;
  return value;
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
    return refuse(fault, "is not a URL like redis://HOST, unix:///PATH or file:///DIRECTORY");
  }
  parts.scheme = url.substr(0, colon);
  std::string_view rest = url.substr(colon + 3);
  if (const std::size_t at = rest.find('?'); at != std::string_view::npos) {
    parts.has_query = true;
    parts.query = rest.substr(at + 1);
    rest = rest.substr(0, at);
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

/// Whether another URL of a server follows the first, behind a comma or a blank.
bool names_several(std::string_view text) {
  for (std::size_t at = 0; (at = text.find_first_of(", ", at)) != text.npos;) {
    const std::string_view rest = text.substr(++at);
    for (const std::string_view scheme :
         {"redis://", "rediss://", "valkey://", "valkeys://", "unix://"}) {
      if (rest.starts_with(scheme)) return true;
    }
  }
  return false;
}

bool is_host_name(std::string_view host) {
  return host.size() <= kLongestHost && std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
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

bool read_redis(const Parts& parts, RedisLocation& to, std::string& fault) {
  if (parts.path.find('@') != std::string_view::npos) {
    return refuse(fault, "has an @ after a slash; write %2F for a slash in a password");
  }
  if (parts.has_query) {
    return refuse(fault, "has a ?, and redis:// has no options; write %3F for one in a password");
  }
  if (!read_host(parts.host, to, fault) || !read_credentials(parts, to.credentials, fault)) {
    return false;
  }
  return parts.path.size() <= 1 || read_db(parts.path.substr(1), to.db, fault);
}

bool read_unix(const Parts& parts, RedisLocation& to, std::string& fault) {
  if (!parts.host.empty() || parts.path.size() <= 1) {
    return refuse(fault, "needs three slashes and the socket's path, as in unix:///PATH");
  }
  if (!decode(parts.path, to.socket_path, fault)) return false;
  if (to.socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return refuse(fault, "has a path that is too long for a Unix socket (107 bytes)");
  }
  if (!read_credentials(parts, to.credentials, fault)) return false;
  if (!parts.has_query) return true;
  constexpr std::string_view kDb = "db=";
  if (parts.query.substr(0, kDb.size()) != kDb) {
    return refuse(fault, "has an unknown option; unix:// has only ?db=N");
  }
  return read_db(parts.query.substr(kDb.size()), to.db, fault);
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

}  // namespace

std::optional<Location> parse_location(const std::string& url, std::string& fault) {
  if (names_several(url)) {
    refuse(fault, "names several servers, which this version cannot use");
    return std::nullopt;
  }
  Parts parts;
  if (!split(url, parts, fault)) return std::nullopt;
  const std::string scheme = lower(parts.scheme);
  RedisLocation redis;
  if (scheme == "redis" || scheme == "valkey" || scheme == "rediss" || scheme == "valkeys") {
    if (scheme == "rediss" || scheme == "valkeys") redis.tls = TlsSettings();
    if (!read_redis(parts, redis, fault)) return std::nullopt;
    return redis;
  }
  if (scheme == "unix") {
    if (!read_unix(parts, redis, fault)) return std::nullopt;
    return redis;
  }
  if (scheme == "file") {
    FileLocation file;
    if (!read_file(parts, file, fault)) return std::nullopt;
    return file;
  }
  for (const std::string_view later : {"redis+sentinel", "redis+cluster"}) {
    if (scheme != later) continue;
    refuse(fault, "begins with " + scheme +
                      "://, which this version does not support yet; it supports redis://, "
                      "rediss://, unix:// and file://");
    return std::nullopt;
  }
  refuse(fault, "is of an unknown kind; use redis://, rediss://, unix:// or file://");
  return std::nullopt;
}

bool is_host(const std::string& host) {
  in6_addr address{};
  return is_host_name(host) || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::string describe(const Location& location) {
  if (const auto* file = std::get_if<FileLocation>(&location)) {
    return "file://" + percent_encode(file->directory, kPathBytes);
  }
  const auto& redis = std::get<RedisLocation>(location);
  const std::string db = std::to_string(redis.db);
  const std::string user = describe(redis.credentials);
  if (!redis.socket_path.empty()) {
    return "unix://" + user + percent_encode(redis.socket_path, kPathBytes) +
           (redis.db == 0 ? "" : "?db=" + db);
  }
  const bool is_ipv6 = redis.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + redis.host + "]" : redis.host;
  return (redis.tls ? "rediss://" : "redis://") + user + host + ":" + std::to_string(redis.port) +
         (redis.db == 0 ? "" : "/" + db);
}

}  // namespace cluster_leader
