#pragma once

#include <string>
#include <vector>

#include "options/options.h"
#include "store/registry.h"

namespace cluster_leader {

/// `cluster-leader status`: shows the keys that are asked for, or all in use. 0 if all were read.
int status(const Options& options);

/// The table that `status` shows.
std::string status_table(const Options& options, const std::vector<LeaseView>& views,
                         bool coloured);

/// The same as one line of JSON, an array with an object for each key.
std::string status_json(const Options& options, const std::vector<LeaseView>& views);

}  // namespace cluster_leader
