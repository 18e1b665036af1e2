#include "supervise/lease_environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "process/service_manager.h"

namespace cluster_leader {

namespace {

constexpr std::array kNames = {
    "CLUSTER_LEADER_KEY",  "CLUSTER_LEADER_HOLDER", "CLUSTER_LEADER_TOKEN", "CLUSTER_LEADER_TTL_MS",
    "CLUSTER_LEADER_NODE", "CLUSTER_LEADER_STATE",  "CLUSTER_LEADER_OUTER", "CLUSTER_LEADER_SLOT"};

/// A variable of our environment; empty if it is not set.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::string leases_around_us() {
  const std::string outer = variable("CLUSTER_LEADER_OUTER");
  const bool is_hook = !variable("CLUSTER_LEADER_STATE").empty();
  const std::string inner = is_hook ? "" : variable("CLUSTER_LEADER_HOLDER");
  return outer.empty() || inner.empty() ? outer + inner : outer + ' ' + inner;
}

std::vector<std::string> lease_environment(const LeaseEnvironment& common, const std::string& key,
                                           const HolderId& holder, Token token,
                                           std::uint32_t slot) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool is_ours = std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
                         (common.hides_service_manager && is_of_service_manager(name));
    if (!is_ours) environment.emplace_back(text);
  }
  const auto set = [&](std::string_view name, const std::string& value) {
    environment.emplace_back(name).append("=").append(value);
  };
  set("CLUSTER_LEADER_KEY", key);
  if (token != Token{}) {
    set("CLUSTER_LEADER_HOLDER", holder.value);
    set("CLUSTER_LEADER_TOKEN", std::to_string(token.value));
    set("CLUSTER_LEADER_SLOT", std::to_string(slot));
  }
  set("CLUSTER_LEADER_TTL_MS", std::to_string(ceil_ms(common.ttl)));
  set("CLUSTER_LEADER_NODE", common.node);
  if (const std::string outer = leases_around_us(); !outer.empty()) {
    set("CLUSTER_LEADER_OUTER", outer);
  }
  return environment;
}

bool runs_under(const HolderId& holder) {
  // The value that another program has written to a key may be a part of one of our ids by chance,
  // such as its label.
  constexpr std::size_t kRandomPart = 33;
  const std::string& id = holder.value;
  const bool is_ours = id.size() > kRandomPart && id[id.size() - kRandomPart] == '/';
  return is_ours && leases_around_us().find(id) != std::string::npos;
}

}  // namespace cluster_leader
