#include "store/redis/line.h"

#include <utility>

#include "store/net/tls_stream.h"

namespace cluster_leader {

namespace {

using Purpose = RedisConnection::Purpose;

bool belongs_to_login(Purpose purpose) {
  return purpose == Purpose::kHello || purpose == Purpose::kLogin || purpose == Purpose::kRole ||
         purpose == Purpose::kSelect;
}

}  // namespace

RedisLine::RedisLine(RedisLocation location, Role role, Duration asking)
    : location_(std::move(location)),
      asking_(asking),
      tls_(location_.tls ? std::make_shared<TlsContext>(*location_.tls) : nullptr),
      login_(location_, role) {}

RedisLine::RedisLine(const RedisLocation& location, std::shared_ptr<TlsContext> tls,
                     const RedisLogin& login, Duration asking)
    : location_(location), asking_(asking), tls_(std::move(tls)), login_(login) {}

std::unique_ptr<RedisLine> RedisLine::sibling() const {
  return std::unique_ptr<RedisLine>(new RedisLine(location_, tls_, login_, asking_));
}

void RedisLine::open(Duration patience, Time now) {
  is_wanted_ = true;
  has_connected_ = false;
  if (!dialer_) dialer_ = std::make_unique<Dialer>(location_, patience, now, asking_);
  connect(nullptr, now);
}

void RedisLine::stop_connecting() {
  is_wanted_ = false;
  if (stage() == Stage::kConnecting) dialer_.reset();
}

std::vector<RedisLine::Unanswered> RedisLine::close() {
  std::vector<Unanswered> unanswered;
  if (connection_) {
    for (const RedisConnection::Expected& expected : connection_->expected()) {
      unanswered.push_back({expected, connection_->has_written(expected.begin)});
    }
  }
  is_wanted_ = is_retired_ = false;
  dialer_.reset();
  failure_.reset();
  connection_.reset();
  reported_ = Reported::kNothing;
  return unanswered;
}

void RedisLine::watch(Poller& poller) {
  if (dialer_) dialer_->watch(poller);
  if (!connection_) return;
  connection_->flush();
  connection_->watch(poller);
}

void RedisLine::advance(const Poller& poller, Time now) {
  if (connection_) {
    connection_->advance(poller);
  } else if (dialer_ && is_wanted_) {
    connect(&poller, now);
  } else if (dialer_ && !dialer_->advance_lookup(poller, now)) {
    // Nobody waits for the name; the next open() looks it up again.
    dialer_.reset();
  }
}

/// Goes on until there is a connection with its login queued, or a failure. A null `poller` has not
/// waited yet.
void RedisLine::connect(const Poller* poller, Time now) {
  if (failure_) return;
  auto result = dialer_->advance(poller, now);
  if (!result) return;
  if (auto* failed = std::get_if<Failed>(&*result)) {
    // The dialer stays until close(), since it shows how far it came.
    failure_ = std::move(*failed);
    return;
  }
  has_connected_ = true;
  open_connection(std::get<UniqueFd>(std::move(*result)));
  dialer_.reset();
}

void RedisLine::open_connection(UniqueFd socket) {
  std::unique_ptr<Stream> stream;
  if (tls_) {
    auto opened = TlsStream::open(std::move(socket), *tls_, location_.host);
    if (auto* failed = std::get_if<Failed>(&opened)) {
      failure_ = std::move(*failed);
      return;
    }
    stream = std::get<std::unique_ptr<Stream>>(std::move(opened));
  } else {
    stream = PlainStream::open(std::move(socket));
  }
  connection_ = RedisConnection::open(std::move(stream));
  failure_ = connection_ ? login_.begin(*connection_) : refused_memory();
  if (failure_) connection_.reset();
}

std::optional<RedisLine::Event> RedisLine::next() {
  if (failure_) return Ended{failure_};
  if (!connection_) return std::nullopt;
  if (reported_ == Reported::kNothing) {
    reported_ = Reported::kConnected;
    return Connected{};
  }
  for (;;) {
    if (is_ending() && connection_->expected().empty()) return Ended{login_.failure()};
    if (reported_ == Reported::kConnected && login_.is_done() && !is_ending()) {
      reported_ = Reported::kLoggedIn;
      return LoggedIn{};
    }
    auto received = connection_->receive();
    if (!received) break;
    if (!belongs_to_login(received->purpose)) return std::move(*received);
    login_.handle(received->purpose, *received->reply);
  }
  if (connection_->fault() == RedisConnection::Fault::kNone) return std::nullopt;
  return Ended{failure()};
}

/// Why the connection has ended.
Failed RedisLine::failure() const {
  if (login_.failure()) return *login_.failure();
  Failed failure = failure_of_fault(*connection_);
  failure.unknown = true;
  return failure;
}

RedisLine::Stage RedisLine::stage() const {
  if (connection_) return Stage::kOpen;
  if (!dialer_) return Stage::kClosed;
  return dialer_->is_looking_up() ? Stage::kLookup : Stage::kConnecting;
}

std::string RedisLine::describe_stage() const {
  switch (stage()) {
    case Stage::kLookup:
      return "looking up " + location_.host;
    case Stage::kConnecting:
      return "connecting";
    case Stage::kOpen:
      // A server without TLS waits for the end of a line that never comes.
      if (!connection_->is_established()) {
        return "TLS handshake; a server without TLS does not answer it: use redis:// instead of "
               "rediss://?";
      }
      break;
    case Stage::kClosed:
      break;
  }
  return "waiting for an answer";
}

void RedisLine::drain() {
  if (connection_) connection_->drain();
}

}  // namespace cluster_leader
