#include <hiredis/hiredis.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "lease/hash_tag.h"
#include "store/failure.h"
#include "store/measurements.h"
#include "store/redis/caller.h"
#include "store/redis/info.h"
#include "store/redis/replies.h"
#include "store/redis/slots.h"

namespace cluster_leader {

namespace {

using Command = RedisCaller::Command;
using Replies = RedisCaller::Replies;

/// What a node says about the cluster; nothing if it cannot be asked, which sets `failure`.
std::optional<Replies> ask(const RedisLocation& node, Duration patience, Failed& failure) {
  RedisCaller caller(node, RedisCaller::Role::kNode);
  if (auto failed = caller.connect(BootClock::now() + patience)) {
    failure = *std::move(failed);
    return std::nullopt;
  }
  const Command commands[] = {
      {"CLUSTER", "SLOTS"}, {"CLUSTER", "INFO"}, {"CONFIG", "GET", "cluster-node-timeout"}};
  auto answered = caller.call(commands, BootClock::now() + kLeastPatience);
  if (auto* failed = std::get_if<Failed>(&answered)) {
    failure = std::move(*failed);
    return std::nullopt;
  }
  return std::get<Replies>(std::move(answered));
}

}  // namespace

ClusterMeasurements measure(const ClusterLocation& location, const std::string& prefix,
                            const Candidate& candidate, Duration patience) {
  ClusterMeasurements result;
  std::optional<Replies> replies;
  Endpoint asked;
  for (const Endpoint& endpoint : location.nodes) {
    Failed failure;
    asked = endpoint;
    replies = ask(at(location.node, endpoint), patience, failure);
    if (replies) break;
    if (!result.failure) result.failure = from_server(describe(endpoint), std::move(failure));
  }
  if (!replies) return result;
  result.failure.reset();
  const redisReply& slots = *replies->front();
  if (slots.type == REDIS_REPLY_ERROR) {
    result.failure = failure_of_request(text_of(slots));
    return result;
  }
  result.state = value_in(text_of(*(*replies)[1]), "cluster_state");
  const redisReply& timeout = *(*replies)[2];
  if (timeout.elements == 2) result.node_timeout = milliseconds_in(text_of(*timeout.element[1]));
  const bool has_one_slot = has_own_tag(prefix);
  for (const SlotRange& range : slots_in(slots, asked)) {
    result.slots += static_cast<std::size_t>(range.last - range.first) + 1;
    const std::uint16_t slot = has_one_slot ? slot_of(prefix) : range.first;
    const bool is_useful = range.first <= slot && slot <= range.last;
    const auto is_same = [&](const auto& one) { return one.endpoint == range.primary; };
    const auto& known = result.primaries;
    if (!is_useful || std::any_of(known.begin(), known.end(), is_same)) continue;
    result.primaries.push_back({range.primary, measure(at(location.node, range.primary), prefix,
                                                       candidate, patience, tag_for(slot))});
  }
  return result;
}

}  // namespace cluster_leader
