#include "report/wording.h"

namespace cluster_leader {

std::string describe_key(const std::string& key, const ServerName& server) {
  return "key " + key + " at " + server.url;
}

std::string describe_failure(const ServerName& server, const std::string& failure) {
  return server.url + " (" + server.origin + "): " + failure;
}

std::string describe_failure(const std::string& key, const ServerName& server,
                             const std::string& failure) {
  return describe_key(key, {describe_failure(server, failure), ""});
}

std::string describe_holder(const HolderId& holder) {
  if (holder.value.empty()) return "others are waiting for it";
  const std::string node = node_of(holder.value);
  if (is_parked(holder)) return "it is parked for " + node + " (--sticky)";
  if (is_reserved(holder)) return "it is kept after a run on " + node + " (--min-hold)";
  return "it is held by " + node;
}

std::string describe_stop_request(const StopRequest& request) {
  return request.supersedes ? "superseded by a newer run on " + request.node
                            : "release --ask on " + request.node + " asked for the key";
}

}  // namespace cluster_leader
