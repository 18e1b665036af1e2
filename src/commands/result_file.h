#pragma once

#include <optional>
#include <string>

#include "commands/run_ending.h"
#include "lease/claim.h"
#include "options/options.h"

namespace cluster_leader {

/// Writes one JSON object about a run to `path`, atomically and with mode 0644: whoever reads it
/// finds the old object or the new one, never half of one. A job's own status may be 75 or 79 as
/// well, so that the status alone does not tell what happened; `outcome` does. The fields are those
/// of the manual's RESULT FILE. Returns why it could not be written, or nothing.
std::optional<std::string> write_result_file(const std::string& path, const Options& options,
                                             const Claim& claim, const RunEnding& ending);

}  // namespace cluster_leader
