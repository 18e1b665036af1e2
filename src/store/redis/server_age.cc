#include "store/redis/server_age.h"

#include <hiredis/hiredis.h>

#include "store/measurements.h"
#include "store/redis/replies.h"

namespace cluster_leader {

void ServerAge::handle(const redisReply& info) {
  is_asked_ = false;
  hidden_because_.clear();
  if (const auto uptime = facts_in(text_of(info)).uptime_s) {
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
