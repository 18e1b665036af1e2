// What a RedisStore does with each reply and message of the server.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <utility>

#include "lease/queue.h"
#include "store/redis/info.h"
#include "store/redis/names.h"
#include "store/redis/replies.h"
#include "store/redis/store.h"

namespace cluster_leader {

namespace {

std::int64_t floor_ms(Duration duration) {
  return std::chrono::floor<std::chrono::milliseconds>(duration).count();
}

/// Removes the number at the end of "HOLDER NUMBER" and returns it; 0 if there is none.
std::int64_t split_number(std::string_view& holder) {
  const std::size_t space = holder.rfind(' ');
  if (space == holder.npos) return {};
  std::int64_t number = 0;
  const char* const end = holder.data() + holder.size();
  const auto [rest, error] = std::from_chars(holder.data() + space + 1, end, number);
  if (error != std::errc() || rest != end) return {};
  holder.remove_suffix(holder.size() - space);
  return number;
}

/// Who has one of the first places hears what clients say that know no queue.
constexpr std::uint32_t kNear = 3;

/// Removes the slot at the end of "acquired:2", and returns it; 0 if there is none.
std::uint32_t split_slot(std::string_view& what) {
  const std::size_t colon = what.find(':');
  if (colon == what.npos) return 0;
  std::uint32_t slot = 0;
  std::from_chars(what.data() + colon + 1, what.data() + what.size(), slot);
  what = what.substr(0, colon);
  return slot;
}

/// How long to pause before a turn that is `ms` away.
Duration delay_of(std::int64_t ms) {
  return std::chrono::milliseconds(std::clamp<std::int64_t>(ms, 0, 60'000));
}

}  // namespace

void RedisStore::handle(const Received& received) {
  switch (received.purpose) {
    case Purpose::kRequest:
      return handle_reply(received);
    case Purpose::kUndo:
      return handle_undone(received);
    case Purpose::kWait:
      return handle_wait(*received.reply);
    case Purpose::kInfo:
      age_->handle(*received.reply, now_);
      return append_ageless();
    case Purpose::kRunId:
      // Empty if INFO is refused.
      known_.run_id = facts_in(text_of(*received.reply)).run_id;
      return;
    case Purpose::kMessage:
      return handle_message(*received.reply);
    case Purpose::kSlots:
      return handle_slots(*received.reply);
    case Purpose::kNotice:
      return handle_notice(*received.reply);
    case Purpose::kSubscribe:
      // Without the right to any channel only the timer wakes, which is slower and no less safe.
      if (error_code(text_of(*received.reply)) == "NOPERM" && !line_->login().failure()) {
        handle_refused_channel(received.candidacy);
      }
      return;
    case Purpose::kAsking:
    case Purpose::kHello:
    case Purpose::kLogin:
    case Purpose::kRole:
    case Purpose::kSelect:
      break;
  }
}

void RedisStore::handle_reply(const Received& received) {
  if (!is_in_flight(received.candidacy, received.attempt)) return;
  Entry& entry = candidacies_[received.candidacy];
  const RequestKind kind = entry.request.kind;
  const redisReply& reply = *received.reply;
  if (line_->login().failure()) {
    // The request was executed all the same, but as another user or in another database. What it
    // acquired there must not stay. No job runs under it yet. A renewal is not undone: it may have
    // renewed the real lease of a running job.
    const bool has_acquired = takes_lock(kind) && is_grant(answer_of(kind, reply, candidate_.ttl));
    return has_acquired ? append_release(received.candidacy)
                        : handle_after_failed_login(received.candidacy);
  }
  if (line_->login().must_begin_again()) {
    // As the right user, and in the right database. The next connection asks again, and undoing
    // this would give a key that is parked for us to whoever waits.
    entry.listening_on = 0;
    waiting_.push_back({received.candidacy, received.attempt, /*is_unknown=*/true});
    return;
  }
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  const std::string_view code = is_error ? error_code(text_of(reply)) : std::string_view();
  // A server that has restarted has no scripts, and a proxy says in its own words that it is down.
  if (is_error && (code == "NOSCRIPT" || code == "LOADING" || !is_error_code(code))) {
    age_->watch_from(now_);
  }
  if (code == "NOSCRIPT" || is_incomplete(reply)) return append_again(received);
  if (is_ageless(reply)) return handle_ageless(received);
  if (node_ && handle_as_node(received)) return;
  if (code == "NOPERM" && uses_queue(kind) && !entry.is_without_queue) {
    // Perhaps to the queue, which earlier versions did not have.
    entry.queue_denied_on = connection_number_;
    entry.is_without_queue = true;
    return append_again(received);
  }
  if (is_error && spoils_connection(text_of(reply))) {
    line_->retire();
    entry.listening_on = 0;
  }
  if (!is_error) entry.unreleased.reset();
  if (!is_error && known_.noticing == received.candidacy) known_.has_noticed_promotion = true;
  if (takes_lock(kind)) record_sighting(entry, reply);
  // The request itself was late, and the clock was not set. Nothing was done.
  if (is_newly_suspect(reply) && !is_shaken(entry)) return append_again(received);
  Answer answer = answer_of(kind, reply, candidate_.ttl);
  if (is_suspect(reply)) std::get<Young>(answer).because = describe_doubt(entry);
  auto* young = std::get_if<Young>(&answer);
  if (young != nullptr && young->because.empty()) young->hidden_because = age_->hidden_because();
  // What has happened between this answer and the subscription would be missed.
  if (record_place(received.candidacy, answer)) return append_again(received);
  if (!holds_back(received, answer)) finish(received.candidacy, std::move(answer));
}

/// Who is near the front of the queue hears more than those behind. Returns whether that begins
/// now.
bool RedisStore::record_place(std::uint32_t candidacy, const Answer& answer) {
  const auto* busy = std::get_if<Busy>(&answer);
  const auto* young = std::get_if<Young>(&answer);
  if (busy == nullptr && young == nullptr) return false;
  Entry& entry = candidacies_[candidacy];
  entry.place = static_cast<std::uint32_t>(busy != nullptr ? busy->place : young->place);
  // Whoever waits for a young server waits for its holder to renew its lease, too.
  entry.is_near = young != nullptr || entry.place <= kNear;
  if (!candidate_.listens || !accepts_requests()) return false;
  const std::uint32_t before = entry.hearing_all_on;
  listen(candidacy);
  return entry.hearing_all_on != before;
}

/// Keeps `answer` back if it does not count yet.
bool RedisStore::holds_back(const Received& received, const Answer& answer) {
  Entry& entry = candidacies_[received.candidacy];
  // What is adopted was confirmed as a vote.
  const bool takes = takes_lock(entry.request.kind) && is_grant(answer);
  if (!takes && !std::holds_alternative<Renewed>(answer)) return false;
  const auto* granted = std::get_if<Granted>(&answer);
  const bool is_known = granted != nullptr && granted->token == entry.granted;
  if (takes && !is_known) entry.granted_at = now_;
  if (granted != nullptr) entry.granted = granted->token;
  const Held held{.request = {received.candidacy, received.attempt},
                  .answer = answer,
                  .awaits_replicas = location_.min_replicas > 0,
                  .awaits_check = takes && !sentinels_ && !freshness_.counts(entry.granted_at),
                  .round = takes ? later_round() : entry.round};
  if (!held.awaits_replicas && !held.awaits_check && is_named(held.round)) return false;
  held_.push_back(held);
  return true;
}

/// The reply to WAIT is about everything that was answered before it.
void RedisStore::handle_wait(const redisReply& reply) {
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  std::optional<Failed> failure;
  if (is_error) {
    failure = failure_of_wait(text_of(reply));
    if (failure->trouble == Trouble::kNotServing) line_->retire();
  } else if (reply.type != REDIS_REPLY_INTEGER) {
    failure = not_understood();
  } else if (reply.integer < location_.min_replicas) {
    failure = too_few_replicas(reply.integer, location_.min_replicas);
  }
  for (Held& held : std::exchange(held_, {})) {
    if (failure && held.awaits_replicas) {
      refuse(held, *failure);
    } else {
      held.awaits_replicas = false;
      held_.push_back(std::move(held));
    }
  }
  finish_held();
}

/// Ends a request whose answer does not count. A grant is undone first.
void RedisStore::refuse(const Held& held, const Failed& failure) {
  const auto [candidacy, attempt, is_unknown] = held.request;
  if (!is_in_flight(candidacy, attempt)) return;
  if (std::holds_alternative<Granted>(held.answer)) {
    refused_.push_back({held.request, failure});
    return append_release(candidacy);
  }
  Failed failed = failure;
  failed.unknown = true;
  finish(candidacy, std::move(failed));
}

/// Notices that the server's clock was set, or that it has lost data.
void RedisStore::record_sighting(Entry& entry, const redisReply& reply) {
  const auto sighting = sighting_in(reply);
  if (!sighting) return;
  clock_.record(sighting->server_ms, entry.asked_at, now_);
  const auto [seen, is] =
      std::mismatch(entry.fences.begin(), entry.fences.end(), sighting->fences.begin(),
                    sighting->fences.end(), std::less_equal<Token>());
  if (seen != entry.fences.end() && is != sighting->fences.end()) {
    entry.loss = std::make_unique<const Loss>(Loss{*seen, *is, now_});
  }
  entry.fences = sighting->fences;
}

Memory RedisStore::memory_of(const Entry& entry) const {
  Memory memory{.fences = {}, .clock = clock_.at(now_), .ms_since_step = {}, .ms_since_loss = {}};
  for (const Token fence : entry.fences) {
    if (!memory.fences.empty()) memory.fences += ',';
    memory.fences += std::to_string(fence.value);
  }
  if (clock_.step()) memory.ms_since_step = floor_ms(now_ - clock_.step()->noticed_at);
  if (entry.loss) memory.ms_since_loss = floor_ms(now_ - entry.loss->noticed_at);
  return memory;
}

/// Whether something was noticed since the last request of the candidacy.
bool RedisStore::is_shaken(const Entry& entry) const {
  return (clock_.step() && clock_.step()->noticed_at >= entry.asked_at) ||
         (entry.loss && entry.loss->noticed_at >= entry.asked_at);
}

/// The last thing that was noticed, for people.
std::string RedisStore::describe_doubt(const Entry& entry) const {
  const auto& step = clock_.step();
  if (entry.loss && (!step || entry.loss->noticed_at >= step->noticed_at)) {
    return "the server lost data: the last token went from " +
           std::to_string(entry.loss->from.value) + " to " + std::to_string(entry.loss->to.value);
  }
  if (!step) return "the server's clock was set";
  const auto by = std::chrono::round<std::chrono::seconds>(step->by);
  return "the server's clock was set forward by " +
         std::to_string(std::max<long long>(by.count(), 1)) + " s";
}

/// Finds out how long the server has been up, which the script could not. Nothing was done.
void RedisStore::handle_ageless(const Received& received) {
  if (candidacies_[received.candidacy].says_age) {
    return finish(received.candidacy, not_understood());
  }
  if (!age_->is_asked()) {
    if (!line_->append(Purpose::kInfo, {"INFO"})) {
      return finish(received.candidacy, refused_memory());
    }
    age_->set_asked();
  }
  ageless_.push_back({received.candidacy, received.attempt});
}

void RedisStore::append_ageless() {
  for (const Waiting& waiting : std::exchange(ageless_, {})) {
    if (!is_in_flight(waiting.candidacy, waiting.attempt)) continue;
    append_script(waiting.candidacy, candidacies_[waiting.candidacy].request, By::kSha1,
                  Form::kShort, Purpose::kRequest, age_->at(now_));
  }
}

/// A release that was sent because a grant does not count, or because the candidacy was abandoned.
void RedisStore::handle_undone(const Received& received) {
  std::optional<Failed> reason;
  const auto refused = std::find_if(refused_.begin(), refused_.end(), [&](const Refused& one) {
    return one.request.candidacy == received.candidacy && one.request.attempt == received.attempt;
  });
  if (refused != refused_.end()) {
    reason = std::move(refused->failure);
    refused_.erase(refused);
  }
  if (!is_in_flight(received.candidacy, received.attempt)) return;
  const Answer answer = answer_of(RequestKind::kRelease, *received.reply, candidate_.ttl);
  if (std::holds_alternative<Released>(answer)) {
    candidacies_[received.candidacy].id_spent = false;
    if (reason) return finish(received.candidacy, *std::move(reason));
    return handle_after_failed_login(received.candidacy);
  }
  // It may still be executed, and would then delete a later lease of the same id.
  Failed failure = reason ? *reason : line_->login().failure().value_or(not_understood());
  failure.unknown = failure.id_spent = true;
  finish(received.candidacy, std::move(failure));
}

/// Ends a request on a connection whose login has failed.
void RedisStore::handle_after_failed_login(std::uint32_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  entry.listening_on = 0;
  Failed failure = at_server(*line_->login().failure());
  failure.unknown = entry.request.kind == RequestKind::kRenew;
  finish(candidacy, std::move(failure));
}

/// The candidacy that a message on `channel` is for.
std::optional<std::uint32_t> RedisStore::candidacy_of(std::string_view channel) const {
  const auto found = candidacy_of_key_.find(key_of_channel(channel));
  if (found != candidacy_of_key_.end()) return found->second;
  if (hears_all(candidate_)) return std::nullopt;
  // Only `run` has other channels, and one key.
  for (std::uint32_t i = 0; i < candidacies_.size(); ++i) {
    const Candidacy& candidacy = candidacies_[i].candidacy;
    if (channel == own_channel(candidacy) || channel == waiters_channel(candidacy.key)) return i;
  }
  return std::nullopt;
}

/// How long to leave a key to others whose last lease has ended. Those before us in line are to try
/// first; but a result, or a key that is parked for us, does not wait.
Duration RedisStore::delay_after(std::string_view what, const Entry& entry) const {
  if (candidate_.joins || what == "parked" || entry.place <= 1) return {};
  return kTurn + static_cast<int>(entry.place - 1) * kStep;
}

void RedisStore::handle_message(const redisReply& reply) {
  // ["message", channel, event]. The event is what happened, for a slot other than 0 with its
  // number, the holder id that it happened to, which may contain blanks, and after "acquired" the
  // token.
  if (reply.elements != 3 || text_of(*reply.element[0]) != "message") return;
  const auto found = candidacy_of(text_of(*reply.element[1]));
  if (!found) return;
  const std::uint32_t candidacy = *found;
  const std::string_view event = text_of(*reply.element[2]);
  const std::size_t space = std::min(event.find(' '), event.size());
  std::string_view what = event.substr(0, space);
  const std::uint32_t slot = split_slot(what);
  // What happens to another lease of the key is none of a holder's business.
  const Request& request = candidacies_[candidacy].request;
  if (slot >= candidate_.slots ||
      (request.kind == RequestKind::kRenew && request.slot != slot && what == "acquired")) {
    return;
  }
  std::string_view holder = event.substr(std::min(space + 1, event.size()));
  const std::int64_t number = what == "acquired" || what == "next" ? split_number(holder) : 0;
  if (what == "broken") return reports_.notice(candidacy, {Notice::Kind::kBroken});
  if (what == "next" && holder == candidacies_[candidacy].candidacy.holder.value) {
    return reports_.notice(candidacy, {Notice::Kind::kFree, {}, {}, delay_of(number)});
  }
  // The server also reports what this candidacy has done itself.
  if (is_own(candidacies_[candidacy], holder)) return;
  if (what == "ask") return reports_.notice(candidacy, {Notice::Kind::kFree});
  if (what == "released" || what == "parked") {
    reports_.notice(candidacy, {Notice::Kind::kFree,
                                {std::string(holder)},
                                {},
                                delay_after(what, candidacies_[candidacy])});
  }
  if (what == "acquired" && !holder.empty()) {
    reports_.notice(candidacy, {Notice::Kind::kTaken, {std::string(holder)}, {number}});
  }
}

}  // namespace cluster_leader
