#pragma once

#include <string>
#include <string_view>

#include "base/ascii.h"

namespace cluster_leader {

/// The scheme of a URL that nobody has checked yet, in lower case.
inline std::string scheme_of(std::string_view url) { return lower(url.substr(0, url.find(':'))); }

}  // namespace cluster_leader
