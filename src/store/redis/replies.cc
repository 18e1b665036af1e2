#include "store/redis/replies.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "lease/retry_after.h"
#include "store/redis/info.h"

namespace cluster_leader {

void FreeReply::operator()(redisReply* reply) const { freeReplyObject(reply); }

namespace {

using std::chrono::milliseconds;

const redisReply* element(const redisReply& reply, std::size_t index) {
  return index < reply.elements ? reply.element[index] : nullptr;
}

std::string_view text_at(const redisReply& reply, std::size_t index) {
  const redisReply* found = element(reply, index);
  return found != nullptr ? text_of(*found) : std::string_view();
}

/// An integer, in ms or s; -1 if there is none. At most a year: a server may send any number, and
/// centuries in nanoseconds do not fit our clock.
long long integer_at(const redisReply& reply, std::size_t index) {
  const redisReply* found = element(reply, index);
  constexpr long long kYear = 366LL * 86'400'000;
  if (found == nullptr || found->type != REDIS_REPLY_INTEGER) return -1;
  return std::clamp(found->integer, -1LL, kYear);
}

/// The number that a text contains; 0 if it is not one.
std::int64_t number_at(const redisReply& reply, std::size_t index) {
  const std::string_view digits = text_at(reply, index);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

/// Numbers with commas between them, at most one for each slot; 0 for what is not one.
std::vector<Token> fences_at(const redisReply& reply, std::size_t index) {
  std::string_view text = text_at(reply, index);
  std::vector<Token> fences;
  while (fences.size() < kMaxSlots) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::from_chars(text.data(), text.data() + comma, fences.emplace_back().value);
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
  }
  return fences;
}

/// A time in ms since 1970; at most some centuries, so that it fits in ns too.
std::int64_t time_at(const redisReply& reply, std::size_t index) {
  return std::clamp<std::int64_t>(number_at(reply, index), 0, std::int64_t{1} << 43U);
}

/// When to ask again if the lock has `rest_ms` left.
Duration retry_after_lock(long long rest_ms, long long holder_ttl_ms, Duration ttl) {
  // No expiry: another program's value, which may be deleted at any time.
  if (rest_ms < 0) return ttl;
  return retry_after(milliseconds(rest_ms), milliseconds(holder_ttl_ms));
}

/// Where in the queue the candidate is.
std::size_t place_at(const redisReply& reply, std::size_t index) {
  return static_cast<std::size_t>(std::max(integer_at(reply, index), 0LL));
}

Young young(const redisReply& reply) {
  const long long age_s = std::max(integer_at(reply, 1), 0LL);
  const long long rest = std::max(integer_at(reply, 2), 1LL);
  return {std::chrono::seconds(age_s), milliseconds(rest + 2), {}, {}, place_at(reply, 5)};
}

Young promoted(const redisReply& reply) {
  Young answer = young(reply);
  answer.because = "the server may have been promoted from a replica (noticed " +
                   std::to_string(std::chrono::floor<std::chrono::seconds>(answer.age).count()) +
                   " s ago)";
  return answer;
}

}  // namespace

std::string_view text_of(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
    case REDIS_REPLY_VERB:
      return {reply.str, reply.len};
    default:
      return {};
  }
}

std::optional<Failed> failure_of_role(const redisReply& reply) {
  // ROLE's first element is the role. HELLO and INFO name what they say, as fields and as lines.
  std::string_view role = text_at(reply, 0);
  std::string_view mode = role;
  for (std::size_t i = 0; i + 1 < reply.elements; i += 2) {
    if (text_at(reply, i) == "role") role = text_at(reply, i + 1);
    if (text_at(reply, i) == "mode") mode = text_at(reply, i + 1);
  }
  const bool is_replica_by_info = facts_in(text_of(reply)).role == "slave";
  std::optional<Failed> failure;
  // "slave" is what every version says; a later one may say "replica".
  if (role == "replica" || role == "slave" || is_replica_by_info) {
    failure = failure_of_request("READONLY");
  }
  if (mode == "sentinel") {
    failure = {Trouble::kMisconfigured, "this is a Sentinel: name a server that it monitors"};
  }
  if (failure) failure->unknown = true;
  return failure;
}

bool is_incomplete(const redisReply& reply) { return text_at(reply, 0) == "incomplete"; }

