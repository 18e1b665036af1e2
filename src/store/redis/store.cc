#include "store/redis/store.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "store/redis/names.h"
#include "store/redis/replies.h"
#include "store/redis/scripts.h"

namespace cluster_leader {

namespace {

/// Of several claims, while nobody answers.
constexpr Duration kPauseBetweenDials = std::chrono::milliseconds(100);

/// How long all addresses of a name may take together before the last one is left to the caller's
/// patience: an attempt, which is at most a second and a sixth of the ttl.
Duration patience_of(const Candidate& candidate) {
  return std::min<Duration>(candidate.ttl / 6, std::chrono::seconds(1));
}

const Script& script_for(RequestKind kind) {
  switch (kind) {
    case RequestKind::kAcquire:
      return kAcquireScript;
    case RequestKind::kRenew:
      return kRenewScript;
    case RequestKind::kSettle:
      return kSettleScript;
    case RequestKind::kRelease:
      break;
  }
  return kReleaseScript;
}

/// So many requests of a new connection make it worth while to send the text of their script with
/// the first of them, rather than to hear from each that the server does not know it.
constexpr std::size_t kManyRequests = 10;

std::size_t hash_of(std::string_view holder) { return std::hash<std::string_view>()(holder); }

/// Takes the number off the end of "HOLDER TOKEN"; 0 if there is none.
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
    : location_(std::move(location)),
      candidate_(std::move(candidate)),
      ttl_ms_(std::to_string(ceil_ms(candidate_.ttl))),
      pid_(std::to_string(candidate_.pid)),
      login_(location_) {}

std::size_t RedisStore::add(Key key) {
  const std::size_t number = claims_.size();
  Entry& entry = claims_.emplace_back();
  entry.claim.key = std::move(key);
  if (candidate_.listens) {
    claim_of_key_.emplace(entry.claim.key.value, static_cast<std::uint32_t>(number));
  }
  return number;
}

void RedisStore::set_holder(std::size_t claim, HolderId holder) {
  Entry& entry = claims_[claim];
  entry.former_holder = hash_of(entry.claim.holder.value);
  if (std::exchange(entry.id_spent, false)) {
    entry.unreleased = std::make_unique<const HolderId>(std::move(entry.claim.holder));
  }
  entry.claim.holder = std::move(holder);
}

void RedisStore::send(std::size_t claim, const Request& request, Time now) {
  now_ = now;
  Entry& entry = claims_[claim];
  entry.request = request;
  entry.in_flight = true;
  if (!entry.used) ++used_;
  entry.used = true;
  const auto number = static_cast<std::uint32_t>(claim);
  if (request.kind == RequestKind::kAcquire && entry.id_spent) {
    finish(number, Failed{Trouble::kUnreachable,
                          "an earlier attempt is still being taken back",
                          false,
                          {},
                          true});
  } else if (connection_ && !is_ending()) {
    append_request(number, By::kSha1);
  } else {
    waiting_.push_back({number, request.attempt});
  }
}

void RedisStore::cancel(std::size_t claim) {
  Entry& entry = claims_[claim];
  const bool waited = entry.in_flight;
  forget_request(entry);
  // A name that is being looked up goes on being looked up, for the others and the next request.
  if (!waited || (dialer_ && dialer_->is_looking_up())) return;
  lose_connection({Trouble::kUnreachable,
                   "the server was silent for too long, so that the connection was given up",
                   true,
                   {}});
}

void RedisStore::abandon(std::size_t claim) {
  Entry& entry = claims_[claim];
  if (!entry.used) return;
  entry.used = false;
  --used_;
  if (connection_) {
    append_unreleased(entry);
    append_release(static_cast<std::uint32_t>(claim));
    connection_->flush();
  }
  // Another term has another id, and begins with nothing to be taken back.
  entry.id_spent = false;
  entry.unreleased.reset();
  forget_request(entry);
  if (dialer_ && !dialer_->is_looking_up() && !has_waiting()) dialer_.reset();
  if (used_ > 0) return;
  dialer_.reset();
  if (connection_) connection_->drain();
  close();
}

void RedisStore::watch(Poller& poller) {
  if (!connection_ && has_waiting()) dial(nullptr, now_);
  if (dialer_) dialer_->watch(poller);
  if (connection_) {
    connection_->flush();
    connection_->watch(poller);
  }
}

Time RedisStore::wake_at() const {
  // What was found without waiting; and watch() has work to do.
  if (!reports_.empty()) return Time::min();
  if (dialer_) return dialer_->wake_at();
  return !connection_ && !waiting_.empty() ? dial_at_ : kNever;
}

void RedisStore::advance(const Poller& poller, Time now) {
  now_ = now;
  if (dialer_ && has_waiting()) {
    dial(&poller, now);
  } else if (dialer_) {
    // The requests were given up during the lookup, whose result is for the next one.
    if (!dialer_->advance_lookup(poller, now)) dialer_.reset();
  } else if (connection_) {
    connection_->advance(poller);
    while (connection_) {
      const auto received = connection_->receive();
      if (!received) break;
      handle(*received);
    }
    if (connection_ && connection_->fault() != RedisConnection::Fault::kNone) handle_fault();
  }
}

std::optional<StoreEvent> RedisStore::next() { return reports_.next(); }

std::string RedisStore::stage(std::size_t /*claim*/) const {
  if (!dialer_) return "waiting for an answer";
  return dialer_->is_looking_up() ? "looking up " + location_.host : "connecting";
}

void RedisStore::dial(const Poller* poller, Time now) {
  if (!dialer_ && now < dial_at_) return;
  if (!dialer_) dialer_ = std::make_unique<Dialer>(location_, patience_of(candidate_), now);
  auto result = dialer_->advance(poller, now);
  if (!result) return;
  dialer_.reset();
  if (const auto* failed = std::get_if<Failed>(&*result)) {
    // Each claim has pauses of its own, which for thousands are no pause at all.
    if (claims_.size() > 1) dial_at_ = now + kPauseBetweenDials;
    return fail_waiting(*failed);
  }
  greet(std::get<UniqueFd>(std::move(*result)));
}

/// Queues the handshake and all that waits for it, which is written as one packet.
void RedisStore::greet(UniqueFd socket) {
  connection_ = RedisConnection::open(std::move(socket));
  if (!connection_) return fail_waiting(refused_memory());
  ++connection_number_;
  taught_at_ = {};
  if (const auto failed = login_.begin(*connection_)) {
    connection_.reset();
    return fail_waiting(*failed);
  }
  const std::vector<Waiting> waiting = std::exchange(waiting_, {});
  const bool teaches = waiting.size() >= kManyRequests;
  for (const Waiting& request : waiting) {
    if (!is_present(request.claim, request.attempt)) continue;
    const std::size_t kind = static_cast<std::size_t>(claims_[request.claim].request.kind);
    append_request(request.claim, teaches && taught_at_[kind] == 0 ? By::kText : By::kSha1);
  }
}

void RedisStore::append_request(std::uint32_t claim, By by) {
  Entry& entry = claims_[claim];
  // In RESP2 a connection that listens can do nothing else; there the timer alone wakes.
  if (candidate_.listens && !login_.speaks_resp2() && entry.listening_on != connection_number_) {
    const bool is_queued =
        connection_->append(Purpose::kSubscribe, {"SUBSCRIBE", events_channel(entry.claim.key)});
    if (is_queued) entry.listening_on = connection_number_;
  }
  // Otherwise the candidate would wait for what it has taken itself.
  if (entry.request.kind == RequestKind::kAcquire) append_unreleased(entry);
  append_script(claim, entry.request, by, Form::kBrief, Purpose::kRequest);
}

/// Releases once more what an acquire may have left behind. Nobody waits for the answer: the one to
/// the next request of the claim comes after it.
void RedisStore::append_unreleased(const Entry& entry) {
  if (!entry.unreleased) return;
  constexpr std::uint64_t kNobodyWaits = 0;
  const std::string record = record_name(entry.claim.key);
  const std::string channel = events_channel(entry.claim.key);
  const bool is_queued =
      connection_->append(Purpose::kUndo,
                          {"EVAL", kReleaseScript.text, "2", entry.claim.key.value, record,
                           entry.unreleased->value, channel},
                          0, kNobodyWaits);
  // It then ends with its ttl.
  static_cast<void>(is_queued);
}

/// Sends a request again that the server has not carried out because it did not know the script, or
/// not all that the script needs. Nothing was done, so that it is safe.
void RedisStore::append_again(const Received& refused) {
  const Request& request = claims_[refused.claim].request;
  // Of many requests that find the server without their script, one teaches it.
  const bool is_known = is_incomplete(*refused.reply) ||
                        refused.begin < taught_at_[static_cast<std::size_t>(request.kind)];
  append_script(refused.claim, request, is_known ? By::kSha1 : By::kText, Form::kWhole,
                Purpose::kRequest);
}

/// By its text, since nobody may be there to send it again.
void RedisStore::append_release(std::uint32_t claim) {
  claims_[claim].id_spent = true;
  append_script(claim, {RequestKind::kRelease, 0, {}, {}, {}}, By::kText, Form::kWhole,
                Purpose::kUndo);
}

/// The words stand in the order that the head of each script names.
void RedisStore::append_script(std::uint32_t claim, const Request& request, By by, Form form,
                               Purpose purpose) {
  const Entry& entry = claims_[claim];
  const Script& script = script_for(request.kind);
  const std::string record = record_name(entry.claim.key);
  words_.assign({by == By::kSha1 ? "EVALSHA" : "EVAL", by == By::kSha1 ? script.sha1 : script.text,
                 "2", entry.claim.key.value, record, entry.claim.holder.value});
  const auto add = [this](std::initializer_list<std::string_view> more) {
    words_.insert(words_.end(), more);
  };
  const auto queue = [&] {
    const std::uint64_t begin = connection_->queued();
    if (!connection_->append(purpose, words_, claim, entry.request.attempt)) {
      Failed failure = refused_memory();
      failure.unknown = failure.id_spent = purpose == Purpose::kUndo;
      return finish(claim, std::move(failure));
    }
    if (by == By::kText) taught_at_[static_cast<std::size_t>(request.kind)] = begin;
  };
  const std::string_view listens = candidate_.listens && !login_.speaks_resp2() ? "1" : "";
  const std::string token = std::to_string(request.token.value);
  if (request.kind == RequestKind::kRenew) {
    add({ttl_ms_, token});
    if (form == Form::kWhole) {
      add({candidate_.node, candidate_.host, pid_, candidate_.command, candidate_.identity,
           listens});
    }
    return queue();
  }
  const std::string channel = events_channel(entry.claim.key);
  if (request.kind == RequestKind::kAcquire) {
    const std::string awaited =
        candidate_.joins ? std::to_string(request.awaited.value) : std::string();
    add({ttl_ms_, channel, candidate_.node, candidate_.host, pid_, candidate_.command,
         candidate_.identity, awaited, listens});
    return queue();
  }
  add({channel});
  if (request.kind == RequestKind::kRelease) return queue();
  const Aftermath& after = candidate_.aftermath;
  const RunResult result = request.result.value_or(RunResult{});
  const std::string hold = std::to_string(ceil_ms(after.hold));
  const std::string once = std::to_string(ceil_ms(after.once));
  const std::string status = request.result ? std::to_string(result.status) : std::string();
  const std::string started = std::to_string(result.started_ms);
  const std::string finished = std::to_string(result.finished_ms);
  add({token, hold,
       parks(candidate_, request) ? std::string_view(candidate_.identity) : std::string_view(),
       ttl_ms_, once, status, started, finished, candidate_.node});
  queue();
}

void RedisStore::handle(const Received& received) {
  switch (received.purpose) {
    case Purpose::kHello:
    case Purpose::kLogin:
    case Purpose::kSelect:
      login_.take(received.purpose, *received.reply);
      break;
    case Purpose::kSubscribe:
      // Without the right to listen the timer alone wakes, which is slower and no less safe.
      break;
    case Purpose::kRequest:
    case Purpose::kUndo:
      handle_request(received);
      break;
    case Purpose::kMessage:
      return handle_message(*received.reply);
  }
  // What waits for the next connection makes it in watch().
  if (is_ending() && connection_->expected().empty()) close();
}

void RedisStore::handle_request(const Received& received) {
  if (!is_present(received.claim, received.attempt)) return;
  Entry& entry = claims_[received.claim];
  if (received.purpose == Purpose::kUndo) entry.id_spent = false;
  const RequestKind kind = entry.request.kind;
  const redisReply& reply = *received.reply;
  if (login_.failure() || login_.must_begin_again()) {
    // The request was executed all the same, but as somebody else or in another database. What it
    // took there must not stay. Nothing runs under it yet. A renewal is not taken back: it may be
    // the true lease of a running job.
    const bool took = received.purpose == Purpose::kRequest && kind == RequestKind::kAcquire &&
                      std::holds_alternative<Granted>(answer_of(kind, reply, candidate_.ttl));
    return took ? append_release(received.claim) : set_aside(received.claim);
  }
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  const std::string_view code = is_error ? error_code(text_of(reply)) : std::string_view();
  if (code == "NOSCRIPT" || is_incomplete(reply)) return append_again(received);
  if (is_error && spoils_connection(text_of(reply))) {
    spoiled_ = true;
    entry.listening_on = 0;
  }
  if (!is_error) entry.unreleased.reset();
  finish(received.claim, answer_of(kind, reply, candidate_.ttl));
}

/// Ends a request on a connection whose handshake has failed.
void RedisStore::set_aside(std::uint32_t claim) {
  Entry& entry = claims_[claim];
  entry.listening_on = 0;
  if (login_.must_begin_again()) {
    waiting_.push_back({claim, entry.request.attempt});
    return;
  }
  Failed failure = *login_.failure();
  failure.unknown = entry.request.kind == RequestKind::kRenew;
  finish(claim, std::move(failure));
}

void RedisStore::handle_message(const redisReply& reply) {
  // ["message", channel, event]; the event is what happened and the holder id of whom it happened
  // to, which may have blanks in it; of an acquisition, the token as well.
  if (reply.elements != 3 || text_of(*reply.element[0]) != "message") return;
  const auto found = claim_of_key_.find(key_of_channel(text_of(*reply.element[1])));
  if (found == claim_of_key_.end()) return;
  const std::uint32_t claim = found->second;
  const std::string_view event = text_of(*reply.element[2]);
  const std::size_t space = std::min(event.find(' '), event.size());
  const std::string_view what = event.substr(0, space);
  std::string_view holder = event.substr(std::min(space + 1, event.size()));
  const Token token = what == "acquired" ? split_token(holder) : Token{};
  if (what == "broken") return reports_.notice(claim, {Notice::Kind::kBroken});
  // We are told of what we do ourselves as well.
  if (is_own(claims_[claim], holder)) return;
  if (what == "released" || what == "parked") {
    reports_.notice(claim, {Notice::Kind::kFree, {std::string(holder)}});
  }
  if (what == "acquired" && !holder.empty()) {
    reports_.notice(claim, {Notice::Kind::kTaken, {std::string(holder)}, token});
  }
}

/// The connection broke, or what speaks there is no Redis.
void RedisStore::handle_fault() {
  if (login_.failure()) return lose_connection(*login_.failure());
  Failed failure = failure_of_fault(*connection_);
  failure.unknown = true;
  lose_connection(failure);
}

/// Whether no more requests are to be made on the connection: it is closed when those that were
/// made are answered.
bool RedisStore::is_ending() const {
  return spoiled_ || login_.failure() || login_.must_begin_again();
}

/// Whether a request waits for a connection.
bool RedisStore::has_waiting() {
  while (!waiting_.empty() && !is_present(waiting_.back().claim, waiting_.back().attempt)) {
    waiting_.pop_back();
  }
  return !waiting_.empty();
}

/// Whether the request with this number is still in flight.
bool RedisStore::is_present(std::uint32_t claim, std::uint64_t attempt) const {
  const Entry& entry = claims_[claim];
  return entry.in_flight && entry.request.attempt == attempt;
}

bool RedisStore::is_own(const Entry& entry, std::string_view holder) const {
  if (holder.empty()) return false;
  return holder == entry.claim.holder.value || hash_of(holder) == entry.former_holder;
}

void RedisStore::finish(std::uint32_t claim, Answer answer) {
  claims_[claim].in_flight = false;
  reports_.answer(claim, claims_[claim].request.attempt, std::move(answer));
}

/// What arrives for it from now on is not reported.
void RedisStore::forget_request(Entry& entry) {
  entry.in_flight = false;
  entry.listening_on = 0;
}

void RedisStore::fail_waiting(const Failed& failure) {
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    if (is_present(waiting.claim, waiting.attempt)) finish(waiting.claim, failure);
  }
}

/// Gives up the connection, or the dialing. Whoever waits for an answer on it gets `failure`, which
/// is `unknown` if the server may have executed what was written.
void RedisStore::lose_connection(Failed failure) {
  if (dialer_) {
    dialer_.reset();
    failure.unknown = false;
    return fail_waiting(failure);
  }
  if (!connection_) return;
  std::vector<std::pair<std::uint32_t, bool>> lost;
  for (const RedisConnection::Expected& expected : connection_->expected()) {
    const bool is_request =
        expected.purpose == Purpose::kRequest || expected.purpose == Purpose::kUndo;
    if (!is_request || !is_present(expected.claim, expected.attempt)) continue;
    // What was to be undone has been executed.
    const bool is_out =
        expected.purpose == Purpose::kUndo || connection_->has_written(expected.begin);
    lost.emplace_back(expected.claim, failure.unknown && is_out);
  }
  close();
  for (const auto& [claim, is_unknown] : lost) {
    failure.unknown = is_unknown;
    failure.id_spent = claims_[claim].id_spent;
    finish(claim, failure);
  }
}

/// Whoever has listened on the connection, and is not about to hear an answer, must ask for what it
/// would have told.
void RedisStore::close() {
  for (std::uint32_t claim = 0; connection_ && claim < claims_.size(); ++claim) {
    Entry& entry = claims_[claim];
    if (entry.listening_on != connection_number_ || entry.in_flight) continue;
    entry.listening_on = 0;
    reports_.notice(claim, {Notice::Kind::kFree});
  }
  connection_.reset();
  spoiled_ = false;
}

}  // namespace cluster_leader
