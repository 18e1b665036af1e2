#include "commands/place.h"

#include <variant>

namespace cluster_leader {

std::optional<Location> make_location(const Options& options, std::string& fault) {
  const Credentials given{options.user, options.password, options.password_file};
  if (options.server.empty()) {
    if (!is_host(options.host)) {
      // It is not shown: it may be a URL with a password.
      fault =
          "the host (--host, REDIS_HOST) is neither a name of letters, digits and . - _ nor an "
          "IPv6 address; what takes a URL is --server";
      return std::nullopt;
    }
    return RedisLocation{options.host, options.port, "", options.db, given};
  }
  std::optional<Location> location = parse_location(options.server, fault);
  if (!location) return std::nullopt;
  if (auto* redis = std::get_if<RedisLocation>(&*location)) {
    // Each part that the URL leaves open comes from the options and the environment.
    Credentials& credentials = redis->credentials;
    if (credentials.user.empty()) credentials.user = given.user;
    if (credentials.password.empty()) {
      credentials.password = given.password;
      credentials.password_file = given.password_file;
    }
  }
  return location;
}

std::string describe_place(const std::string& key, const Location& location) {
  return "key " + key + " at " + describe(location);
}

std::string describe_holder(const HolderId& holder) {
  const std::string node = node_of(holder.value);
  if (is_parked(holder)) return "it is parked for " + node + " (--sticky)";
  if (is_settled(holder)) return "it is kept after a run on " + node + " (--min-hold)";
  return "it is held by " + node;
}

}  // namespace cluster_leader
