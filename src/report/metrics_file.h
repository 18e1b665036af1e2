#pragma once

#include <optional>
#include <string>

#include "report/run_ending.h"

namespace cluster_leader {

/// Writes a file for Prometheus' textfile collector to `path`, atomically and with mode 0644: the
/// last run, and how many runs had which outcome, added to the counts in the old file. A file is
/// for one key on one node: other content is replaced, and its counts begin at zero. Runs that end
/// at the same time write one after the other, under a lock on the file's directory. The manual
/// lists the metrics under METRICS FILE. Returns why the file could not be written, or nothing.
std::optional<std::string> write_metrics_file(const std::string& path, const RunEnding& ending);

}  // namespace cluster_leader
