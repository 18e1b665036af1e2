#include "report/metrics_text.h"

#include <nlohmann/json.hpp>

namespace cluster_leader {

std::string metrics_label(const std::string& bytes) {
  const std::string utf8 =
      nlohmann::json::parse(
          nlohmann::json(bytes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
          .get<std::string>();
  std::string text;
  for (const char c : utf8) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text;
}

std::string metrics_seconds(Duration duration) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  const std::string fraction = std::to_string(us % 1'000'000);
  return std::to_string(us / 1'000'000) + '.' + std::string(6 - fraction.size(), '0') + fraction;
}

}  // namespace cluster_leader
