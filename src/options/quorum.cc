#include "options/quorum.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/ascii.h"
#include "options/scheme.h"

namespace cluster_leader {

namespace {

constexpr std::string_view kScheme = "://";

/// The server that a URL leads to, whatever the login and the database: "web-1:6379", or a path.
std::string address_of(const std::string& url) {
  const std::size_t scheme = url.find(kScheme);
  std::string_view rest = std::string_view(url).substr(std::min(scheme + 3, url.size()));
  const std::size_t login = rest.rfind('@');
  if (login != rest.npos) rest.remove_prefix(login + 1);
  rest = rest.substr(0, rest.find('?'));
  if (scheme_of(url) == "unix") return std::string(rest);
  const std::string host = lower(rest.substr(0, rest.find('/')));
  // An IPv6 address has colons, and is in brackets.
  const std::size_t colon = host.find(':', host.find(']') == host.npos ? 0 : host.find(']'));
  return colon == host.npos ? host + ":6379" : host;
}

std::optional<std::string> fault_of_servers(const Options& options) {
  const std::string& source = options.server_source;
  constexpr std::string_view kSchemes[] = {"redis", "rediss", "valkey", "valkeys", "unix"};
  std::unordered_set<std::string> seen;
  std::string fault = source + ": ";
  for (const std::string& url : options.servers) {
    const std::string scheme = scheme_of(url);
    const bool is_server =
        std::find(std::begin(kSchemes), std::end(kSchemes), scheme) != std::end(kSchemes);
    if (!is_server && url.find(kScheme) != url.npos) {
      return fault.append(scheme).append(
          ":// cannot be part of a quorum, which consists of single servers (redis://, rediss://, "
          "unix://)");
    }
    const std::string address = address_of(url);
    if (!seen.insert(address).second) {
      return fault.append(address).append(" is given twice; a quorum needs independent servers");
    }
  }
  if (options.servers.size() != 3 && options.servers.size() != 5) {
    return source + ": a quorum consists of 3 or 5 servers, not " +
           std::to_string(options.servers.size()) +
           ": two or four would survive no more failures than one or three";
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> urls_in(const std::string& list) {
  std::vector<std::string> urls;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find_first_of(" \t\n", at), list.size());
    const std::string word = list.substr(at, end - at);
    const bool begins_url = urls.empty() || word.find(kScheme) != word.npos;
    if (begins_url && !word.empty()) urls.push_back(word);
    if (!begins_url && !word.empty()) urls.back().append(" ").append(word);
    at = end + 1;
  }
  return urls;
}

std::optional<std::string> fault_of_quorum(const Options& options) {
  if (options.servers.empty()) return std::nullopt;
  if (auto fault = fault_of_servers(options)) return fault;
  const std::pair<bool, const char*> unsupported[] = {
      {options.aftermath.once > Duration::zero(), "--once"},
      {options.forgets_result, "--result"},
      {options.policy.join, "--join"},
      {options.policy.supersedes, "--supersede"},
      {options.policy.slots > 1, "--slots"},
      {options.slot.value_or(0) > 0, "--slot"},
      {options.min_replicas > 0, "--min-replicas"},
      {options.aftermath.park, "--sticky"},
      {options.aftermath.hold > Duration::zero(), "--min-hold"}};
  for (const auto& [is_given, name] : unsupported) {
    if (!is_given) continue;
    return std::string(name) + " needs a single server: it cannot be combined with a quorum (" +
           options.server_source + ')';
  }
  if (options.host || options.port || options.db) {
    return std::string(options.host   ? "--host"
                       : options.port ? "--port"
                                      : "--db") +
           " cannot be combined with the several URLs in " + options.server_source;
  }
  return std::nullopt;
}

}  // namespace cluster_leader
