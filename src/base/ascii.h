#pragma once

#include <string>
#include <string_view>

namespace cluster_leader {

/// `text` with its ASCII letters in lower case, whatever the locale.
std::string lower(std::string_view text);

}  // namespace cluster_leader
