#pragma once

#include <optional>
#include <string>

#include "commands/run_ending.h"
#include "options/options.h"

namespace cluster_leader {

/// Writes what Prometheus' textfile collector reads to `path`, atomically and with mode 0644: the
/// last run, and how many runs there were with which outcome, counted on from what stands in the
/// file already. A file is for one key on one node: whatever else stands in it is replaced, and
/// counts begin at zero. Runs that end at the same time write one after the other, under a lock on
/// the file's directory. The metrics are those of the manual's METRICS FILE. Returns why it could
/// not be written, or nothing.
std::optional<std::string> write_metrics_file(const std::string& path, const Options& options,
                                              const RunEnding& ending);

}  // namespace cluster_leader
