#include "lease/timeline.h"

#include <algorithm>

namespace cluster_leader {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string in_seconds(Duration d) {
  std::string text = std::to_string(ceil_ms(d) / 1000);
  if (const auto rest = ceil_ms(d) % 1000; rest != 0) {
    std::string digits = std::to_string(1000 + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += '.' + digits;
  }
  return text + " s";
}

}  // namespace

Timeline Timeline::of(Duration ttl) {
  Timeline t;
  t.ttl = ttl;
  t.heartbeat = ttl / 5;
  t.kill_after = ttl / 5;
  // Killing a thousand processes on a loaded machine took 0.25 s, and clocks may drift by 1 %.
  t.margin = std::clamp<Duration>(ttl / 10, milliseconds(300), seconds(2));
  // Several attempts fit between the last successful renewal and stop_at, even if each times out.
  t.attempt = std::min<Duration>(ttl / 6, seconds(1));
  t.connect = std::min<Duration>(ttl / 3, seconds(2));
  t.retry_min = milliseconds(10);
  t.retry_max = std::min<Duration>(ttl / 10, milliseconds(500));
  return t;
}

Time Timeline::renew_at(Time sent_at, Duration beat) const {
  Duration since = (sent_at.time_since_epoch() - beat) % heartbeat;
  if (since < Duration::zero()) since += heartbeat;
  return sent_at + heartbeat - since;
}

std::optional<std::string> Timeline::fault() const {
  if (ttl < seconds(1) || ttl > days(1)) {
    return "the ttl must be between 1 s and 1 d, not " + in_seconds(ttl);
  }
  if (heartbeat <= Duration::zero() || heartbeat > ttl / 3) {
    return "the heartbeat must be more than 0 and at most a third of the ttl (" +
           in_seconds(ttl / 3) + "), not " + in_seconds(heartbeat);
  }
  if (kill_after < Duration::zero()) return "kill-after must not be negative";
  if (heartbeat + attempt + kill_after + margin >= ttl) {
    return "heartbeat (" + in_seconds(heartbeat) + "), one retry (" + in_seconds(attempt) +
           "), kill-after (" + in_seconds(kill_after) + ") and the safety margin (" +
           in_seconds(margin) + ") do not fit into a ttl of " + in_seconds(ttl);
  }
  return std::nullopt;
}

}  // namespace cluster_leader
