#include <hiredis/hiredis.h>

#include <algorithm>
#include <variant>

#include "store/measurements.h"
#include "store/redis/caller.h"
#include "store/redis/info.h"
#include "store/redis/replies.h"
#include "store/redis/sentinel_watch.h"

namespace cluster_leader {

namespace {

/// The setting of a Sentinel; nothing if it does not say.
std::optional<Duration> down_after_at(const RedisLocation& sentinel, const std::string& monitor) {
  RedisCaller caller(sentinel, RedisCaller::Role::kSentinel);
  const RedisCaller::Command command = {"SENTINEL", "MASTER", monitor};
  const auto answered = caller.call(std::span(&command, 1), BootClock::now() + kLeastPatience);
  const auto* replies = std::get_if<RedisCaller::Replies>(&answered);
  if (replies == nullptr) return std::nullopt;
  const redisReply& reply = *replies->front();
  for (std::size_t i = 0; i + 1 < reply.elements; i += 2) {
    if (text_of(*reply.element[i]) != "down-after-milliseconds") continue;
    return milliseconds_in(text_of(*reply.element[i + 1]));
  }
  return std::nullopt;
}

}  // namespace

SentinelMeasurements measure(const SentinelLocation& location, Duration patience) {
  SentinelMeasurements result;
  SentinelWatch sentinels(location, patience, Dialer::kAsking);
  Poller poller;
  Time now = BootClock::now();
  const Time deadline = now + patience;
  sentinels.ask(now);
  const std::uint64_t round = sentinels.round();
  while (now < deadline && !sentinels.is_settled(round)) {
    sentinels.watch(poller, now);
    now = poller.wait(std::min(deadline, sentinels.wake_at()));
    sentinels.advance(poller, now);
  }
  result.answered = sentinels.answered(round);
  result.members = sentinels.members(round);
  result.primary = sentinels.named(round);
  if (!result.primary) {
    result.failure = sentinels.failure(round).value_or(
        Failed{Trouble::kUnreachable, "no answer in time (" + sentinels.describe_stage() + ")"});
    return result;
  }
  for (const Endpoint& endpoint : location.sentinels) {
    RedisLocation sentinel = at(location.server, endpoint);
    sentinel.db = 0;
    sentinel.credentials = location.credentials;
    result.down_after = down_after_at(sentinel, location.monitor);
    if (result.down_after) break;
  }
  return result;
}

}  // namespace cluster_leader
