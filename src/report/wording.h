#pragma once

#include <string>

#include "lease/answer.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// A server in messages.
struct ServerName {
  std::string url;     ///< describe() of its location
  std::string origin;  ///< where its address comes from: "the default host", "from REDIS_URL"
};

/// "key job-a at redis://redis:6379", with which messages about a lease begin. `key` is the name
/// that the user wrote, without the prefix.
std::string describe_key(const std::string& key, const ServerName& server);

/// "redis://redis:6379 (the default host): connection refused", for messages about a server.
std::string describe_failure(const ServerName& server, const std::string& failure);

/// The same about a key: "key job-a at redis://redis:6379 (the default host): ...".
std::string describe_failure(const std::string& key, const ServerName& server,
                             const std::string& failure);

/// Why a key is not free, for messages: "it is held by web-1", "it is parked for web-1 (--sticky)",
/// "it is kept after a run on web-1 (--min-hold)"; `holder` is the value of the key. If that is
/// empty, the key is free, but somebody else is next in line.
std::string describe_holder(const HolderId& holder);

/// The same of a key with several leases.
inline constexpr const char* kAllSlotsTaken = "all its slots are taken";

/// Why a holder gives its key back, for messages: "release --ask on web-2 asked for the key",
/// "superseded by a newer run on web-2".
std::string describe_stop_request(const StopRequest& request);

}  // namespace cluster_leader
