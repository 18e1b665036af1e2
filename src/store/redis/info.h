#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "store/server_facts.h"

namespace cluster_leader {

/// What the reply to INFO says, or to INFO with the name of a section.
ServerFacts facts_in(std::string_view info);

/// The value in the line of `info` that begins with `name` and a colon; empty if there is none.
std::string value_in(std::string_view info, std::string_view name);

/// A setting in ms, such as "15000"; nothing unless it is more than 0 and less than a year.
std::optional<Duration> milliseconds_in(std::string_view setting);

}  // namespace cluster_leader
