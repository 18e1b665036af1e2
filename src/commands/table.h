#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cluster_leader {

/// `bytes` as they may be shown on a terminal: what would move its cursor, change its colours, turn
/// the direction of writing or cannot be seen stands as \n, \x1b or \u{202e}, and so does what is
/// no UTF-8. Everything else stays.
std::string visible(std::string_view bytes);

/// How many columns a terminal needs for `text`, which visible() has returned.
std::size_t width_of(std::string_view text);

/// visible(), but what is wider than `width` columns ends with "...".
std::string shortened(std::string_view bytes, std::size_t width);

enum class Paint : std::uint8_t { kNone, kGreen, kYellow, kRed, kFaint, kBold };

/// `text` in that colour, if colours are wanted.
std::string painted(std::string_view text, Paint paint, bool coloured);

/// One field of a table. Its text is made visible() when it is drawn.
struct Cell {
  std::string text;
  Paint paint = Paint::kNone;
};

/// The rows one below the other, with columns as wide as what stands in them; an empty cell is "-".
std::string draw_table(const std::vector<std::vector<Cell>>& rows, bool coloured);

/// Whether what goes to stdout may have colours: it is a terminal that has some, and nobody has set
/// NO_COLOR (https://no-color.org).
bool wants_colour();

}  // namespace cluster_leader
