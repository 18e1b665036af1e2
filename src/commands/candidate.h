#pragma once

#include "lease/claim.h"
#include "options/options.h"

namespace cluster_leader {

/// Who this process stands as, for a verb that stands for keys. `--sticky` and `elect` have an
/// identity; for a plain run it is not worth the two files in /proc that it is read from.
Candidate make_candidate(const Options& options);

/// A new holder id for one term of this node.
HolderId new_holder(const std::string& node);

/// `name` as the server has it.
Key full_key(const Options& options, const std::string& name);

}  // namespace cluster_leader
