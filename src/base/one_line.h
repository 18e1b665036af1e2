#pragma once

#include <algorithm>
#include <string>

namespace cluster_leader {

/// `text` without control characters, each a blank instead, so that a message can be neither cut
/// nor forged by what it quotes.
inline std::string one_line(std::string text) {
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  return text;
}

}  // namespace cluster_leader