std::optional<std::string> unmarked_in(const redisReply& reply) {
  if (text_at(reply, 0) != "unmarked") return std::nullopt;
  return std::string(text_at(reply, 1));
}

bool says_was_replica(const redisReply& reply) { return text_at(reply, 2) == "1"; }

std::optional<std::string> noticed_in(const redisReply& reply) {
  if (text_at(reply, 0) != "noticed" || time_at(reply, 1) == 0) return std::nullopt;
  return std::string(text_at(reply, 1));
}

bool is_suspect(const redisReply& reply) { return text_at(reply, 0) == "suspect"; }

bool is_newly_suspect(const redisReply& reply) {
  return is_suspect(reply) && text_at(reply, 1) == "1";
}

std::optional<Sighting> sighting_in(const redisReply& reply) {
  const std::string_view verdict = text_at(reply, 0);
  std::size_t at = 3;
  if (verdict == "busy") {
    at = 5;
  } else if (verdict == "voted") {
    const Sighting voted{time_at(reply, 2), fences_at(reply, 1)};
    return voted.server_ms > 0 ? std::optional(voted) : std::nullopt;
  } else if (verdict != "young" && verdict != "promoted" && verdict != "suspect") {
    return std::nullopt;
  }
  const Sighting sighting{time_at(reply, at), fences_at(reply, at + 1)};
  return sighting.server_ms > 0 ? std::optional(sighting) : std::nullopt;
}

bool is_ageless(const redisReply& reply) { return text_at(reply, 0) == "ageless"; }

Answer answer_of(RequestKind kind, const redisReply& reply, Duration ttl) {
  if (reply.type == REDIS_REPLY_ERROR) return failure_of_request(text_of(reply));
  const std::string_view verdict = text_at(reply, 0);
  switch (kind) {
    case RequestKind::kAdopt:
      if (verdict == "granted") return Granted{{number_at(reply, 1)}};
      if (verdict == "lost") return Lost{{std::string(text_at(reply, 1))}};
      break;
    case RequestKind::kAcquire:
    case RequestKind::kVote:
      if (verdict == "voted" && kind == RequestKind::kVote && time_at(reply, 2) > 0) {
        return Voted{{number_at(reply, 1)}, time_at(reply, 2)};
      }
      if (verdict == "granted" && kind == RequestKind::kAcquire) {
        const std::int64_t slot = number_at(reply, 2);
        const Granted granted{{number_at(reply, 1)}, static_cast<std::uint32_t>(slot)};
        if (granted.token.value > 0 && slot >= 0 && slot < kMaxSlots) return granted;
      }
      if (verdict == "busy") {
        const Token token{number_at(reply, 4)};
        const bool is_free = text_at(reply, 1).empty() && token == Token{};
        return Busy{{std::string(text_at(reply, 1))},
                    retry_after_lock(integer_at(reply, 2), integer_at(reply, 3), ttl),
                    token,
                    number_at(reply, 7),
                    place_at(reply, 8),
                    is_free};
      }
      if (verdict == "superseded") return Superseded{std::string(text_at(reply, 1))};
      if (verdict == "done") {
        const std::int64_t status = number_at(reply, 1);
        // Another program has changed the record, so this is not a result.
        if (status < 0 || status > 255) return not_understood();
        const RunResult result{static_cast<int>(status), time_at(reply, 4), time_at(reply, 5)};
        return Done{result, std::string(text_at(reply, 3)), {number_at(reply, 2)}};
      }
      if (verdict == "young") return young(reply);
      if (verdict == "promoted") return promoted(reply);
      // Why is for the store to say.
      if (verdict == "suspect") return Young{{}, young(reply).rest, {}, {}, place_at(reply, 5)};
      break;
    case RequestKind::kRenew:
      if (verdict == "renewed") {
        if (reply.elements < 2) return Renewed{};
        return Renewed{StopRequest{std::string(text_at(reply, 1)), text_at(reply, 2) == "1"}};
      }
      if (verdict == "lost") return Lost{{std::string(text_at(reply, 1))}};
      break;
    case RequestKind::kRelease:
    case RequestKind::kFinish:
      if (verdict == "released") return Released{};
      break;
  }
  return not_understood();
}

}  // namespace cluster_leader
