#include "store/redis/server_age.h"

#include <hiredis/hiredis.h>

#include <utility>

#include "store/measurements.h"
#include "store/redis/replies.h"

namespace cluster_leader {

void ServerAge::handle(const redisReply& info) {
  is_asked_ = false;
  hidden_because_.clear();
  ServerFacts facts = facts_in(text_of(info));
  replication_id_ = std::move(facts.replication_id);
  was_replica_ = facts.was_replica;
  if (facts.uptime_s) {
    uptime_s_ = *facts.uptime_s;
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

KnownServer ServerAge::at(Time now) const {
  const auto watched = std::chrono::floor<std::chrono::seconds>(now - watched_since_).count();
  return {is_hidden() ? watched : uptime_s_, replication_id_, was_replica_};
}

}  // namespace cluster_leader
