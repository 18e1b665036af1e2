#pragma once

#include <optional>
#include <string>

#include "commands/run_ending.h"
#include "options.h"

namespace cluster_leader {

/// Writes what Prometheus' textfile collector reads to `path`, atomically and with mode 0644: the
/// last run, and how many runs and skips there were, counted on from what stands in the file
/// already. The metrics are those of the manual's METRICS FILE. Returns why it could not be
/// written, or nothing.
std::optional<std::string> write_metrics_file(const std::string& path, const Options& options,
                                              const RunEnding& ending);

}  // namespace cluster_leader
