#include "store/measurements.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>
#include <variant>

#include "base/random.h"
#include "store/net/resolver.h"
#include "store/redis/caller.h"
#include "store/redis/info.h"
#include "store/redis/names.h"
#include "store/redis/replies.h"
#include "store/redis/store.h"

namespace cluster_leader {

namespace {

using Command = RedisCaller::Command;
using Replies = RedisCaller::Replies;
using std::chrono::milliseconds;

/// Whether the server refuses the command itself; other errors are not about rights.
std::optional<Refusal> refusal_in(std::string_view error, const std::string& right) {
  const auto says = [&](std::string_view words) { return error.find(words) != error.npos; };
  switch (refusal_of_command(error)) {
    case CommandRefusal::kNone:
      return std::nullopt;
    case CommandRefusal::kMissing:
      return Refusal{right, Refusal::Cause::kMissing};
    case CommandRefusal::kScript:
      return Refusal{right, Refusal::Cause::kScript};
    case CommandRefusal::kRight:
      break;
  }
  if (says("channel")) return Refusal{right, Refusal::Cause::kChannel};
  const bool is_key = says("access a key") || says("of the keys") || says("to access key");
  return Refusal{right, is_key ? Refusal::Cause::kKey : Refusal::Cause::kCommand};
}

/// Tries each command of our scripts inside a script, and returns an error or '' for each.
/// KEYS: lock, record.  ARGV: events channel.
constexpr const char* kProbeScript = R"(
local function try(...)
  local reply = redis.pcall(...)
  return type(reply) == 'table' and reply.err or ''
end
local lock, record = KEYS[1], KEYS[2]
return {
  try('SET', lock, 'x', 'PX', 1000), try('GET', lock), try('PTTL', lock), try('PEXPIRE', lock, 1000),
  try('HSET', record, 'doctor', 'x'), try('PEXPIRE', record, 1000), try('HMGET', record, 'doctor'),
  try('HDEL', record, 'doctor'), try('DEL', lock), try('TIME'), try('INFO', 'server'),
  try('PUBLISH', ARGV[1], 'doctor')}
)";
constexpr const char* kProbedInScript[] = {"set",   "get",  "pttl", "pexpire", "hset", "pexpire",
                                           "hmget", "hdel", "del",  "time",    "info", "publish"};

class Measurement {
 public:
  Measurement(const RedisLocation& location, const std::string& prefix, const Candidate& candidate,
              Duration patience, const std::string& tag)
      : location_(location),
        candidate_(candidate),
        patience_(patience),
        role_(tag.empty() ? RedisCaller::Role::kPrimary : RedisCaller::Role::kNode),
        key_(probe_key(prefix + tag)),
        record_(record_name(key_)),
        mark_(std::string(kPromotionMark) + (tag.empty() ? "" : ":" + tag)),
        caller_(location, tag.empty() ? RedisCaller::Role::kAny : role_) {}

  RedisMeasurements operator()() {
    result_.failure = caller_.connect(BootClock::now() + patience_);
    result_.times = caller_.times();
    result_.tls = caller_.tls();
    result_.is_address = numeric_address(location_.host, location_.port).has_value();
    if (result_.failure) return std::move(result_);
    result_.speaks_resp2 = caller_.login().speaks_resp2();
    result_.version = caller_.login().version();
    result_.wrong_role = caller_.login().wrong_role();
    read_facts();
    if (!result_.failure) read_clock();
    if (!result_.failure && !result_.wrong_role) {
      probe_rights();
      // The server may not accept two connections.
      caller_.disconnect();
      result_.lease = probe_lease_there();
      call({{"DEL", key_.value}, {"DEL", record_}});
    }
    return std::move(result_);
  }

 private:
  LeaseProbe probe_lease_there() const {
    RedisStore store(location_, candidate_, role_);
    return probe_lease(store, key_, candidate_.node, kLeastPatience);
  }

  /// The replies; none if it fails, which sets the failure of the result.
  Replies call(const std::vector<Command>& commands) {
    auto answered = caller_.call(commands, BootClock::now() + kLeastPatience);
    if (auto* failed = std::get_if<Failed>(&answered)) {
      result_.failure = std::move(*failed);
      return {};
    }
    return std::get<Replies>(std::move(answered));
  }

  /// Whether the server is busy or loading, and refuses everything, which is not about rights. Sets
  /// the failure of the result.
  bool is_busy(const redisReply& reply) {
    const std::string_view error = text_of(reply);
    if (reply.type != REDIS_REPLY_ERROR || !is_about_server(error_code(error))) return false;
    result_.failure = failure_of_request(error);
    return true;
  }

  void read_facts() {
    const Replies replies = call({{"INFO"}});
    if (replies.empty()) return;
    if (is_busy(*replies[0]) || replies[0]->type == REDIS_REPLY_ERROR) return;
    result_.facts = facts_in(text_of(*replies[0]));
    if (!result_.facts->has_append_file) return;
    const bool appends = *result_.facts->has_append_file;
    const Replies settings = call({{"CONFIG", "GET", appends ? "appendfsync" : "save"}});
    if (settings.empty() || settings[0]->elements != 2) return;
    (appends ? result_.append_fsync : result_.snapshots) = text_of(*settings[0]->element[1]);
  }

