#pragma once

#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace cluster_leader {

/// Which messages are written, and how.
struct LogStyle {
  bool quiet = false;    ///< errors only
  bool verbose = false;  ///< everything
  bool json = false;     ///< one JSON object per line; otherwise text
};

/// The log: one line on stderr for each message, in one write(2). A line is never longer than
/// PIPE_BUF: the middle of a longer message is cut out. A line that stderr cannot take at once is
/// dropped, since nothing may delay a kill; and O_NONBLOCK is never set, since stderr is shared
/// with the job and our caller. Costs nothing until the first message.
class Reporter {
 public:
  explicit Reporter(LogStyle style);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void error(const std::string& text);    ///< why we failed; always written
  void warning(const std::string& text);  ///< not if quiet
  void info(const std::string& text);     ///< only if verbose

 private:
  enum class Level { kError, kWarning, kInfo };
  void write(Level level, const std::string& text);
  spdlog::logger& logger();

  LogStyle style_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace cluster_leader
