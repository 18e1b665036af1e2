#pragma once

#include <optional>
#include <string>

#include "options/options.h"

namespace cluster_leader {

/// Takes the log level and format from CLUSTER_LEADER_LOG. Returns what is wrong with it; the words
/// before that count.
std::optional<std::string> read_log_variable(Options& options);

/// Takes from the environment what the command line has left open. Throws CLI::ValidationError if a
/// variable that counts has no valid value; the others are not looked at.
void read_environment(Options& options);

}  // namespace cluster_leader
