#include "report/screen.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace cluster_leader {

namespace {

constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearRestOfLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

}  // namespace

bool can_redraw() {
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && std::string_view(terminal) != "dumb" &&
         ::isatty(STDOUT_FILENO) == 1;
}

std::string redrawn(const std::string& text, std::size_t lines) {
  const auto count = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  // The cursor needs the last line.
  const std::size_t room = std::max<std::size_t>(lines, 3) - 1;
  const std::size_t shown = count <= room ? count : room - 1;
  std::string out(kHome);
  std::size_t at = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t end = text.find('\n', at);
    out.append(text, at, end - at).append(kClearRestOfLine).append("\n");
    at = end + 1;
  }
  if (shown < count) {
    out.append("... and ").append(std::to_string(count - shown)).append(" more lines");
    out.append(kClearRestOfLine).append("\n");
  }
  return out.append(kClearBelow);
}

}  // namespace cluster_leader
