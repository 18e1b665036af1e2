#pragma once

#include <span>
#include <string>

#include "options/option_table.h"
#include "options/raw_options.h"

namespace cluster_leader {

/// The options in `words`, which are the verb and what stands between it and "--", written as
/// getopt_long(3) has them, but not abbreviated. Throws UsageError about the first word that cannot
/// be read, unless help is asked for before any word that is no option: then that is all that
/// counts. Not for two threads at a time.
RawOptions read_command_line(const VerbRow& verb, std::span<const char* const> words);

}  // namespace cluster_leader
