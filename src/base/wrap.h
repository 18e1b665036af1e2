#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cluster_leader {

/// How many columns `text` has if it is ASCII.
inline std::size_t bytes_in(std::string_view text) { return text.size(); }

/// `text` in lines of at most `width` columns, as `width_of` counts them. It is broken at blanks
/// only: a word that is wider than a line has one of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width,
                                 std::size_t (*width_of)(std::string_view) = bytes_in);

}  // namespace cluster_leader
