#include "store/redis/server_age.h"

#include <hiredis/hiredis.h>

#include <utility>

#include "store/redis/info.h"
#include "store/redis/replies.h"

namespace cluster_leader {

void ServerAge::handle(const redisReply& info, Time now) {
  is_asked_ = false;
  hidden_because_.clear();
  is_refused_ = info.type == REDIS_REPLY_ERROR;
  ServerFacts facts = facts_in(text_of(info));
  replication_id_ = std::move(facts.replication_id);
  was_replica_ = facts.was_replica;
  if (!facts.run_id.empty() && std::exchange(run_id_, facts.run_id) != facts.run_id) {
    watched_since_ = now;
  }
  if (facts.uptime_s) {
    uptime_s_ = *facts.uptime_s;
    return;
  }
  if (!is_refused_) {
    hidden_because_ = "its uptime makes no sense; was its clock set back?";
    return;
  }
  switch (refusal_of_command(text_of(info))) {
    case CommandRefusal::kRight:
      hidden_because_ = "the user may not run INFO; ACL SETUSER USER +info";
      break;
    case CommandRefusal::kMissing:
      hidden_because_ = "the server has no INFO";
      break;
    default:
      // Also what a proxy says whose server is down.
      watched_since_ = now;
      hidden_because_ = "the server refuses INFO";
  }
}

KnownServer ServerAge::at(Time now) const {
  const auto watched = std::chrono::floor<std::chrono::seconds>(now - watched_since_).count();
  return {is_hidden() ? watched : uptime_s_, replication_id_, was_replica_};
}

}  // namespace cluster_leader
