#include "base/wrap.h"

#include <algorithm>

namespace cluster_leader {

std::vector<std::string> wrapped(std::string_view text, std::size_t width,
                                 std::size_t (*width_of)(std::string_view)) {
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const std::size_t needed = width_of(word);
    if (used > 0 && used + 1 + needed > width) {
      lines.emplace_back();
      used = 0;
    }
    std::string& line = lines.back();
    if (used > 0) line += ' ';
    line += word;
    used += needed + (used > 0 ? 1 : 0);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace cluster_leader
