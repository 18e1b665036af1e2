#pragma once

#include <string>

#include "report/reporter.h"

namespace cluster_leader {

/// To be called first by a verb that only prints: closed standard descriptors are opened on
/// /dev/null, and neither a reader that closes its end nor a file that has reached its size limit
/// kills us.
void prepare_standard_descriptors();

/// Writes all of `text` to stdout, waiting for a slow reader. If that fails, reports it and returns
/// false.
bool print(const std::string& text, Reporter& reporter);

}  // namespace cluster_leader
