#include "report/reporter.h"

#include <limits.h>
#include <poll.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cassert>
#include <nlohmann/json.hpp>

#include "base/one_line.h"

namespace cluster_leader {

namespace {

class StderrSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
    // A pipe that is ready takes so much at once, and more of it would wait for a reader.
    assert(line.size() <= PIPE_BUF);
    // A short write, or none, is all that a broken stderr allows.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  void flush_() override {}
};

}  // namespace

Reporter::Reporter(LogStyle style) : style_(style) {}

Reporter::~Reporter() = default;

spdlog::logger& Reporter::logger() {
  if (!logger_) {
    logger_ = std::make_unique<spdlog::logger>("cluster-leader", std::make_shared<StderrSink>());
    logger_->set_level(spdlog::level::info);
    if (style_.json) {
      logger_->set_pattern(R"({"time":"%Y-%m-%dT%T.%eZ","level":"%l","message":%v})",
                           spdlog::pattern_time_type::utc);
    } else {
      logger_->set_pattern("%n: %v");
    }
  }
  return *logger_;
}

void Reporter::write(Level level, const std::string& text) {
  const spdlog::level::level_enum severity = level == Level::kError     ? spdlog::level::err
                                             : level == Level::kWarning ? spdlog::level::warn
                                                                        : spdlog::level::info;
  if (style_.json) {
    std::string content =
        nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    content = shortened_json(content.substr(1, content.size() - 2));
    logger().log(severity, "\"{}\"", content);
  } else {
    logger().log(severity, "{}{}", level == Level::kWarning ? "warning: " : "", one_line(text));
  }
}

void Reporter::error(const std::string& text) { write(Level::kError, text); }

void Reporter::warning(const std::string& text) {
  if (!style_.quiet) write(Level::kWarning, text);
}

void Reporter::info(const std::string& text) {
  if (style_.verbose) write(Level::kInfo, text);
}

}  // namespace cluster_leader
