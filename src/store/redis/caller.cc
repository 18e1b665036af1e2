#include "store/redis/caller.h"

#include <algorithm>
#include <utility>

#include "store/net/dialer.h"

namespace cluster_leader {

namespace {

using Purpose = RedisConnection::Purpose;

Failed too_late(const std::string& stage) {
  return {Trouble::kUnreachable, "no answer in time (" + stage + ")", false, {}};
}

}  // namespace

RedisCaller::RedisCaller(const RedisLocation& location, Role role)
    : location_(location), role_(role), login_(location) {}

std::variant<RedisCaller::Replies, Failed> RedisCaller::call(std::span<const Command> commands,
                                                             Time deadline) {
  if (auto failed = connect(deadline)) return *failed;
  const std::uint64_t begin = connection_->queued();
  for (const Command& command : commands) {
    const std::vector<std::string_view> words(command.begin(), command.end());
    const bool subscribes = words.front() == "SUBSCRIBE";
    if (!connection_->append(subscribes ? Purpose::kSubscribe : Purpose::kRequest, words)) {
      // With some of the commands that nobody has sent yet.
      connection_.reset();
      return refused_memory();
    }
  }
  connection_->flush();
  Replies replies;
  Failed failure;
  while (replies.size() < commands.size()) {
    auto received = receive(deadline, failure);
    if (!received) {
      failure.unknown = connection_->has_written(begin);
      connection_.reset();
      return failure;
    }
    if (received->purpose != Purpose::kMessage) replies.push_back(std::move(received->reply));
  }
  return replies;
}

std::optional<Failed> RedisCaller::connect(Time deadline) {
  std::optional<Failed> failed;
  if (!connection_ || !is_alive()) failed = connect_anew(deadline);
  if (!failed && role_ == Role::kPrimary) failed = login_.failure();
  // Nothing was asked for yet.
  if (failed) failed->unknown = false;
  return failed;
}

std::optional<Failed> RedisCaller::connect_anew(Time deadline) {
  std::optional<Failed> failed;
  // Twice, if the server does not understand our first words.
  do {
    times_ = {};
    failed = dial(deadline);
    if (!failed) failed = log_in(deadline);
  } while (!failed && login_.must_begin_again());
  if (!failed && login_.refusal()) {
    failed = login_.refusal();
    times_.login.reset();
  }
  if (failed) connection_.reset();
  return failed;
}

/// False if the server has closed the connection since it was last used.
bool RedisCaller::is_alive() {
  connection_->read();
  while (connection_->receive()) {
  }
  return connection_->fault() == RedisConnection::Fault::kNone;
}

std::optional<Failed> RedisCaller::dial(Time deadline) {
  const Time begin = BootClock::now();
  Time now = begin;
  // The first of several addresses must not use up the time of all.
  Dialer dialer(location_, (deadline - begin) / 2, begin);
  for (const Poller* waited = nullptr;; waited = &poller_) {
    auto result = dialer.advance(waited, now);
    if (!times_.lookup && !dialer.is_looking_up()) times_.lookup = BootClock::now() - begin;
    if (result) {
      if (auto* failed = std::get_if<Failed>(&*result)) return std::move(*failed);
      connection_ = RedisConnection::open(std::get<UniqueFd>(std::move(*result)));
      if (!connection_) return refused_memory();
      times_.connect = BootClock::now() - begin - *times_.lookup;
      return std::nullopt;
    }
    if (now >= deadline) {
      return too_late(dialer.is_looking_up() ? "looking up " + location_.host : "connecting");
    }
    dialer.watch(poller_);
    now = poller_.wait(std::min(deadline, dialer.wake_at()));
  }
}

std::optional<Failed> RedisCaller::log_in(Time deadline) {
  const Time begin = BootClock::now();
  if (auto failed = login_.begin(*connection_)) return failed;
  connection_->flush();
  Failed failure;
  while (!login_.is_done()) {
    const auto received = receive(deadline, failure);
    if (!received) return login_.refusal() ? login_.refusal() : failure;
    if (received->purpose != Purpose::kMessage) login_.take(received->purpose, *received->reply);
  }
  times_.login = BootClock::now() - begin;
  return std::nullopt;
}

/// The next thing that arrives, or nothing and why.
std::optional<RedisConnection::Received> RedisCaller::receive(Time deadline, Failed& failure) {
  for (Time now = BootClock::now();;) {
    if (auto received = connection_->receive()) return received;
    if (connection_->fault() != RedisConnection::Fault::kNone) {
      failure = failure_of_fault(*connection_);
      return std::nullopt;
    }
    if (now >= deadline) {
      failure = too_late("waiting for an answer");
      return std::nullopt;
    }
    connection_->watch(poller_);
    now = poller_.wait(deadline);
    connection_->advance(poller_);
  }
}

}  // namespace cluster_leader
