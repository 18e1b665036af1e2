#include "store/redis/sentinel_watch.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

using Purpose = RedisLine::Purpose;

/// Between two attempts to reach a Sentinel; the first one, and the longest.
constexpr Duration kFirstPause = std::chrono::milliseconds(125);
constexpr Duration kLongestPause = std::chrono::seconds(2);

/// How often each is asked which others there are: more of them may come to belong to the group.
constexpr Duration kLearnAgain = std::chrono::seconds(10);

/// More than anybody has. What a Sentinel says must not use up our descriptors.
constexpr std::size_t kMostMembers = 32;

/// What a command asks for; comes back with its reply.
enum Question : std::uint32_t { kId, kOthers, kPrimary };

RedisLocation location_of(const SentinelLocation& location, const Endpoint& endpoint) {
  RedisLocation sentinel;
  sentinel.host = endpoint.host;
  sentinel.port = endpoint.port;
  sentinel.credentials = location.credentials;
  sentinel.tls = location.server.tls;
  return sentinel;
}

std::optional<Endpoint> endpoint_of(std::string_view host, std::string_view port) {
  Endpoint endpoint{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  const bool is_port = error == std::errc() && end == port.data() + port.size();
  if (!is_port || endpoint.port == 0 || !is_host(endpoint.host)) return std::nullopt;
  return endpoint;
}

/// An answer as Majority compares it, and back.
std::string as_answer(const Endpoint& endpoint) {
  return endpoint.host + ' ' + std::to_string(endpoint.port);
}
std::optional<Endpoint> endpoint_in(const std::string& text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  return endpoint_of(text.substr(0, blank), text.substr(std::min(blank + 1, text.size())));
}

/// The answer of a Sentinel that does not know the monitor.
constexpr const char* kNoSuchMonitor = "";

/// What an error in reply to one of the questions means.
Failed failure_of(std::string_view error) {
  if (refusal_of_command(error) != CommandRefusal::kRight) return failure_of_request(error);
  return {Trouble::kDenied,
          "the Sentinel's user lacks rights (needed: hello client|setname sentinel|myid "
          "sentinel|sentinels sentinel|get-master-addr-by-name)"};
}

/// The value of a field, in a map or in the array that RESP2 has instead.
std::string_view field(const redisReply& reply, std::string_view name) {
  for (std::size_t i = 0; i + 1 < reply.elements; i += 2) {
    if (text_of(*reply.element[i]) == name) return text_of(*reply.element[i + 1]);
  }
  return {};
}

}  // namespace

SentinelWatch::SentinelWatch(const SentinelLocation& location, Duration patience, Duration asking)
    : location_(location),
      patience_(patience),
      asking_(asking),
      answers_(location.sentinels.size()) {
  for (const Endpoint& endpoint : location_.sentinels) add(endpoint, false, "");
}

void SentinelWatch::add(const Endpoint& endpoint, bool is_learned, std::string id) {
  auto line = std::make_unique<RedisLine>(location_of(location_, endpoint),
                                          RedisLine::Role::kSentinel, asking_);
  members_.push_back(std::make_unique<Member>(Member{.endpoint = endpoint,
                                                     .line = std::move(line),
                                                     .is_learned = is_learned,
                                                     .id = std::move(id)}));
}

/// Whether it must be asked. One that fails is not needed if there is a majority without it.
bool SentinelWatch::is_due(const Member& member) const {
  if (member.answered >= round_ || is_covered(member)) return false;
  return member.failed < round_ || !answers_.agreed(round_);
}

/// Whether it is asked over another connection, since a name in the URL leads to it.
bool SentinelWatch::is_covered(const Member& member) const {
  if (!member.is_learned || member.id.empty()) return false;
  return std::any_of(members_.begin(), members_.end(), [&](const std::unique_ptr<Member>& other) {
    return other.get() != &member && other->is_open && other->id == member.id;
  });
}

void SentinelWatch::ask(Time now) {
  now_ = now;
  ++round_;
}

void SentinelWatch::watch(Poller& poller, Time now) {
  now_ = now;
  // Others may be learned of meanwhile.
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = *members_[i];
    const bool is_closed = member.line->stage() == RedisLine::Stage::kClosed;
    if (is_closed && is_due(member) && now_ >= member.open_at) {
      member.give_up_at = now_ + patience_;
      member.line->open(patience_, now_);
      handle_events(member);
    }
    append(member);
    member.line->watch(poller);
  }
}

