#include "report/table.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "report/screen.h"

namespace cluster_leader {

namespace {

struct Range {
  char32_t first, last;
};

/// Printed over the character before them.
constexpr Range kNarrow[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
                             {0x0900, 0x0902}, {0x0941, 0x0948}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
                             {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f},
                             {0xfe20, 0xfe2f}};

/// Two columns wide (Unicode's East Asian Width W and F), in blocks.
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},  {0x4e00, 0xa4cf},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

/// Not seen itself, but changes how others are: controls, directions, joiners, line ends, tags.
constexpr Range kUnseen[] = {{0x0080, 0x009f}, {0x00ad, 0x00ad}, {0x061c, 0x061c},
                             {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
                             {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};

template <std::size_t N>
bool is_in(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return c >= range.first && c <= range.last; });
}

/// The first character of `bytes`, which are not empty, and how many bytes it has; none if they are
/// no UTF-8.
struct Decoded {
  char32_t value = 0;
  std::size_t length = 0;
};
Decoded decode(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() < length) return {};
  char32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    value = value << 6U | (byte(i) & 0x3fU);
  }
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kLeast[length] || value > 0x10ffff || is_surrogate) return {};
  return {value, length};
}

void append_hex(std::string& text, std::uint32_t value, int least_digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (; value != 0 || static_cast<int>(digits.size()) < least_digits; value >>= 4U) {
    digits.insert(digits.begin(), kDigits[value & 15U]);
  }
  text += digits;
}

std::size_t width_of_character(char32_t c) {
  return is_in(kNarrow, c) ? 0 : is_in(kWide, c) ? 2 : 1;
}

constexpr const char* kGap = "  ";
constexpr const char* kNothing = "-";

}  // namespace

std::string visible(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    const Decoded c = decode(bytes.substr(i));
    if (c.value == '\n') {
      text += "\\n";
    } else if (c.value == '\t') {
      text += "\\t";
    } else if (c.length == 0 || c.value < 0x20 || c.value == 0x7f) {
      append_hex(text += "\\x", static_cast<unsigned char>(bytes[i]), 2);
    } else if (is_in(kUnseen, c.value)) {
      append_hex(text += "\\u{", c.value, 1);
      text += '}';
    } else {
      text += bytes.substr(i, c.length);
    }
    i += std::max<std::size_t>(c.length, 1);
  }
  return text;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Decoded c = decode(text);
    width += width_of_character(c.value);
    text.remove_prefix(std::max<std::size_t>(c.length, 1));
  }
  return width;
}

std::string shortened(std::string_view bytes, std::size_t width) {
  constexpr std::string_view kMore = "...";
  std::string text = visible(bytes);
  if (width_of(text) <= width) return text;
  std::size_t used = kMore.size();
  std::size_t end = 0;
  for (;;) {
    const Decoded c = decode(std::string_view(text).substr(end));
    used += width_of_character(c.value);
    if (used > width) break;
    end += std::max<std::size_t>(c.length, 1);
  }
  return text.substr(0, end).append(kMore);
}

std::string painted(std::string_view text, Paint paint, bool coloured) {
  const char* code = nullptr;
  switch (paint) {
    case Paint::kNone:
      break;
    case Paint::kGreen:
      code = "\x1b[32m";
      break;
    case Paint::kYellow:
      code = "\x1b[33m";
      break;
    case Paint::kRed:
      code = "\x1b[31m";
      break;
    case Paint::kFaint:
      code = "\x1b[2m";
      break;
    case Paint::kBold:
      code = "\x1b[1m";
      break;
  }
  if (!coloured || code == nullptr) return std::string(text);
  return std::string(code).append(text).append("\x1b[0m");
}

std::string draw_table(const std::vector<std::vector<Cell>>& rows, bool coloured) {
  const auto text_of = [](const Cell& cell) {
    return cell.text.empty() ? std::string(kNothing) : visible(cell.text);
  };
  std::vector<std::size_t> widths;
  for (const std::vector<Cell>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(text_of(row[i])));
    }
  }
  std::string table;
  for (const std::vector<Cell>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string text = text_of(row[i]);
      table += painted(text, row[i].paint, coloured);
      // No blanks at the end of a line.
      if (i + 1 < row.size()) table.append(widths[i] - width_of(text), ' ').append(kGap);
    }
    table += '\n';
  }
  return table;
}

bool wants_colour() {
  const char* no_color = std::getenv("NO_COLOR");
  return (no_color == nullptr || *no_color == '\0') && can_redraw();
}

}  // namespace cluster_leader