  /// The fastest of several replies is the best measure of the server's clock.
  void read_clock() {
    constexpr int kTries = 5;
    Duration quickest = Duration::max();
    for (int i = 0; i < kTries; ++i) {
      const Time begin = BootClock::now();
      const std::int64_t ours_ms = wall_clock_ms();
      const Replies replies = call({{"TIME"}});
      const Duration took = BootClock::now() - begin;
      if (replies.empty() || is_busy(*replies[0]) || replies[0]->elements != 2) return;
      const auto theirs_ms = milliseconds_of(*replies[0]);
      if (!theirs_ms || took >= quickest) continue;
      quickest = took;
      result_.clock_ahead = milliseconds(*theirs_ms - ours_ms) - took / 2;
    }
  }

  /// TIME's reply in ms since 1970; nothing if it makes no sense.
  static std::optional<std::int64_t> milliseconds_of(const redisReply& reply) {
    std::int64_t parts[2] = {};
    constexpr std::int64_t kLargest[2] = {std::int64_t{1} << 36U, 999'999};
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string_view text = text_of(*reply.element[i]);
      const auto error = std::from_chars(text.data(), text.data() + text.size(), parts[i]).ec;
      if (error != std::errc() || parts[i] < 0 || parts[i] > kLargest[i]) return std::nullopt;
    }
    return parts[0] * 1000 + parts[1] / 1000;
  }

  /// Tries each command that our scripts and verbs use, on its own: inside a script some servers do
  /// not name the command that they refuse.
  void probe_rights() {
    const std::string channel = events_channel(key_);
    const std::string unknown_sha1(40, '0');
    const std::string queue = queue_name(key_);
    std::vector<std::pair<const char*, Command>> probes = {
        {"eval", {"EVAL", "return 1", "0"}},
        {"evalsha", {"EVALSHA", unknown_sha1, "0"}},
        {"set", {"SET", key_.value, "x", "PX", "1000"}},
        {"get", {"GET", key_.value}},
        {"pttl", {"PTTL", key_.value}},
        {"pexpire", {"PEXPIRE", key_.value, "1000"}},
        {"hset", {"HSET", record_, "doctor", "x"}},
        {"pexpire", {"PEXPIRE", record_, "1000"}},
        {"hmget", {"HMGET", record_, "doctor"}},
        {"hdel", {"HDEL", record_, "doctor"}},
        {"zadd", {"ZADD", queue, "XX", "1", "doctor"}},
        {"zscore", {"ZSCORE", queue, "doctor"}},
        {"zrank", {"ZRANK", queue, "doctor"}},
        {"zcount", {"ZCOUNT", queue, "1", "1"}},
        {"zrangebyscore", {"ZRANGEBYSCORE", queue, "1", "1"}},
        {"zrevrangebyscore", {"ZREVRANGEBYSCORE", queue, "1", "1"}},
        {"zremrangebyscore", {"ZREMRANGEBYSCORE", queue, "2", "2"}},
        {"zrem", {"ZREM", queue, "doctor"}},
        {"hmget", {"HMGET", mark_, "replid"}},
        {"del", {"DEL", key_.value}},
        {"time", {"TIME"}},
        {"info", {"INFO", "server"}},
        {"publish", {"PUBLISH", channel, "doctor"}},
        {"scan", {"SCAN", "0", "MATCH", record_, "COUNT", "1"}},
    };
    if (role_ == RedisCaller::Role::kNode) probes.push_back({"asking", {"ASKING"}});
    if (location_.min_replicas > 0) probes.push_back({"wait", {"WAIT", "0", "1"}});
    std::vector<Command> commands;
    commands.reserve(probes.size());
    for (const auto& probe : probes) commands.push_back(probe.second);
    commands.push_back({"EVAL", kProbeScript, "2", key_.value, record_, channel});
    // After SUBSCRIBE, a RESP2 connection can be used for nothing else.
    commands.push_back({"SUBSCRIBE", channel});
    const Replies replies = call(commands);
    if (replies.empty()) return;
    for (std::size_t i = 0; i < probes.size(); ++i) add_refusal(*replies[i], probes[i].first);
    add_refusal(*replies.back(), "subscribe");
    const redisReply& in_script = *replies[probes.size()];
    for (std::size_t i = 0; i < in_script.elements && i < std::size(kProbedInScript); ++i) {
      add_refusal_in_script(text_of(*in_script.element[i]), kProbedInScript[i]);
    }
  }

  void add_refusal(const redisReply& reply, const std::string& right) {
    if (reply.type != REDIS_REPLY_ERROR) return;
    const auto refusal = refusal_in(text_of(reply), right);
    if (refusal && !is_refused(*refusal)) result_.refusals.push_back(*refusal);
  }

  /// Adds what is refused inside scripts, unless it is refused outside as well.
  void add_refusal_in_script(std::string_view error, const std::string& right) {
    auto refusal = refusal_in(error, right);
    if (!refusal) return;
    const auto& known = result_.refusals;
    const auto is_same = [&](const Refusal& one) { return one.right == right; };
    if (std::any_of(known.begin(), known.end(), is_same)) return;
    refusal->cause = Refusal::Cause::kScript;
    result_.refusals.push_back(*refusal);
  }

  bool is_refused(const Refusal& refusal) const {
    const auto& known = result_.refusals;
    return std::find(known.begin(), known.end(), refusal) != known.end();
  }

  const RedisLocation& location_;
  const Candidate& candidate_;
  const Duration patience_;
  const RedisCaller::Role role_;
  const Key key_;
  const std::string record_;
  const std::string mark_;
  RedisCaller caller_;
  RedisMeasurements result_;
};

}  // namespace

RedisMeasurements measure(const RedisLocation& location, const std::string& prefix,
                          const Candidate& candidate, Duration patience, const std::string& tag) {
  return Measurement(location, prefix, candidate, patience, tag)();
}

}  // namespace cluster_leader
