#pragma once

#include <cstddef>
#include <string>

namespace cluster_leader {

/// Whether stdout is a terminal that can be redrawn: not TERM=dumb.
bool can_redraw();

/// What shows `text`, which ends its lines, on a terminal of `lines` lines instead of what is
/// there. Every line is written over the one before, and nothing is cleared first, so that it does
/// not flicker. Lines for which there is no room are left out, and the last one says so.
std::string redrawn(const std::string& text, std::size_t lines);

}  // namespace cluster_leader
