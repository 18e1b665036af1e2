#pragma once

#include <optional>
#include <string>

#include "options/options.h"
#include "store/location.h"

namespace cluster_leader {

/// Where the lease lives, as the options say it; on failure nothing, and `fault` is one line about
/// why.
std::optional<Location> make_location(const Options& options, std::string& fault);

/// "key job-a at redis://redis:6379", for messages. `key` is without the prefix, as the user wrote
/// it.
std::string describe_place(const std::string& key, const Location& location);

}  // namespace cluster_leader
