#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "store/connect_times.h"
#include "store/location.h"
#include "store/redis/line.h"
#include "store/redis/replies.h"
#include "store/redis/sentinel_watch.h"

namespace cluster_leader {

/// Sends commands to one Redis or Valkey server and returns their replies. Unlike a store it waits
/// for them, but never beyond the deadline that it is given. It connects for the first of them and
/// stays connected; if the connection has broken since, it connects again.
class RedisCaller {
 public:
  using Command = std::vector<std::string>;
  using Replies = std::vector<ReplyPtr>;
  using Role = RedisLine::Role;

  /// `role` says which servers are accepted. Does nothing yet.
  explicit RedisCaller(const RedisLocation& location, Role role = Role::kPrimary)
      : line_(std::make_unique<RedisLine>(location, role)) {}
  /// Calls the server that a majority of the Sentinels names, and asks them again when it calls a
  /// second later.
  explicit RedisCaller(const SentinelLocation& location);

  /// Sends `commands` as one packet, and returns a reply to each of them, in order; an error reply
  /// of the server is a reply too. After a Failed that is `unknown` they may have been executed.
  std::variant<Replies, Failed> call(std::span<const Command> commands, Time deadline);

  /// Connects and logs in, unless that was done. Returns why not, if it fails.
  std::optional<Failed> connect(Time deadline);

  /// Begins to connect, unless it is connected, so that several callers do it at the same time.
  /// Each turn: watch(), a wait until wake_at() at the latest, and advance(), until that returns
  /// true: then connect() need not wait. With Sentinels, nothing is begun.
  void begin(Time deadline);
  void watch(Poller& poller);
  Time wake_at() const { return is_connecting_ ? line_->wake_at() : kNever; }
  bool advance(const Poller& poller, Time now);

  /// Closes the connection; the next call makes one.
  void disconnect() {
    line_->close();
    is_connecting_ = false;
  }

  /// Of the last time that it connected.
  const ConnectTimes& times() const { return times_; }

  /// What the server has said about itself.
  const RedisLogin& login() const { return line_->login(); }
  /// Of the last connection; nothing without TLS, or if its handshake failed.
  const std::optional<TlsFacts>& tls() const { return tls_; }

 private:
  std::optional<Failed> find_server(Time deadline);
  void open(Time deadline);
  void continue_connecting(std::optional<RedisLine::Event> event);
  std::optional<RedisLine::Event> wait(Time deadline);
  Failed give_up(std::optional<RedisLine::Event> event);
  void drop_messages();
  void measure(const std::optional<RedisLine::Event>& event);

  Poller poller_;
  std::optional<SentinelLocation> location_;  ///< nothing: the line's
  std::unique_ptr<SentinelWatch> sentinels_;  ///< only with that
  Time found_at_ = Time::min();               ///< when they have named the server of the line
  std::unique_ptr<RedisLine> line_;           ///< never null
  Time began_;                                ///< to connect
  Time connected_by_;                         ///< when to give that up
  bool is_connecting_ = false;
  std::optional<Failed> failure_{};  ///< why it could not be done, for the next connect()
  ConnectTimes times_;
  std::optional<TlsFacts> tls_;
};

}  // namespace cluster_leader
