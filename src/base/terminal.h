#pragma once

#include <cstddef>
#include <optional>

namespace cluster_leader {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

/// The size of the terminal that stdout is; nothing if it is none. One that does not say how large
/// it is counts as 80 by 24.
std::optional<TerminalSize> terminal_size();

}  // namespace cluster_leader
