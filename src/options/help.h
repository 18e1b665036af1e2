#pragma once

#include <string>

#include "options/option_table.h"

namespace cluster_leader {

/// What `cluster-leader --help` shows, and `cluster-leader VERB --help`.
std::string help();
std::string help_of(const VerbRow& verb);

}  // namespace cluster_leader
