#include "store/redis_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "store/redis_names.h"
#include "store/redis_replies.h"
#include "store/scripts.h"

namespace cluster_leader {

namespace {

/// How long all addresses of a name may take together before the last one is left to the caller's
/// patience: an attempt, which is at most a second and a sixth of the ttl.
Duration patience_of(const Claim& claim) {
  return std::min<Duration>(claim.ttl / 6, std::chrono::seconds(1));
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

/// In the place of an errno.
constexpr int kNotAFile = -1;

/// The first line of a file; without blocking, whatever kind of file it is.
std::optional<std::string> read_secret(const std::string& path, int& error) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  // A pipe, such as a shell's <(...), gives the secret once, and it is wanted for every connection.
  struct stat status {};
  if (fd && (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))) {
    error = kNotAFile;
    return std::nullopt;
  }
  std::string text;
  char part[512];
  ssize_t got = fd ? 0 : -1;
  while (fd && (got = ::read(fd.get(), part, sizeof part)) > 0) text.append(part, part + got);
  if (got < 0) {
    error = errno;
    return std::nullopt;
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

bool means_no_hello(std::string_view error) {
  // Redis before 6 does not know the command, and says so without a code of its own; a server that
  // knows it may not know RESP3.
  const std::string_view code = error_code(error);
  return (code == "ERR" && !is_refusal_to_accept(error)) || code == "NOPROTO";
}

}  // namespace

RedisStore::RedisStore(RedisLocation location, Claim claim, bool listening)
    : location_(std::move(location)),
      claim_(std::move(claim)),
      listening_(listening),
      record_(record_name(claim_.key)),
      channel_(events_channel(claim_.key)),
      ttl_ms_(std::to_string(ceil_ms(claim_.ttl))),
      pid_(std::to_string(claim_.pid)) {}

void RedisStore::send(const Request& request, Time now) {
  request_ = request;
  answer_.reset();
  if (connection_) {
    connection_->mark();
    append_script(request, By::kSha1, Purpose::kRequest);
    connection_->flush();
    return;
  }
  dial(nullptr, now);
}

void RedisStore::cancel() {
  answer_.reset();
  if (!request_) return;
  request_.reset();
  // A name that is being looked up goes on being looked up, for the next request.
  if (dialer_ && !dialer_->is_looking_up()) dialer_.reset();
  close();
}

void RedisStore::abandon() {
  if (connection_) {
    append_script({RequestKind::kRelease, 0, {}, {}, {}}, By::kText, Purpose::kUndo);
    connection_->flush();
    connection_->read();
  }
  request_.reset();
  answer_.reset();
  dialer_.reset();
  close();
}

void RedisStore::watch(Poller& poller) {
  if (dialer_) dialer_->watch(poller);
  if (connection_) connection_->watch(poller);
}

Time RedisStore::wake_at() const {
  // An answer that was there without waiting.
  if (answer_) return Time::min();
  return dialer_ ? dialer_->wake_at() : kNever;
}

std::optional<Answer> RedisStore::advance(const Poller& poller, Time now) {
  if (dialer_ && request_) {
    dial(&poller, now);
  } else if (dialer_) {
    // The request was given up during the lookup, whose result is for the next one.
    if (!dialer_->advance_lookup(poller, now)) dialer_.reset();
  } else if (connection_) {
    connection_->advance(poller);
    while (connection_) {
      auto received = connection_->receive();
      if (!received) break;
      handle(std::move(*received), now);
    }
    if (connection_ && connection_->fault() != RedisConnection::Fault::kNone) handle_fault();
  }
  return std::exchange(answer_, std::nullopt);
}

bool RedisStore::take_hint() { return std::exchange(hint_, false); }

std::string RedisStore::stage() const {
  if (!dialer_) return "waiting for an answer";
  return dialer_->is_looking_up() ? "looking up " + location_.host : "connecting";
}

void RedisStore::dial(const Poller* poller, Time now) {
  if (!dialer_) dialer_ = std::make_unique<RedisDialer>(location_, patience_of(claim_), now);
  auto result = dialer_->advance(poller, now);
  if (!result) return;
  dialer_.reset();
  if (auto* failed = std::get_if<Failed>(&*result)) return finish(std::move(*failed));
  greet(std::get<UniqueFd>(std::move(*result)));
}

/// Writes the handshake and the request as one packet.
void RedisStore::greet(UniqueFd socket) {
  const auto secret = password();
  if (!secret) return;
  const std::string& user = location_.credentials.user;
  const bool has_login = !user.empty() || !secret->empty();
  connection_ = std::make_unique<RedisConnection>(std::move(socket));
  if (speaks_resp2_) {
    if (has_login && user.empty()) connection_->append(Purpose::kLogin, {"AUTH", *secret});
    if (has_login && !user.empty()) connection_->append(Purpose::kLogin, {"AUTH", user, *secret});
  } else if (has_login) {
    connection_->append(Purpose::kHello,
                        {"HELLO", "3", "AUTH", user.empty() ? "default" : std::string_view(user),
                         *secret, "SETNAME", "cluster-leader"});
  } else {
    connection_->append(Purpose::kHello, {"HELLO", "3", "SETNAME", "cluster-leader"});
  }
  if (location_.db != 0) {
    connection_->append(Purpose::kSelect, {"SELECT", std::to_string(location_.db)});
  }
  // In RESP2 a connection that listens can do nothing else; there the timer alone wakes.
  if (listening_ && !speaks_resp2_)
    connection_->append(Purpose::kSubscribe, {"SUBSCRIBE", channel_});
  append_script(*request_, By::kSha1, Purpose::kRequest);
  connection_->flush();
}

std::optional<std::string> RedisStore::password() {
  const Credentials& credentials = location_.credentials;
  if (credentials.password_file.empty()) return credentials.password;
  int error = 0;
  auto secret = read_secret(credentials.password_file, error);
  if (!secret) {
    finish(Failed{Trouble::kMisconfigured,
                  "cannot read the password file " + credentials.password_file + ": " +
                      (error == kNotAFile
                           ? "it must be a regular file, since it is read anew for every connection"
                           : std::strerror(error)),
                  false,
                  {}});
  }
  return secret;
}

void RedisStore::append_script(const Request& request, By by, Purpose purpose) {
  const Script& script = script_for(request.kind);
  const std::vector<std::string> arguments = arguments_of(request);
  std::vector<std::string_view> words = {by == By::kSha1 ? "EVALSHA" : "EVAL",
                                         by == By::kSha1 ? script.sha1 : script.text,
                                         "2",
                                         claim_.key.value,
                                         record_,
                                         claim_.holder.value};
  words.insert(words.end(), arguments.begin(), arguments.end());
  connection_->append(purpose, words);
}

/// What the script of a request wants besides the holder id, in the order that its head names.
std::vector<std::string> RedisStore::arguments_of(const Request& request) const {
  const std::string token = std::to_string(request.token.value);
  switch (request.kind) {
    case RequestKind::kAcquire:
      return {ttl_ms_,
              channel_,
              claim_.node,
              claim_.host,
              pid_,
              claim_.command,
              claim_.identity,
              claim_.joins ? std::to_string(request.awaited.value) : ""};
    case RequestKind::kRenew:
      return {ttl_ms_, token, claim_.node, claim_.host, pid_, claim_.command};
    case RequestKind::kRelease:
      return {channel_};
    case RequestKind::kSettle:
      break;
  }
  const Aftermath& after = claim_.aftermath;
  const RunResult result = request.result.value_or(RunResult{});
  return {channel_,
          token,
          std::to_string(ceil_ms(after.hold)),
          parks(claim_, request) ? claim_.identity : "",
          ttl_ms_,
          std::to_string(ceil_ms(after.once)),
          request.result ? std::to_string(result.status) : "",
          std::to_string(result.started_ms),
          std::to_string(result.finished_ms),
          claim_.node};
}

void RedisStore::handle(RedisConnection::Received received, Time now) {
  const redisReply& reply = *received.reply;
  switch (received.purpose) {
    case Purpose::kHello:
    case Purpose::kLogin:
      return handle_login(reply);
    case Purpose::kSelect:
      if (reply.type == REDIS_REPLY_ERROR && !handshake_failure_ && !must_speak_resp2_) {
        handshake_failure_ = failure_of_select(text_of(reply), location_.db);
        handshake_failure_->unknown = true;
      }
      return;
    case Purpose::kSubscribe:
      // Without the right to listen the timer alone wakes, which is slower and no less safe.
      return;
    case Purpose::kRequest:
      return handle_request(reply, now);
    case Purpose::kUndo:
      return conclude_failed_handshake(now);
    case Purpose::kMessage:
      return handle_message(reply);
  }
}

void RedisStore::handle_login(const redisReply& reply) {
  Failed failure;
  if (reply.type != REDIS_REPLY_ERROR) {
    if (!is_wrong_role(reply, failure)) return;
    handshake_failure_ = std::move(failure);
    handshake_failure_->unknown = true;
  } else if (!speaks_resp2_ && means_no_hello(text_of(reply))) {
    must_speak_resp2_ = speaks_resp2_ = true;
  } else {
    handshake_failure_ = failure_of_login(text_of(reply));
    handshake_failure_->unknown = !is_refusal_to_accept(text_of(reply));
  }
}

void RedisStore::handle_request(const redisReply& reply, Time now) {
  if (!request_) return;
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  if (handshake_failure_ || must_speak_resp2_) {
    // The request was executed all the same, but as somebody else or in another database. What it
    // took there must not stay. Nothing runs under it yet. A renewal is not taken back: it may be
    // the true lease of a running job.
    if (request_->kind == RequestKind::kAcquire &&
        std::holds_alternative<Granted>(answer_of(request_->kind, reply, claim_))) {
      append_script({RequestKind::kRelease, 0, {}, {}, {}}, By::kText, Purpose::kUndo);
      connection_->flush();
      return;
    }
    return conclude_failed_handshake(now);
  }
  if (is_error && error_code(text_of(reply)) == "NOSCRIPT") {
    // It did not run, so that sending it again is safe.
    append_script(*request_, By::kText, Purpose::kRequest);
    connection_->flush();
    return;
  }
  finish(answer_of(request_->kind, reply, claim_));
  if (is_error && spoils_connection(text_of(reply))) close();
}

void RedisStore::conclude_failed_handshake(Time now) {
  if (must_speak_resp2_) {
    close();
    return dial(nullptr, now);
  }
  Failed failure = std::move(*handshake_failure_);
  failure.unknown = request_->kind == RequestKind::kRenew;
  finish(std::move(failure));
  close();
}

void RedisStore::handle_message(const redisReply& reply) {
  // ["message", channel, event]; what happened is the first word of the event.
  if (reply.elements != 3 || text_of(*reply.element[0]) != "message") return;
  const std::string_view event = text_of(*reply.element[2]);
  const std::string_view what = event.substr(0, event.find(' '));
  if (what == "released" || what == "broken" || what == "parked") hint_ = true;
}

/// The connection broke, or what speaks there is no Redis.
void RedisStore::handle_fault() {
  if (!request_) {
    // What it would have told must be asked for.
    if (listening_) hint_ = true;
    return close();
  }
  Failed failure;
  failure.unknown = connection_->has_written_since_mark();
  if (handshake_failure_) {
    failure = std::move(*handshake_failure_);
  } else if (connection_->fault() == RedisConnection::Fault::kNotRedis) {
    failure.trouble = Trouble::kMisconfigured;
    failure.text = "what answers there is not a Redis or Valkey server, or it wants TLS";
  } else if (!connection_->fault_text().empty()) {
    failure.text = "the connection broke: " + std::string(connection_->fault_text());
  } else if (!connection_->has_received()) {
    failure.text = "the server closed the connection without a word: does it want TLS?";
  } else {
    failure.text = "the server closed the connection";
  }
  finish(std::move(failure));
  close();
}

void RedisStore::finish(Answer answer) {
  request_.reset();
  answer_ = std::move(answer);
}

void RedisStore::close() {
  connection_.reset();
  handshake_failure_.reset();
  must_speak_resp2_ = false;
}

}  // namespace cluster_leader
