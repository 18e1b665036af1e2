#include "options/environment.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "options/quorum.h"
#include "options/values.h"

namespace cluster_leader {

namespace {

/// The first of these variables that is set and not empty; else empty.
std::string from_environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return {};
}

/// A Kubernetes service named redis sets REDIS_PORT to "tcp://10.0.0.1:6379" in every container.
std::string port_in(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const bool is_url =
      text.starts_with("tcp://") && colon > text.find(':') && colon + 1 < text.size();
  return is_url ? text.substr(colon + 1) : text;
}

void read_plain_server(Options& options) {
  if (const std::string host = from_environment({"REDIS_HOST"}); !host.empty() && !options.host) {
    options.host = host;
    options.host_source = "REDIS_HOST";
  }
  if (const std::string text = port_in(from_environment({"REDIS_PORT"}));
      !text.empty() && !options.port) {
    options.port = static_cast<std::uint16_t>(number("", 1, 65535).value("REDIS_PORT", text));
  }
  if (const std::string text = from_environment({"REDIS_DB"}); !text.empty() && !options.db) {
    options.db = number("", 0, INT_MAX).value("REDIS_DB", text);
  }
}

void read_server(Options& options) {
  if (!options.servers.empty()) {
    options.server_source = "--server";
    for (const std::string& url : options.servers) {
      options.server += (options.server.empty() ? "" : " ") + url;
    }
  }
  if (options.host) options.host_source = "--host";
  for (const char* name : {"CLUSTER_LEADER_SERVER", "REDIS_URL"}) {
    if (!options.server.empty()) break;
    options.server = from_environment({name});
    if (!options.server.empty()) options.server_source = name;
  }
  if (options.server.empty()) read_plain_server(options);
  // An application that shares REDIS_URL knows no list.
  if (options.server_source == "CLUSTER_LEADER_SERVER") options.servers = urls_in(options.server);
  if (options.servers.size() == 1) options.servers.clear();
  options.user_is_option = !options.user.empty();
  if (options.user.empty()) options.user = from_environment({"REDIS_USERNAME"});
  options.password_file_is_option = !options.password_file.empty();
  options.password = from_environment({"REDIS_PASSWORD", "REDISCLI_AUTH"});
  if (options.password_file.empty()) {
    options.password_file = from_environment({"REDIS_PASSWORD_FILE"});
  }
  options.sentinel_password = from_environment({"CLUSTER_LEADER_SENTINEL_PASSWORD"});
  const std::pair<std::string*, const char*> variables[] = {
      {&options.sentinel_user, "CLUSTER_LEADER_SENTINEL_USER"},
      {&options.sentinel_password_file, "CLUSTER_LEADER_SENTINEL_PASSWORD_FILE"},
      {&options.tls_ca, "CLUSTER_LEADER_TLS_CA"},
      {&options.tls_certificate, "CLUSTER_LEADER_TLS_CERT"},
      {&options.tls_key, "CLUSTER_LEADER_TLS_KEY"},
      {&options.tls_server_name, "CLUSTER_LEADER_TLS_SERVER_NAME"}};
  for (const auto& [target, name] : variables) {
    if (target->empty()) *target = from_environment({name});
  }
  constexpr const char* kInsecure = "CLUSTER_LEADER_TLS_INSECURE";
  if (const std::string text = from_environment({kInsecure});
      !options.tls_insecure && !text.empty()) {
    options.tls_insecure = word<bool>({{"0", false}, {"1", true}}).value(kInsecure, text);
  }
  if (options.prefix.empty()) options.prefix = from_environment({"CLUSTER_LEADER_PREFIX"});
}

void read_node(Options& options) {
  if (options.node.empty()) options.node = from_environment({"CLUSTER_LEADER_NODE", "HOSTNAME"});
  if (!options.node.empty()) return;
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof name - 1) == 0) options.node = name;
}

}  // namespace

std::optional<std::string> read_log_variable(Options& options) {
  const std::string words = from_environment({"CLUSTER_LEADER_LOG"});
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(',', at), words.size());
    const std::string word = words.substr(at, end - at);
    if (word == "quiet") {
      options.log_level = Options::LogLevel::kQuiet;
    } else if (word == "verbose") {
      options.log_level = Options::LogLevel::kVerbose;
    } else if (word == "json") {
      options.log_format = Options::LogFormat::kJson;
    } else if (word == "text") {
      options.log_format = Options::LogFormat::kText;
    } else {
      return "CLUSTER_LEADER_LOG: '" + word + "' is not quiet, verbose, text or json";
    }
    at = end + 1;
  }
  return {};
}

void read_environment(Options& options) {
  read_server(options);
  read_node(options);
  constexpr const char* kDies = "CLUSTER_LEADER_DIE_WITH_PARENT";
  const bool has_parent =
      options.verb == Options::Verb::kRun || options.verb == Options::Verb::kElect;
  if (const std::string text = from_environment({kDies});
      has_parent && !options.die_with_parent && !text.empty()) {
    options.die_with_parent = word<bool>({{"0", false}, {"1", true}}).value(kDies, text);
  }
}

}  // namespace cluster_leader
