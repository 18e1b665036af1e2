#include "commands/lease_environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "process/service_manager.h"

namespace cluster_leader {

namespace {

constexpr std::array kNames = {"CLUSTER_LEADER_KEY",   "CLUSTER_LEADER_HOLDER",
                               "CLUSTER_LEADER_TOKEN", "CLUSTER_LEADER_TTL_MS",
                               "CLUSTER_LEADER_NODE",  "CLUSTER_LEADER_STATE"};

}  // namespace

std::vector<std::string> lease_environment(const Options& options, const std::string& key,
                                           const HolderId& holder, Token token) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool is_ours = std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
                         (options.verb == Options::Verb::kElect && is_of_service_manager(name));
    if (!is_ours) environment.emplace_back(text);
  }
  const auto set = [&](std::string_view name, const std::string& value) {
    environment.emplace_back(name).append("=").append(value);
  };
  set("CLUSTER_LEADER_KEY", key);
  if (token != Token{}) {
    set("CLUSTER_LEADER_HOLDER", holder.value);
    set("CLUSTER_LEADER_TOKEN", std::to_string(token.value));
  }
  set("CLUSTER_LEADER_TTL_MS", std::to_string(ceil_ms(options.timeline.ttl)));
  set("CLUSTER_LEADER_NODE", options.node);
  return environment;
}

}  // namespace cluster_leader
