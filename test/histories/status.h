#pragma once

#include <optional>
#include <string>

#include "histories/record.h"

namespace cluster_leader::histories {

/// One sentence if the exit status of that run is not one that EXIT STATUS of cluster-leader(1)
/// allows for what has happened to it; nothing if it is, or if the run had not ended.
std::optional<std::string> fault_of_status(const Record& record, int run);

}  // namespace cluster_leader::histories
