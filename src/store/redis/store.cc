#include "store/redis/store.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "store/redis/names.h"
#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

/// Between attempts to connect, if there are several candidacies.
constexpr Duration kPauseBetweenConnects = std::chrono::milliseconds(100);

/// How long all addresses of a name may take together: one attempt, which is at most a second and
/// at most a sixth of the ttl. The last address may take until the request is cancelled.
Duration patience_of(const Candidate& candidate) {
  return std::min<Duration>(candidate.ttl / 6, std::chrono::seconds(1));
}

/// With this many requests on a new connection, the first of each kind is sent with the text of its
/// script, rather than having each of them refused because the server does not know it.
constexpr std::size_t kManyRequests = 10;

/// A release needs only the holder id, which is part of the candidacy.
constexpr Request kReleaseRequest{.kind = RequestKind::kRelease, .token = {}};

std::size_t hash_of(std::string_view holder) { return std::hash<std::string_view>()(holder); }

/// Removes the number at the end of "HOLDER TOKEN" and returns it; 0 if there is none.
Token split_token(std::string_view& holder) {
  const std::size_t space = holder.rfind(' ');
  if (space == holder.npos) return {};
  Token token;
  const char* const end = holder.data() + holder.size();
  const auto [rest, error] = std::from_chars(holder.data() + space + 1, end, token.value);
  if (error != std::errc() || rest != end) return {};
  holder.remove_suffix(holder.size() - space);
  return token;
}

}  // namespace

RedisStore::RedisStore(RedisLocation location, Candidate candidate)
    : candidate_(std::move(candidate)), line_(std::move(location)), command_(candidate_) {}

std::size_t RedisStore::add(Key key) {
  const std::size_t number = candidacies_.size();
  Entry& entry = candidacies_.emplace_back();
  entry.candidacy.key = std::move(key);
  if (candidate_.listens) {
    candidacy_of_key_.emplace(entry.candidacy.key.value, static_cast<std::uint32_t>(number));
  }
  return number;
}

void RedisStore::set_holder(std::size_t candidacy, HolderId holder) {
  Entry& entry = candidacies_[candidacy];
  entry.former_holder = hash_of(entry.candidacy.holder.value);
  if (std::exchange(entry.id_spent, false)) {
    entry.unreleased = std::make_unique<const HolderId>(std::move(entry.candidacy.holder));
  }
  entry.candidacy.holder = std::move(holder);
}

void RedisStore::send(std::size_t candidacy, const Request& request, Time now) {
  now_ = now;
  Entry& entry = candidacies_[candidacy];
  entry.request = request;
  entry.in_flight = true;
  if (!entry.used) ++used_;
  entry.used = true;
  const auto number = static_cast<std::uint32_t>(candidacy);
  if (request.kind == RequestKind::kAcquire && entry.id_spent) {
    finish(number, Failed{.trouble = Trouble::kUnreachable,
                          .text = "an earlier attempt is still being released",
                          .id_spent = true});
  } else if (accepts_requests()) {
    append_request(number, By::kSha1);
  } else {
    waiting_.push_back({number, request.attempt});
  }
}

void RedisStore::cancel(std::size_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  const bool waited = entry.in_flight;
  forget_request(entry);
  // A lookup goes on, for the others and for the next request.
  const auto stage = line_.stage();
  if (!waited || stage == RedisLine::Stage::kLookup || stage == RedisLine::Stage::kClosed) return;
  close({.trouble = Trouble::kUnreachable,
         .text = "the server did not answer in time, so the connection was closed",
         .unknown = true});
}

void RedisStore::abandon(std::size_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  if (!entry.used) return;
  entry.used = false;
  --used_;
  if (line_.is_open()) {
    append_unreleased(entry);
    append_release(static_cast<std::uint32_t>(candidacy));
    line_.flush();
  }
  // The next term has another id, and begins with nothing to release.
  entry.id_spent = false;
  entry.unreleased.reset();
  forget_request(entry);
  if (!has_waiting()) line_.stop_connecting();
  if (used_ > 0) return;
  line_.drain();
  close({});
}

