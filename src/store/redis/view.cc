#include "store/redis/view.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

using State = LeaseView::State;
using std::chrono::milliseconds;

/// As inspect.lua answers.
enum Place : std::size_t {
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
  kCommand,
  kSince,
  kIdentity,
  kListens,
  kHoldUntil,
  kOnceUntil,
  kPlaces
};

/// The longest value that we write is `parked:` and an identity: a label of 255 bytes, the id of a
/// boot and a number. The Node-RED node writes a host name.
constexpr std::size_t kLongestValue = 512;

/// What Lua can count to, and far more than any time or token in ms.
constexpr std::int64_t kLargestCount = std::int64_t{1} << 53U;

/// Some decades; it keeps what a server says about times far from an overflow.
constexpr std::int64_t kLongestRestMs = std::int64_t{1} << 40U;

constexpr std::string_view kParked = "parked:";

Duration rest_of(std::int64_t ms) {
  return milliseconds(std::clamp<std::int64_t>(ms, 0, kLongestRestMs));
}

/// The reply with its types checked, and the fields of the record read.
class Reading {
 public:
  explicit Reading(const redisReply& reply) : reply_(reply) {}

  bool is_sound() const {
    if (reply_.elements != kPlaces) return false;
    for (std::size_t i = kVerdict; i < kPlaces; ++i) {
      const int type = reply_.element[i]->type;
      if (i == kLength || i == kRest) {
        if (type != REDIS_REPLY_INTEGER) return false;
      } else if (type != REDIS_REPLY_STRING && type != REDIS_REPLY_NIL) {
        return false;
      }
    }
    return true;
  }

  bool has(Place place) const { return reply_.element[place]->type != REDIS_REPLY_NIL; }
  std::int64_t integer(Place place) const { return reply_.element[place]->integer; }
  std::string text(Place place) const { return std::string(text_of(*reply_.element[place])); }

  /// The number that a field is; 0 if it is missing or, which is a fault, no number.
  std::int64_t number(Place place, const char* name) {
    const std::string_view digits = text_of(*reply_.element[place]);
    if (!has(place)) return 0;
    std::int64_t value = 0;
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, value);
    if (error == std::errc() && end == last && value >= 0 && value <= kLargestCount) return value;
    if (fault_.empty()) fault_ = std::string("its record has a `") + name + "` that is no number";
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

/// What stands at a key without a value.
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
  // No lease ends later than a ttl from now: the clock was put back (see acquire.lua).
  if (view.state == State::kVanished && view.ttl > Duration::zero())
    rest = std::min(rest, view.ttl);
  view.remaining = rest;
}

void forget_record(LeaseView& view) {
  view.node.clear();
  view.host.clear();
  view.command.clear();
  view.identity.clear();
  view.pid = view.since_ms = 0;
  view.token = {};
  view.ttl = {};
}

/// What stands at a key with a value; `holder` is the last one that the record knows.
void describe_value(LeaseView& view, const std::string& holder, std::int64_t rest_ms,
                    const Times& times) {
  const std::string& value = view.holder.value;
  // A label may begin as parked and held keys do.
  const bool is_settled_key = value != holder && is_settled({value});
  const bool is_parked = is_settled_key && value.starts_with(kParked);
  const std::string owner = is_parked ? value.substr(kParked.size()) : "";
  const bool is_of_record = is_parked ? view.identity.empty() || view.identity == owner
                                      : value == holder || value == held_after({holder}).value;
  if (!is_of_record) forget_record(view);
  if (is_parked) view.identity = owner;
  if (is_parked || view.node.empty()) view.node = node_of(value);
  if (rest_ms >= 0) view.remaining = rest_of(rest_ms);
  view.state = is_parked ? State::kParked : is_settled_key ? State::kResting : State::kHeld;
  if (is_parked && times.hold_until > times.now) {
    view.state = State::kResting;
    view.remaining = rest_of(times.hold_until - times.now);
  }
}

Inspected garbage(const Key& key, std::string value, std::string fault) {
  Inspected inspected;
  inspected.view.key = key;
  inspected.view.state = State::kGarbage;
  inspected.view.node = node_of(value);
  inspected.view.holder.value = std::move(value);
  inspected.view.fault = std::move(fault);
  return inspected;
}

Inspection data_of_others(const Key& key, const redisReply& reply) {
  if (reply.elements < 2) return not_understood();
  const std::string_view place = text_of(*reply.element[1]);
  if (place == "key") return garbage(key, "", "the key holds data of another type");
  if (place != "record") return not_understood();
  std::string value(reply.elements > 2 ? text_of(*reply.element[2]) : std::string_view());
  if (value.size() > kLongestValue) value.clear();
  return garbage(key, std::move(value), "its record is data of another type");
}

}  // namespace

Inspection inspected_of(const Key& key, const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) return failure_of_request(text_of(reply));
  if (reply.elements == 0) return not_understood();
  const std::string_view verdict = text_of(*reply.element[kVerdict]);
  if (verdict == "other") return data_of_others(key, reply);
  Reading reading(reply);
  if (verdict != "lease" || !reading.is_sound()) return not_understood();

  const bool has_value = reading.has(kValue);
  const std::int64_t length = reading.integer(kLength);
  if (has_value && length == 0) return garbage(key, "", "the key holds an empty text");
  if (has_value && length > static_cast<std::int64_t>(kLongestValue)) {
    return garbage(key, "", "the key holds a text of " + std::to_string(length) + " bytes");
  }
  Inspected inspected;
  LeaseView& view = inspected.view;
  view.key = key;
  view.holder.value = reading.text(kValue);
  view.node = reading.text(kNode);
  view.host = reading.text(kHost);
  view.command = reading.text(kCommand);
  view.identity = reading.text(kIdentity);
  view.pid = reading.number(kPid, "pid");
  view.since_ms = reading.number(kSince, "since");
  view.token.value = reading.number(kFence, "fence");
  view.ttl = rest_of(reading.number(kTtl, "ttl"));
  const Times times{reading.number(kNow, "now"), reading.number(kUntil, "until"),
                    reading.number(kHoldUntil, "hold_until"),
                    reading.number(kOnceUntil, "once_until")};
  view.fault = reading.fault();
  inspected.fence = reading.text(kFence);
  if (has_value) {
    const std::string holder = reading.text(kHolder);
    describe_value(view, holder, reading.integer(kRest), times);
    inspected.listens =
        view.state == State::kHeld && view.holder.value == holder && reading.text(kListens) == "1";
  } else if (!view.fault.empty()) {
    view.state = State::kGarbage;
  } else {
    describe_absence(view, times);
  }
  return inspected;
}

}  // namespace cluster_leader
