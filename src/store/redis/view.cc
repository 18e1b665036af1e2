#include "store/redis/view.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

using State = LeaseView::State;
using std::chrono::milliseconds;

/// The elements of inspect.lua's reply.
enum Field : std::size_t {
  kVerdict,
  kValue,
  kLength,
  kRest,
  kNow,
  kFence,
  kUntil,
  kTtl,
  kHolder,
  kNode,
  kHost,
  kPid,
  kLabel,
  kSince,
  kIdentity,
  kListens,
  kHoldUntil,
  kOnceUntil,
  kCommand,
  kResult,                 ///< the first field of the last run that ended by itself
  kStopped = kResult + 5,  ///< the same of the last one that was made to end
  kWaiters = kStopped + 5,
  kWaitingSince,
  kFields
};

/// The longest value that we write is `parked:` and an identity: a label of 255 bytes, a boot id
/// and a number. The Node-RED node writes a host name.
constexpr std::size_t kLongestValue = 512;

/// The largest integer in Lua, and far more than any time or token in ms.
constexpr std::int64_t kLargestCount = std::int64_t{1} << 53U;

/// Some decades. Keeps times from a server far from an overflow.
constexpr std::int64_t kLongestRestMs = std::int64_t{1} << 40U;

/// Some centuries after 1970, so that a time fits in ns too.
constexpr std::int64_t kLatestMs = std::int64_t{1} << 43U;

constexpr std::string_view kParked = "parked:";

Duration rest_of(std::int64_t ms) {
  return milliseconds(std::clamp<std::int64_t>(ms, 0, kLongestRestMs));
}

/// Checks the types in the reply, and reads the fields of the record.
class Reading {
 public:
  explicit Reading(const redisReply& reply) : reply_(reply) {}

  bool is_sound() const {
    if (reply_.elements != kFields) return false;
    for (std::size_t i = kVerdict; i < kFields; ++i) {
      const int type = reply_.element[i]->type;
      if (i == kLength || i == kRest || i == kWaiters) {
        if (type != REDIS_REPLY_INTEGER) return false;
      } else if (type != REDIS_REPLY_STRING && type != REDIS_REPLY_NIL) {
        return false;
      }
    }
    return true;
  }

  bool has(Field field) const { return reply_.element[field]->type != REDIS_REPLY_NIL; }
  std::int64_t integer(Field field) const { return reply_.element[field]->integer; }
  std::string text(Field field) const { return std::string(text_of(*reply_.element[field])); }

  /// The number in a field; nothing if it is not one.
  std::optional<std::int64_t> number(Field field) const {
    const std::string_view digits = text_of(*reply_.element[field]);
    std::int64_t value = 0;
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, value);
    const bool is_number = error == std::errc() && end == last;
    if (!is_number || value < 0 || value > kLargestCount) return std::nullopt;
    return value;
  }

  /// The same; 0 if the field is missing. If it is not a number: 0, and fault() says so.
  std::int64_t number(Field field, const char* name) {
    if (!has(field)) return 0;
    if (const auto value = number(field)) return *value;
    if (fault_.empty())
      fault_ = std::string("its record has a `") + name + "` that is not a number";
    return 0;
  }

  const std::string& fault() const { return fault_; }

 private:
  const redisReply& reply_;
  std::string fault_;
};

/// The times of a record, in ms by the server's clock.
struct Times {
  std::int64_t now, until, hold_until, once_until;
};

/// The run that is described from `first` on; without a token if there is none. What makes no sense
/// in it is left out: nothing depends on it.
EndedRun run_at(const Reading& reading, std::size_t first) {
  const auto at = [&](std::size_t i) { return static_cast<Field>(first + i); };
  EndedRun run;
  const std::int64_t status = reading.number(at(1)).value_or(-1);
  if (status < 0 || status > 255) return run;
  run.token.value = reading.number(at(0)).value_or(0);
  run.result.status = static_cast<int>(status);
  run.node = reading.text(at(2));
  run.result.started_ms = std::min(reading.number(at(3)).value_or(0), kLatestMs);
  run.result.finished_ms = std::min(reading.number(at(4)).value_or(0), kLatestMs);
  return run;
}

/// Fills in the view of a key without a value.
void describe_absence(LeaseView& view, const Times& times) {
  std::int64_t end = 0;
  if (times.until > times.now) {
    view.state = State::kVanished;
    end = times.until;
  } else if (times.once_until > times.now) {
    view.state = State::kDone;
    end = times.once_until;
  } else {
    return;
  }
  Duration rest = rest_of(end - times.now);
  // No lease ends later than a ttl from now: the clock was set back (see acquire.lua).
  if (view.state == State::kVanished && view.ttl > Duration::zero())
    rest = std::min(rest, view.ttl);
  view.remaining = rest;
}