/// Queues the question of this round, unless the member owes an answer to an earlier one.
void SentinelWatch::append(Member& member) {
  if (!member.is_open || member.asked != 0 || !is_due(member)) return;
  const auto queue = [&](Question question, std::initializer_list<std::string_view> words) {
    return member.line->append(Purpose::kRequest, std::span(words.begin(), words.size()), question,
                               round_);
  };
  bool is_queued = true;
  if (now_ >= member.learn_at) {
    member.learn_at = now_ + kLearnAgain;
    is_queued = queue(kId, {"SENTINEL", "MYID"}) &&
                queue(kOthers, {"SENTINEL", "SENTINELS", location_.monitor});
  }
  if (!is_queued || !queue(kPrimary, {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", location_.monitor})) {
    return end(member, refused_memory());
  }
  member.asked = round_;
  member.give_up_at = now_ + patience_;
}

Time SentinelWatch::wake_at() const {
  Time at = kNever;
  for (const auto& member : members_) {
    if (member->line->stage() != RedisLine::Stage::kClosed) {
      at = std::min({at, member->line->wake_at(), member->give_up_at});
    } else if (is_due(*member)) {
      at = std::min(at, member->open_at);
    }
  }
  return at;
}

void SentinelWatch::advance(const Poller& poller, Time now) {
  now_ = now;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = *members_[i];
    member.line->advance(poller, now);
    handle_events(member);
    if (now < member.give_up_at) continue;
    end(member, Failed{.trouble = Trouble::kUnreachable,
                       .text = "no answer in time (" + member.line->describe_stage() + ")"});
  }
}

void SentinelWatch::handle_events(Member& member) {
  while (const auto event = member.line->next()) {
    if (std::holds_alternative<RedisLine::Connected>(*event)) {
      member.is_open = true;
      member.asked = 0;
      member.learn_at = Time::min();
      append(member);
    } else if (const auto* received = std::get_if<RedisLine::Received>(&*event)) {
      if (!member.line->is_ending()) handle(member, *received);
    } else if (const auto* ended = std::get_if<RedisLine::Ended>(&*event)) {
      end(member, ended->failure);
      // Without a failure, the line knows now that the Sentinel speaks RESP2: watch() opens it.
      if (!ended->failure) member.open_at = now_;
      return;
    }
  }
}

void SentinelWatch::handle(Member& member, const RedisLine::Received& received) {
  if (received.purpose != Purpose::kRequest) return;
  const redisReply& reply = *received.reply;
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  if (received.candidacy == kId) {
    identify(member, std::string(is_error ? std::string_view() : text_of(reply)));
  } else if (received.candidacy == kOthers) {
    if (!is_error) learn(member, reply);
  } else if (is_error) {
    end(member, failure_of(text_of(reply)));
  } else {
    member.asked = 0;
    member.answered = received.attempt;
    member.give_up_at = kNever;
    member.failure.reset();
    member.pause = {};
    const auto endpoint = reply.elements == 2
                              ? endpoint_of(text_of(*reply.element[0]), text_of(*reply.element[1]))
                              : std::nullopt;
    answers_.record(member.id, endpoint ? as_answer(*endpoint) : kNoSuchMonitor, member.group,
                    received.attempt);
  }
}

/// Two names may lead to one Sentinel, which must not count twice.
void SentinelWatch::identify(Member& member, std::string id) {
  member.id = std::move(id);
  if (member.id.empty()) {
    // Before version 6.2, a Sentinel does not say it.
    const auto peer = member.line->peer();
    member.id = peer ? std::string(reinterpret_cast<const char*>(&peer->storage), peer->length)
                     : as_answer(member.endpoint);
  }
  for (const auto& other : members_) {
    const bool is_twice = other.get() != &member && other->is_open && other->id == member.id;
    if (is_twice && other->is_learned) end(*other, {});
  }
  if (is_covered(member)) end(member, {});
}

/// Handles the list of the Sentinels that `member` knows besides itself.
void SentinelWatch::learn(Member& member, const redisReply& reply) {
  member.group = reply.elements + 1;
  for (std::size_t i = 0; i < reply.elements; ++i) {
    const redisReply& other = *reply.element[i];
    const auto endpoint = endpoint_of(field(other, "ip"), field(other, "port"));
    const std::string id(field(other, "runid"));
    const bool is_known =
        std::any_of(members_.begin(), members_.end(), [&](const std::unique_ptr<Member>& one) {
          return (!id.empty() && one->id == id) || (endpoint && one->endpoint == *endpoint);
        });
    if (endpoint && !is_known && members_.size() < kMostMembers) add(*endpoint, true, id);
  }
}

void SentinelWatch::end(Member& member, std::optional<Failed> failure) {
  member.line->close();
  member.is_open = false;
  member.asked = 0;
  member.give_up_at = kNever;
  if (failure) {
    member.failed = round_;
    member.failure = std::move(failure);
  }
  member.pause = std::clamp(2 * member.pause, kFirstPause, kLongestPause);
  member.open_at = now_ + member.pause;
}

std::optional<Endpoint> SentinelWatch::named(std::uint64_t round) const {
  const auto answer = answers_.agreed(round);
  return answer ? endpoint_in(*answer) : std::nullopt;
}

bool SentinelWatch::is_settled(std::uint64_t round) const {
  return std::all_of(members_.begin(), members_.end(), [&](const std::unique_ptr<Member>& one) {
    return one->answered >= round || one->failed >= round || is_covered(*one);
  });
}

std::optional<Failed> SentinelWatch::failure(std::uint64_t round) const {
  if (named(round)) return std::nullopt;
  const Failed* first = nullptr;
  const Failed* permanent = nullptr;
  std::size_t hopeless = 0;
  std::string where;
  const std::size_t needed = answers_.needed(round);
  const bool is_unknown = answers_.count(kNoSuchMonitor, round) >= needed;
  if (!is_unknown && !is_settled(round)) return std::nullopt;
  for (const auto& member : members_) {
    if (member->answered >= round || is_covered(*member)) continue;
    if (!member->failure) continue;
    const bool is_hopeless = is_permanent(member->failure->trouble);
    hopeless += is_hopeless ? 1 : 0;
    if (is_hopeless && permanent == nullptr) permanent = &*member->failure;
    if (first != nullptr) continue;
    first = &*member->failure;
    where = describe(member->endpoint);
  }
  if (is_unknown) {
    return Failed{Trouble::kMisconfigured, "the Sentinels do not monitor '" + location_.monitor +
                                               "': check the name in the URL"};
  }
  const std::size_t answered = answers_.answered(round);
  const std::size_t members = std::max(answers_.members(round), members_.size());
  if (permanent != nullptr && members - std::min(hopeless, members) < needed) return *permanent;
  const std::string why = first == nullptr ? "" : " (" + where + ": " + first->text + ")";
  if (answered == 0) return Failed{Trouble::kUnreachable, "no Sentinel could be reached" + why};
  if (answered < needed) {
    return Failed{Trouble::kUnreachable, "only " + std::to_string(answered) + " of " +
                                             std::to_string(members) +
                                             " Sentinels answer, which is not a majority" + why};
  }
  return Failed{Trouble::kNotServing,
                "the Sentinels do not agree on the primary: wait until they do"};
}

std::string SentinelWatch::describe_stage() const {
  return "waiting for a majority of the Sentinels: " + std::to_string(answered(round_)) + " of " +
         std::to_string(members(round_)) + " have answered";
}

std::variant<Endpoint, Failed> find_primary(SentinelWatch& sentinels, Time deadline) {
  Poller poller;
  Time now = BootClock::now();
  sentinels.ask(now);
  const std::uint64_t round = sentinels.round();
  for (;;) {
    if (const auto named = sentinels.named(round)) return *named;
    if (auto failure = sentinels.failure(round)) return *std::move(failure);
    if (now >= deadline) {
      return Failed{.trouble = Trouble::kUnreachable,
                    .text = "no answer in time (" + sentinels.describe_stage() + ")"};
    }
    sentinels.watch(poller, now);
    now = poller.wait(std::min(deadline, sentinels.wake_at()));
    sentinels.advance(poller, now);
  }
}

}  // namespace cluster_leader
