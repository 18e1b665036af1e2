#pragma once

#include <memory>
#include <string>

#include "options/options.h"

namespace spdlog {
class logger;
}

namespace cluster_leader {

/// What is said to people: one line on stderr for each message, in one write(2), text or JSON. A
/// line is never longer than PIPE_BUF: a message that would make it so loses its middle. A line
/// that stderr cannot take at once is dropped, since nothing may hold up a kill; and O_NONBLOCK is
/// never set, since stderr is shared with the job and our caller. Costs nothing until something is
/// said.
class Reporter {
 public:
  explicit Reporter(const Options& options);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void error(const std::string& text);    ///< why we failed; also under --quiet
  void warning(const std::string& text);  ///< not under --quiet
  void info(const std::string& text);     ///< under --verbose only

 private:
  enum class Level { kError, kWarning, kInfo };
  void say(Level level, const std::string& text);
  spdlog::logger& logger();

  Options::LogLevel level_;
  Options::LogFormat format_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace cluster_leader
