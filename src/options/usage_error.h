#pragma once

#include <string>

namespace cluster_leader {

/// A sentence about what the user wrote, thrown to parse_options and no further.
struct UsageError {
  std::string text;
};

}  // namespace cluster_leader