void RedisStore::watch(Poller& poller) {
  const bool is_due = line_.stage() != RedisLine::Stage::kClosed || now_ >= open_at_;
  if (!line_.is_open() && is_due && has_waiting()) {
    line_.open(patience_of(candidate_), now_);
    handle_events();
  }
  line_.watch(poller);
}

Time RedisStore::wake_at() const {
  // There are events that needed no waiting; and watch() has work to do.
  if (!reports_.empty()) return Time::min();
  if (line_.stage() != RedisLine::Stage::kClosed) return line_.wake_at();
  return waiting_.empty() ? kNever : open_at_;
}

void RedisStore::advance(const Poller& poller, Time now) {
  now_ = now;
  if (!has_waiting()) line_.stop_connecting();
  line_.advance(poller, now);
  handle_events();
}

std::optional<StoreEvent> RedisStore::next() { return reports_.next(); }

std::string RedisStore::stage(std::size_t /*candidacy*/) const { return line_.describe_stage(); }

/// Queues everything that has waited for the connection; it is written as one packet with the
/// login.
void RedisStore::append_waiting() {
  const std::vector<Waiting> waiting = std::exchange(waiting_, {});
  const bool teaches = waiting.size() >= kManyRequests;
  for (const Waiting& request : waiting) {
    if (!is_in_flight(request.candidacy, request.attempt)) continue;
    const std::size_t kind = static_cast<std::size_t>(candidacies_[request.candidacy].request.kind);
    append_request(request.candidacy, teaches && taught_at_[kind] == 0 ? By::kText : By::kSha1);
  }
}

void RedisStore::append_request(std::uint32_t candidacy, By by) {
  Entry& entry = candidacies_[candidacy];
  // A RESP2 connection that is subscribed can do nothing else; there only the timer wakes.
  if (listens() && entry.listening_on != connection_number_) {
    const bool is_queued =
        line_.append(Purpose::kSubscribe, {"SUBSCRIBE", events_channel(entry.candidacy.key)});
    if (is_queued) entry.listening_on = connection_number_;
  }
  // Otherwise the candidate would wait for what it has acquired itself.
  if (entry.request.kind == RequestKind::kAcquire) append_unreleased(entry);
  append_script(candidacy, entry.request, by, Form::kShort, Purpose::kRequest);
}

/// Releases once more what an acquire may have left behind. Its reply is ignored: the reply to the
/// candidacy's next request comes after it.
void RedisStore::append_unreleased(const Entry& entry) {
  if (!entry.unreleased) return;
  const Candidacy former{entry.candidacy.key, *entry.unreleased};
  const auto words =
      command_.words(former, kReleaseRequest, By::kText, Form::kFull, /*listens=*/false);
  // If memory is refused, it ends with its ttl.
  static_cast<void>(line_.append(Purpose::kUndo, words));
}

/// Sends a request again that the server has not executed because it did not know the script, or
/// because the script needs more arguments. Nothing was done, so that it is safe.
void RedisStore::append_again(const Received& refused) {
  const Request& request = candidacies_[refused.candidacy].request;
  // Of many requests that find the server without their script, one teaches it.
  const bool is_known = is_incomplete(*refused.reply) ||
                        refused.begin < taught_at_[static_cast<std::size_t>(request.kind)];
  append_script(refused.candidacy, request, is_known ? By::kSha1 : By::kText, Form::kFull,
                Purpose::kRequest);
}

/// By its text, since nobody may be there to send it again.
void RedisStore::append_release(std::uint32_t candidacy) {
  candidacies_[candidacy].id_spent = true;
  append_script(candidacy, kReleaseRequest, By::kText, Form::kFull, Purpose::kUndo);
}

