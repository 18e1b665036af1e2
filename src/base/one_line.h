#pragma once

#include <algorithm>
#include <string>

namespace cluster_leader {

/// `text` without control characters, each a blank instead, so that a message can be neither cut
/// nor forged by what it quotes, nor play with a terminal. Those beyond ASCII (U+0080 to U+009F)
/// are C2 and a second byte in UTF-8. What is longer than a pipe takes at once loses its middle.
inline std::string one_line(std::string text) {
  constexpr std::size_t kLongest = 3000;
  if (text.size() > kLongest) {
    text.replace(kLongest / 2, text.size() - kLongest, " [...] ");
  }
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  for (std::size_t i = 1; i < text.size(); ++i) {
    const auto second = static_cast<unsigned char>(text[i]);
    if (text[i - 1] == '\xc2' && second >= 0x80 && second < 0xa0) text[i - 1] = text[i] = ' ';
  }
  return text;
}

}  // namespace cluster_leader
