#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/table.h"

namespace cluster_leader {

/// Something to do about a table that is too wide for its terminal.
struct Saving {
  std::size_t column = 0;
  std::size_t width = 0;  ///< to which the column may be shortened; 0: leave it out
};

/// draw_table() in at most `width` columns, as far as that can be had by `savings`, of which as
/// many are made as are needed, in this order. A column is not shortened more than needed.
std::string fitted_table(std::vector<std::vector<Cell>> rows, const std::vector<Saving>& savings,
                         std::size_t width, bool coloured);

}  // namespace cluster_leader