void RedisStore::append_script(std::uint32_t candidacy, const Request& request, By by, Form form,
                               Purpose purpose) {
  const Entry& entry = candidacies_[candidacy];
  const auto words = command_.words(entry.candidacy, request, by, form, listens());
  const std::uint64_t begin = line_.queued();
  if (!line_.append(purpose, words, candidacy, entry.request.attempt)) {
    Failed failure = refused_memory();
    failure.unknown = failure.id_spent = purpose == Purpose::kUndo;
    return finish(candidacy, std::move(failure));
  }
  if (by == By::kText) taught_at_[static_cast<std::size_t>(request.kind)] = begin;
}

void RedisStore::handle_events() {
  while (const auto event = line_.next()) {
    if (std::holds_alternative<RedisLine::Connected>(*event)) {
      ++connection_number_;
      taught_at_ = {};
      append_waiting();
    } else if (const auto* received = std::get_if<Received>(&*event)) {
      handle(*received);
    } else if (const auto* ended = std::get_if<RedisLine::Ended>(&*event)) {
      handle(*ended);
    }
  }
}

/// If a request waits for the next connection, watch() opens it.
void RedisStore::handle(const RedisLine::Ended& ended) {
  // Each candidacy pauses on its own, and thousands of them together would not pause at all.
  if (!line_.is_open() && candidacies_.size() > 1) open_at_ = now_ + kPauseBetweenConnects;
  close(ended.failure.value_or(Failed{}));
}

void RedisStore::handle(const Received& received) {
  switch (received.purpose) {
    case Purpose::kRequest:
    case Purpose::kUndo:
      return handle_reply(received);
    case Purpose::kMessage:
      return handle_message(*received.reply);
    case Purpose::kSubscribe:
      // Without the right to subscribe only the timer wakes, which is slower and no less safe.
    case Purpose::kHello:
    case Purpose::kLogin:
    case Purpose::kSelect:
      break;
  }
}

void RedisStore::handle_reply(const Received& received) {
  if (!is_in_flight(received.candidacy, received.attempt)) return;
  Entry& entry = candidacies_[received.candidacy];
  if (received.purpose == Purpose::kUndo) entry.id_spent = false;
  const RequestKind kind = entry.request.kind;
  const redisReply& reply = *received.reply;
  if (line_.login().failure() || line_.login().must_begin_again()) {
    // The request was executed all the same, but as another user or in another database. What it
    // acquired there must not stay. No job runs under it yet. A renewal is not undone: it may have
    // renewed the real lease of a running job.
    const bool has_acquired =
        received.purpose == Purpose::kRequest && kind == RequestKind::kAcquire &&
        std::holds_alternative<Granted>(answer_of(kind, reply, candidate_.ttl));
    return has_acquired ? append_release(received.candidacy)
                        : handle_after_failed_login(received.candidacy);
  }
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  const std::string_view code = is_error ? error_code(text_of(reply)) : std::string_view();
  if (code == "NOSCRIPT" || is_incomplete(reply)) return append_again(received);
  if (is_error && spoils_connection(text_of(reply))) {
    line_.retire();
    entry.listening_on = 0;
  }
  if (!is_error) entry.unreleased.reset();
  finish(received.candidacy, answer_of(kind, reply, candidate_.ttl));
}

/// Ends a request on a connection whose login has failed, or keeps it for the next one.
void RedisStore::handle_after_failed_login(std::uint32_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  entry.listening_on = 0;
  if (line_.login().must_begin_again()) {
    waiting_.push_back({candidacy, entry.request.attempt});
    return;
  }
  Failed failure = *line_.login().failure();
  failure.unknown = entry.request.kind == RequestKind::kRenew;
  finish(candidacy, std::move(failure));
}

