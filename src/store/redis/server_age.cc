#include "store/redis/server_age.h"

#include <hiredis/hiredis.h>

#include <charconv>
#include <string_view>

#include "store/redis/replies.h"

namespace cluster_leader {

std::optional<std::int64_t> uptime_in(const redisReply& info) {
  constexpr std::string_view kName = "\nuptime_in_seconds:";
  const std::string_view text = text_of(info);
  const std::size_t at = text.find(kName);
  if (at == text.npos) return std::nullopt;
  const std::string_view digits = text.substr(at + kName.size());
  std::int64_t seconds = 0;
  const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), seconds).ec;
  if (error != std::errc() || seconds < 0) return std::nullopt;
  return seconds;
}

void ServerAge::handle(const redisReply& info) {
  is_asked_ = false;
  hidden_because_.clear();
  if (const auto uptime = uptime_in(info)) {
    uptime_s_ = *uptime;
    return;
  }
  if (info.type != REDIS_REPLY_ERROR) {
    hidden_because_ = "its uptime makes no sense; was its clock set back?";
    return;
  }
  switch (refusal_of_command(text_of(info))) {
    case CommandRefusal::kRight:
      hidden_because_ = "the user may not run INFO; ACL SETUSER: +info";
      break;
    case CommandRefusal::kMissing:
      hidden_because_ = "the server has no INFO";
      break;
    default:
      hidden_because_ = "the server refuses INFO";
  }
}

std::int64_t ServerAge::seconds_at(Time now) const {
  if (!is_hidden()) return uptime_s_;
  return std::chrono::floor<std::chrono::seconds>(now - watched_since_).count();
}

}  // namespace cluster_leader
