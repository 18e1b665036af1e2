#pragma once

#include <optional>
#include <string>

#include "lease/claim.h"
#include "options/options.h"
#include "store/location.h"

namespace cluster_leader {

/// Where the lease lives, as the options say it; on failure nothing, and `fault` is one line about
/// why.
std::optional<Location> make_location(const Options& options, std::string& fault);

/// "key job-a at redis://redis:6379", for messages. `key` is without the prefix, as the user wrote
/// it.
std::string describe_place(const std::string& key, const Location& location);

/// Who keeps a key from others, for messages: "it is held by web-1", or for whom it is parked, or
/// after whose run it is kept. `holder` is what stands at the key, which is not empty.
std::string describe_holder(const HolderId& holder);

}  // namespace cluster_leader
