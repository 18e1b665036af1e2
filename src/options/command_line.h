#pragma once

#include <span>
#include <string>

#include "options/option_table.h"
#include "options/raw_options.h"

namespace cluster_leader {

/// The options in `words`, which are those between the verb and "--". Throws UsageError about what
/// cannot be read. Where help is asked for, that is all that it tells, and it does not look for
/// options that the verb does not have.
RawOptions read_command_line(const VerbRow& verb, std::span<const char* const> words);

/// What `cluster-leader --help` shows, and `cluster-leader VERB --help`.
std::string help();
std::string help_of(const VerbRow& verb);

}  // namespace cluster_leader
