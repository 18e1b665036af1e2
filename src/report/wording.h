#pragma once

#include <string>

#include "lease/candidacy.h"

namespace cluster_leader {

/// "key job-a at redis://redis:6379", with which messages about a lease begin. `key` is the name
/// that the user wrote, without the prefix; `server` is describe() of its location.
std::string describe_key(const std::string& key, const std::string& server);

/// Why a key is not free, for messages: "it is held by web-1", "it is parked for web-1 (--sticky)",
/// "it is kept after a run on web-1 (--min-hold)". `holder` is the value of the key; not empty.
std::string describe_holder(const HolderId& holder);

}  // namespace cluster_leader
