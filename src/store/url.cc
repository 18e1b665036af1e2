#include "store/url.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "store/percent.h"

namespace cluster_leader {

namespace {

/// Names of the DNS end at 253 bytes.
constexpr std::size_t kLongestHost = 253;

bool are_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
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

}  // namespace

bool refuse_url(std::string& fault, std::string_view why) {
  fault = why;
  return false;
}

std::optional<int> number_in_url(std::string_view text, int largest) {
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

std::optional<ServerScheme> server_scheme(std::string_view text) {
  std::string scheme = lower(text);
  ServerScheme result;
  for (const auto& [word, kind] : {std::pair("sentinel", ServerScheme::Kind::kSentinels),
                                   std::pair("cluster", ServerScheme::Kind::kCluster)}) {
    for (const char separator : {'+', '-'}) {
      const std::string suffix = separator + std::string(word);
      if (!scheme.ends_with(suffix)) continue;
      scheme.resize(scheme.size() - suffix.size());
      result.kind = kind;
    }
  }
  result.has_tls = scheme == "rediss" || scheme == "valkeys";
  if (!result.has_tls && scheme != "redis" && scheme != "valkey") return std::nullopt;
  return result;
}

std::string quoted_url(std::string_view url) {
  constexpr std::string_view kOtherSchemes[] = {"unix", "file", "http", "https", "tcp"};
  constexpr std::string_view kHidden = "***";
  if (is_address_without_scheme(url)) return std::string(url);
  const std::size_t colon = url.find("://");
  const std::string scheme = lower(url.substr(0, colon));
  const auto server = server_scheme(scheme);
  const bool is_known = server || std::find(std::begin(kOtherSchemes), std::end(kOtherSchemes),
                                            scheme) != std::end(kOtherSchemes);
  if (colon == url.npos || !is_known) return std::string(kHidden);
  std::string text = scheme + "://";
  url.remove_prefix(text.size());
  const std::size_t end = std::min(url.find('?'), url.size());
  const std::string_view place = url.substr(0, end);
  const bool has_path = scheme == "unix" || scheme == "file";
  const bool is_list = server && server->kind != ServerScheme::Kind::kOne;
  const bool is_in_order = is_list    ? are_addresses(place)
                           : has_path ? place.starts_with('/') && is_plain_path(place)
                                      : is_address(place);
  // What follows an @ may be the rest of a password that should have it encoded.
  const bool has_login = url.find('@') != url.npos;
  if (has_login || !is_in_order) return text.append(kHidden);
  text.append(place);
  return end == url.size() ? text : text.append("?").append(kHidden);
}

bool decode_url_part(std::string_view text, std::string& to, std::string& fault) {
  auto bytes = percent_decode(text);
  if (!bytes) return refuse_url(fault, "has a % without two hexadecimal digits; write %25 for it");
  if (bytes->find('\0') != std::string::npos) return refuse_url(fault, "has a %00");
  to = std::move(*bytes);
  return true;
}

bool split_url(std::string_view text, Url& url, std::string& fault) {
  const auto is_blank = [](char c) { return (c >= 0 && c <= ' ') || c == '\x7f'; };
  if (std::any_of(text.begin(), text.end(), is_blank)) {
    return refuse_url(fault, "has a blank or a control character in it");
  }
  if (text.find('#') != std::string_view::npos)
    return refuse_url(fault, "has a #; write %23 for it");
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) {
    return refuse_url(fault,
                      is_address_without_scheme(text)
                          ? "is not a URL; write redis://" + std::string(text)
                          : "is not a URL like redis://HOST, unix:///PATH or file:///DIRECTORY");
  }
  url.scheme = lower(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  if (const std::size_t at = rest.find('?'); at != std::string_view::npos) {
    url.has_query = true;
    url.query = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (url.query.find('@') != std::string_view::npos) {
      return refuse_url(fault, "has an @ after a ?; write %3F for a ? in a password");
    }
  }
  if (const std::size_t at = rest.find('/'); at != std::string_view::npos) {
    url.path = rest.substr(at);
    rest = rest.substr(0, at);
  }
  // A password may contain an @ that somebody forgot to encode; a host never does.
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    url.has_userinfo = true;
    url.userinfo = rest.substr(0, at);
    rest = rest.substr(at + 1);
  }
  url.host = rest;
  return true;
}

}  // namespace cluster_leader
