#pragma once

#include <optional>
#include <string>

#include "report/run_ending.h"

namespace cluster_leader {

/// Writes one JSON object about a run to `path`, atomically and with mode 0644: a reader finds the
/// old object or the new one, never half of one. A job itself may exit 75 or 79, so the status
/// alone does not say what happened; `outcome` does. The manual lists the fields under RESULT FILE.
/// Returns why the file could not be written, or nothing.
std::optional<std::string> write_result_file(const std::string& path, const RunEnding& ending);

}  // namespace cluster_leader
