#include "report/fitted_table.h"

#include <algorithm>

namespace cluster_leader {

namespace {

/// The widths of the columns, without those between them; an empty cell is one wide.
std::vector<std::size_t> widths_of(const std::vector<std::vector<Cell>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::vector<Cell>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 1);
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(visible(row[i].text)));
    }
  }
  return widths;
}

}  // namespace

std::string fitted_table(std::vector<std::vector<Cell>> rows, const std::vector<Saving>& savings,
                         std::size_t width, bool coloured) {
  constexpr std::size_t kGap = 2;
  std::vector<std::size_t> widths = widths_of(rows);
  std::vector<bool> is_left_out(widths.size());
  const auto excess = [&] {
    std::size_t total = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (!is_left_out[i]) total += widths[i] + (total > 0 ? kGap : 0);
    }
    return total > width ? total - width : 0;
  };
  for (const Saving& saving : savings) {
    const std::size_t too_much = excess();
    if (too_much == 0) break;
    std::size_t& present = widths[saving.column];
    if (saving.width == 0) {
      is_left_out[saving.column] = true;
    } else if (present > saving.width) {
      present = std::max(saving.width, present - std::min(present, too_much));
    }
  }
  for (std::vector<Cell>& row : rows) {
    std::vector<Cell> kept;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (is_left_out[i]) continue;
      // What shortened() returns is visible() already, which draw_table() leaves as it is.
      const Paint paint = row[i].text.empty() ? Paint::kFaint : row[i].paint;
      kept.push_back({shortened(row[i].text, widths[i]), paint});
    }
    row = std::move(kept);
  }
  return draw_table(rows, coloured);
}

}  // namespace cluster_leader
