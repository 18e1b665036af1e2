#include "store/redis/caller.h"

#include <algorithm>
#include <utility>

namespace cluster_leader {

using Purpose = RedisLine::Purpose;

namespace {

/// For how long the server counts that the Sentinels have named.
constexpr Duration kNamedFor = std::chrono::seconds(1);

/// Each Sentinel answers at once, or is left out.
constexpr Duration kPatience = std::chrono::seconds(1);

}  // namespace

RedisCaller::RedisCaller(const SentinelLocation& location)
    : location_(location),
      sentinels_(std::make_unique<SentinelWatch>(location, kPatience, Dialer::kAsking)),
      line_(std::make_unique<RedisLine>(location.server)) {}

std::variant<RedisCaller::Replies, Failed> RedisCaller::call(std::span<const Command> commands,
                                                             Time deadline) {
  if (auto failed = connect(deadline)) return *failed;
  for (const Command& command : commands) {
    const std::vector<std::string_view> words(command.begin(), command.end());
    const bool subscribes = words.front() == "SUBSCRIBE";
    if (!line_->append(subscribes ? Purpose::kSubscribe : Purpose::kRequest, words)) {
      // Nothing was written yet, so that the server executes none of them.
      line_->close();
      return refused_memory();
    }
  }
  Replies replies;
  while (replies.size() < commands.size()) {
    auto event = wait(deadline);
    auto* received = event ? std::get_if<RedisLine::Received>(&*event) : nullptr;
    if (received == nullptr) {
      Failed failure = give_up(std::move(event));
      failure.unknown |= !replies.empty();
      return failure;
    }
    if (received->purpose != Purpose::kMessage) replies.push_back(std::move(received->reply));
  }
  return replies;
}

std::optional<Failed> RedisCaller::connect(Time deadline) {
  if (!is_connecting_ && !failure_) {
    if (line_->is_open()) drop_messages();
    if (auto failed = find_server(deadline)) return failed;
    if (!line_->is_open()) open(deadline);
  }
  connected_by_ = deadline;
  while (is_connecting_) continue_connecting(wait(deadline));
  return std::exchange(failure_, std::nullopt);
}

void RedisCaller::begin(Time deadline) {
  if (sentinels_) return;
  failure_.reset();
  // One that was begun long ago may wait on a connection that has been forgotten on the way.
  if (is_connecting_) disconnect();
  if (!line_->is_open()) open(deadline);
}

void RedisCaller::watch(Poller& poller) {
  if (is_connecting_) line_->watch(poller);
}

bool RedisCaller::advance(const Poller& poller, Time now) {
  if (is_connecting_) line_->advance(poller, now);
  while (is_connecting_) {
    auto event = line_->next();
    measure(event);
    if (!event) break;
    continue_connecting(std::move(event));
  }
  return !is_connecting_;
}

void RedisCaller::open(Time deadline) {
  times_ = {};
  tls_.reset();
  began_ = BootClock::now();
  connected_by_ = deadline;
  is_connecting_ = true;
  // The first of several addresses must not use up the time of all.
  line_->open((deadline - began_) / 2, began_);
}

/// Handles an event of a line that is not logged in yet; nothing: it was too late.
void RedisCaller::continue_connecting(std::optional<RedisLine::Event> event) {
  const auto* ended = event ? std::get_if<RedisLine::Ended>(&*event) : nullptr;
  if (!event || (ended != nullptr && ended->failure)) {
    is_connecting_ = false;
    failure_ = give_up(std::move(event));
    // Nothing was asked for yet.
    failure_->unknown = false;
  } else if (ended != nullptr) {
    // A server that does not understand HELLO gets another login on another connection.
    line_->close();
    open(connected_by_);
  } else if (std::holds_alternative<RedisLine::LoggedIn>(*event)) {
    is_connecting_ = false;
  }
}

/// Makes a line to the server that the Sentinels name, unless it leads there.
std::optional<Failed> RedisCaller::find_server(Time deadline) {
  const Time now = BootClock::now();
  if (!sentinels_ || (line_->is_open() && now < found_at_ + kNamedFor)) return std::nullopt;
  const auto found = find_primary(*sentinels_, deadline);
  if (const auto* failed = std::get_if<Failed>(&found)) return *failed;
  found_at_ = now;
  const RedisLocation location = at(location_->server, std::get<Endpoint>(found));
  const RedisLocation& present = line_->location();
  if (location.host != present.host || location.port != present.port) {
    line_ = std::make_unique<RedisLine>(location);
  }
  return std::nullopt;
}

/// Reads what the server has pushed since the last call, and finds out whether it has closed the
/// connection.
void RedisCaller::drop_messages() {
  line_->watch(poller_);
  line_->advance(poller_, poller_.wait(Time::min()));
  while (const auto event = line_->next()) {
    if (std::holds_alternative<RedisLine::Ended>(*event)) line_->close();
  }
}

/// The next event, or nothing at the deadline. Reads nothing more after that, so that a server
/// which never stops sending does not keep it busy.
std::optional<RedisLine::Event> RedisCaller::wait(Time deadline) {
  for (Time now = BootClock::now();;) {
    auto event = line_->next();
    measure(event);
    if (event || now >= deadline) return event;
    line_->watch(poller_);
    now = poller_.wait(std::min(deadline, line_->wake_at()));
    line_->advance(poller_, now);
  }
}

/// Closes the line after `event`, which is its end, or nothing at the deadline. Returns why, with
/// `unknown` set if any command of which no reply came was written.
Failed RedisCaller::give_up(std::optional<RedisLine::Event> event) {
  Failed failure;
  if (event) {
    failure = std::get<RedisLine::Ended>(std::move(*event)).failure.value_or(Failed{});
  } else {
    failure.text = "no answer in time (" + line_->describe_stage() + ")";
  }
  const auto unanswered = line_->close();
  failure.unknown = !unanswered.empty() && unanswered.front().is_written;
  return failure;
}

/// Records how long the steps of connecting took.
void RedisCaller::measure(const std::optional<RedisLine::Event>& event) {
  if (times_.login) return;
  // With TLS 1.3, a server refuses a client's certificate when the handshake is done for the
  // client.
  if (line_->has_tls_failed()) {
    tls_.reset();
  } else if (!tls_) {
    tls_ = line_->tls_facts();
  }
  const Duration elapsed = BootClock::now() - began_;
  const auto stage = line_->stage();
  const bool has_connected = line_->has_connected();
  if (!times_.lookup && (has_connected || stage >= RedisLine::Stage::kConnecting)) {
    times_.lookup = elapsed;
  }
  if (!times_.connect && has_connected) times_.connect = elapsed - *times_.lookup;
  if (event && std::holds_alternative<RedisLine::LoggedIn>(*event)) {
    times_.login = elapsed - *times_.lookup - *times_.connect;
  }
}

}  // namespace cluster_leader
