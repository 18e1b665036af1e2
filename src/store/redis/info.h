#pragma once

#include <string_view>

#include "store/server_facts.h"

namespace cluster_leader {

/// What the reply to INFO says, or to INFO with the name of a section.
ServerFacts facts_in(std::string_view info);

}  // namespace cluster_leader
