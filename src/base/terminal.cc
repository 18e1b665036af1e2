#include "base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace cluster_leader {

std::optional<TerminalSize> terminal_size() {
  if (::isatty(STDOUT_FILENO) != 1) return std::nullopt;
  TerminalSize size;
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0) {
    if (window.ws_col > 0) size.columns = window.ws_col;
    if (window.ws_row > 0) size.lines = window.ws_row;
  }
  return size;
}

}  // namespace cluster_leader