void forget_record(LeaseView& view) {
  view.node.clear();
  view.host.clear();
  view.label.clear();
  view.identity.clear();
  view.pid = view.since_ms = 0;
  view.token = {};
  view.ttl = {};
}

/// Fills in the view of a key with a value; `holder` is the one in the record.
void describe_value(LeaseView& view, const std::string& holder, std::int64_t rest_ms,
                    const Times& times) {
  const std::string& value = view.holder.value;
  // A label may begin like the value of a parked or held key.
  const bool is_reserved_key = value != holder && is_reserved({value});
  const bool is_parked = is_reserved_key && value.starts_with(kParked);
  const std::string owner = is_parked ? value.substr(kParked.size()) : "";
  const bool is_of_record = is_parked ? view.identity.empty() || view.identity == owner
                                      : value == holder || value == held_after({holder}).value;
  if (!is_of_record) forget_record(view);
  if (is_parked) view.identity = owner;
  if (is_parked || view.node.empty()) view.node = node_of(value);
  if (rest_ms >= 0) view.remaining = rest_of(rest_ms);
  view.state = is_parked ? State::kParked : is_reserved_key ? State::kCoolingDown : State::kHeld;
  if (is_parked && times.hold_until > times.now) {
    view.state = State::kCoolingDown;
    view.remaining = rest_of(times.hold_until - times.now);
  }
}

Inspected foreign(const LeaseName& lease, std::string value, std::string fault) {
  Inspected inspected;
  inspected.view.key = lease.key;
  inspected.view.slot = lease.slot;
  inspected.view.state = State::kForeign;
  inspected.view.node = node_of(value);
  inspected.view.holder.value = std::move(value);
  inspected.view.fault = std::move(fault);
  return inspected;
}

Inspection foreign_data(const LeaseName& lease, const redisReply& reply) {
  if (reply.elements < 2) return not_understood();
  const std::string_view where = text_of(*reply.element[1]);
  if (where == "key") return foreign(lease, "", "the key holds data of another type");
  if (where != "record") return not_understood();
  std::string value(reply.elements > 2 ? text_of(*reply.element[2]) : std::string_view());
  if (value.size() > kLongestValue) value.clear();
  return foreign(lease, std::move(value), "its record is data of another type");
}

}  // namespace

Inspection inspected_of(const LeaseName& lease, const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) return failure_of_request(text_of(reply));
  if (reply.elements == 0) return not_understood();
  const std::string_view verdict = text_of(*reply.element[kVerdict]);
  if (verdict == "other") return foreign_data(lease, reply);
  Reading reading(reply);
  if (verdict != "lease" || !reading.is_sound()) return not_understood();

  const bool has_value = reading.has(kValue);
  const std::int64_t length = reading.integer(kLength);
  if (has_value && length == 0) return foreign(lease, "", "the key holds an empty string");
  if (has_value && length > static_cast<std::int64_t>(kLongestValue)) {
    return foreign(lease, "", "the key holds a string of " + std::to_string(length) + " bytes");
  }
  Inspected inspected;
  LeaseView& view = inspected.view;
  view.key = lease.key;
  view.slot = lease.slot;
  view.holder.value = reading.text(kValue);
  view.node = reading.text(kNode);
  view.host = reading.text(kHost);
  // Earlier versions stored the command line, which a lease of ours removes. So if it is there, it
  // is newer than the label. The next version need not read it any more.
  view.label =
      reading.has(kCommand) ? label_of_command(reading.text(kCommand)) : reading.text(kLabel);
  view.identity = reading.text(kIdentity);
  view.pid = reading.number(kPid, "pid");
  view.since_ms = reading.number(kSince, "since");
  view.token.value = reading.number(kFence, "fence");
  view.ttl = rest_of(reading.number(kTtl, "ttl"));
  const Times times{reading.number(kNow, "now"), reading.number(kUntil, "until"),
                    reading.number(kHoldUntil, "hold_until"),
                    reading.number(kOnceUntil, "once_until")};
  if (reading.integer(kWaiters) >= 0) view.waiters = reading.integer(kWaiters);
  view.waiting_since_ms = reading.number(kWaitingSince, "since");
  view.fault = reading.fault();
  if (times.once_until > times.now) view.done_for = rest_of(times.once_until - times.now);
  const EndedRun result = run_at(reading, kResult);
  const EndedRun stopped = run_at(reading, kStopped);
  const EndedRun& last = stopped.token > result.token ? stopped : result;
  if (last.token != Token{}) view.last_run = last;
  inspected.fence = reading.text(kFence);
  if (has_value) {
    const std::string holder = reading.text(kHolder);
    describe_value(view, holder, reading.integer(kRest), times);
    inspected.listens = view.state == State::kHeld && view.holder.value == holder &&
                        !reading.text(kListens).empty();
  } else if (!view.fault.empty()) {
    view.state = State::kForeign;
  } else {
    describe_absence(view, times);
  }
  return inspected;
}

}  // namespace cluster_leader