void RedisStore::handle_message(const redisReply& reply) {
  // ["message", channel, event]. The event is what happened, the holder id that it happened to,
  // which may contain blanks, and after "acquired" the token.
  if (reply.elements != 3 || text_of(*reply.element[0]) != "message") return;
  const auto found = candidacy_of_key_.find(key_of_channel(text_of(*reply.element[1])));
  if (found == candidacy_of_key_.end()) return;
  const std::uint32_t candidacy = found->second;
  const std::string_view event = text_of(*reply.element[2]);
  const std::size_t space = std::min(event.find(' '), event.size());
  const std::string_view what = event.substr(0, space);
  std::string_view holder = event.substr(std::min(space + 1, event.size()));
  const Token token = what == "acquired" ? split_token(holder) : Token{};
  if (what == "broken") return reports_.notice(candidacy, {Notice::Kind::kBroken});
  // The server also reports what this candidacy has done itself.
  if (is_own(candidacies_[candidacy], holder)) return;
  if (what == "released" || what == "parked") {
    reports_.notice(candidacy, {Notice::Kind::kFree, {std::string(holder)}});
  }
  if (what == "acquired" && !holder.empty()) {
    reports_.notice(candidacy, {Notice::Kind::kTaken, {std::string(holder)}, token});
  }
}

/// Whether a request waits for a connection.
bool RedisStore::has_waiting() {
  while (!waiting_.empty() && !is_in_flight(waiting_.back().candidacy, waiting_.back().attempt)) {
    waiting_.pop_back();
  }
  return !waiting_.empty();
}

/// Whether the request with this number is still in flight.
bool RedisStore::is_in_flight(std::uint32_t candidacy, std::uint64_t attempt) const {
  const Entry& entry = candidacies_[candidacy];
  return entry.in_flight && entry.request.attempt == attempt;
}

bool RedisStore::is_own(const Entry& entry, std::string_view holder) const {
  if (holder.empty()) return false;
  return holder == entry.candidacy.holder.value || hash_of(holder) == entry.former_holder;
}

void RedisStore::finish(std::uint32_t candidacy, Answer answer) {
  candidacies_[candidacy].in_flight = false;
  reports_.answer(candidacy, candidacies_[candidacy].request.attempt, std::move(answer));
}

/// Makes replies to it unreported from now on.
void RedisStore::forget_request(Entry& entry) {
  entry.in_flight = false;
  entry.listening_on = 0;
}

void RedisStore::fail_waiting(const Failed& failure) {
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    if (is_in_flight(waiting.candidacy, waiting.attempt)) finish(waiting.candidacy, failure);
  }
}

/// Closes the line. Requests that wait for an answer on it, or for it to open, get `failure`, which
/// is `unknown` if the server may have executed what was written.
void RedisStore::close(Failed failure) {
  const bool was_open = line_.is_open();
  const std::vector<RedisLine::Unanswered> unanswered = line_.close();
  if (!was_open) {
    failure.unknown = false;
    return fail_waiting(failure);
  }
  // The connection would have reported changes of these keys, so they must ask. Those with a
  // request in flight get an answer instead.
  for (std::uint32_t candidacy = 0; candidacy < candidacies_.size(); ++candidacy) {
    Entry& entry = candidacies_[candidacy];
    if (entry.listening_on != connection_number_ || entry.in_flight) continue;
    entry.listening_on = 0;
    reports_.notice(candidacy, {Notice::Kind::kFree});
  }
  for (const RedisLine::Unanswered& lost : unanswered) {
    const bool is_undo = lost.purpose == Purpose::kUndo;
    if (!is_undo && lost.purpose != Purpose::kRequest) continue;
    if (!is_in_flight(lost.candidacy, lost.attempt)) continue;
    Failed lost_answer = failure;
    // What was to be undone has been executed.
    lost_answer.unknown = failure.unknown && (is_undo || lost.is_written);
    lost_answer.id_spent = candidacies_[lost.candidacy].id_spent;
    finish(lost.candidacy, std::move(lost_answer));
  }
}

}  // namespace cluster_leader
