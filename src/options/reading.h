#pragma once

#include <span>

#include "options/option_table.h"
#include "options/options.h"
#include "options/raw_options.h"

namespace cluster_leader {

/// How to speak on stderr, as far as that can be read.
Options::LogFormat log_format_of(const RawOptions& raw);

/// What the words of the command line and the environment come to. `command` is what stands behind
/// "--"; nothing where there is no "--". Throws UsageError, with one sentence for each rule.
Options read_options(const VerbRow& verb, const RawOptions& raw,
                     std::optional<std::span<const char* const>> command);

}  // namespace cluster_leader
