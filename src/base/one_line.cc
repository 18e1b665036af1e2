#include "base/one_line.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cluster_leader {

namespace {

constexpr std::string_view kGap = " [...] ";

/// The end of the character that begins at `at`. Each byte that is not UTF-8 counts as a character.
std::size_t end_of_character(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
  const auto continues = [&](std::size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0U) == 0x80;
  };
  std::size_t end = at + 1;
  while (end < at + length && continues(end)) ++end;
  return end;
}

/// The same in the content of a JSON string: one character, \n, \u00e9, or \ud83d\ude00.
std::size_t end_of_escape(std::string_view text, std::size_t at) {
  if (text[at] != '\\') return at + 1;
  if (text[at + 1] != 'u') return at + 2;
  const bool is_half = text[at + 2] == 'd' && text[at + 3] >= '8' && text[at + 3] <= 'b';
  return at + (is_half ? 12 : 6);
}

/// Cuts the middle out of a `text` that is longer than kLongestMessage.
template <typename EndOf>
std::string shortened(std::string text, const EndOf& end_of) {
  if (text.size() <= kLongestMessage) return text;
  const std::size_t half = (kLongestMessage - kGap.size()) / 2;
  std::size_t head = 0;
  std::size_t at = 0;
  while (at < text.size() - half) {
    at = end_of(text, at);
    if (at <= half) head = at;
  }
  return text.replace(head, at - head, kGap);
}

}  // namespace

std::string one_line(std::string text) {
  text = shortened(std::move(text), end_of_character);
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  for (std::size_t i = 1; i < text.size(); ++i) {
    const auto second = static_cast<unsigned char>(text[i]);
    if (text[i - 1] == '\xc2' && second >= 0x80 && second < 0xa0) text[i - 1] = text[i] = ' ';
  }
  return text;
}

std::string shortened_json(std::string content) {
  return shortened(std::move(content), end_of_escape);
}

}  // namespace cluster_leader
