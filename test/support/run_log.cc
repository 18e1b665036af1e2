#include "support/run_log.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace cluster_leader {

RunLog RunLog::read(const std::string& path) {
  RunLog log;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    Line line;
    std::istringstream(text) >> line.what >> line.token >> line.pid >> line.at;
    log.lines.push_back(line);
  }
  return log;
}

int RunLog::count(const std::string& what) const {
  return static_cast<int>(std::count_if(lines.begin(), lines.end(),
                                        [&](const Line& line) { return line.what == what; }));
}

std::string RunLog::fault() const {
  std::int64_t last_token = 0;
  std::int64_t last_at = 0;
  int running = 0;
  for (const Line& line : lines) {
    const std::string where =
        " (pid " + std::to_string(line.pid) + ", token " + std::to_string(line.token) + ")";
    if (line.at == 0) return "a line that cannot be read" + where;
    if (line.what == "OVERLAP") return "started while another one was alive" + where;
    if (line.what == "start") {
      if (line.token <= last_token) return "a token that did not rise" + where;
      if (line.at < last_at) return "started before the last one had ended" + where;
      last_token = line.token;
      running = line.pid;
    } else if (line.pid != running) {
      return "ended after another one had started" + where;
    }
    last_at = line.at;
  }
  return {};
}

}  // namespace cluster_leader
