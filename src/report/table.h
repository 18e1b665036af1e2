#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cluster_leader {

/// `bytes`, made safe for a terminal: whatever would move the cursor, change colours or the
/// direction of writing, is invisible or not UTF-8 is written as \n, \x1b or \u{202e}.
std::string visible(std::string_view bytes);

/// How many columns a terminal needs for `text`. REQUIRES: visible() has returned it.
std::size_t width_of(std::string_view text);

/// visible(), cut to `width` columns with "..." at the end if it is wider.
std::string shortened(std::string_view bytes, std::size_t width);

enum class Paint : std::uint8_t { kNone, kGreen, kYellow, kRed, kFaint, kBold };

/// `text` in that colour if `coloured`.
std::string painted(std::string_view text, Paint paint, bool coloured);

/// One field of a table; draw_table() makes its text visible().
struct Cell {
  std::string text;
  Paint paint = Paint::kNone;
};

/// One line for each row, with aligned columns; an empty cell is "-".
std::string draw_table(const std::vector<std::vector<Cell>>& rows, bool coloured);

/// Whether to write colours to stdout: it is a terminal that has some, and NO_COLOR is not set
/// (https://no-color.org).
bool wants_colour();

}  // namespace cluster_leader
