#pragma once

#include <cstdint>
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
#include "store/redis/connection.h"
#include "store/redis/login.h"
#include "store/redis/replies.h"

namespace cluster_leader {

/// Commands to one Redis or Valkey server, and their replies. Unlike a store it waits for them,
/// though never beyond the deadline that it is given. The connection is made for the first of them
/// and kept; one that was broken in the meantime is made again.
class RedisCaller {
 public:
  using Command = std::vector<std::string>;
  using Replies = std::vector<ReplyPtr>;

  /// Which servers are good enough to be asked: those that keep leases, or a replica or a Sentinel
  /// as well.
  enum class Role : std::uint8_t { kPrimary, kAny };

  explicit RedisCaller(const RedisLocation& location, Role role = Role::kPrimary);

  /// Sends `commands` as one packet, and returns a reply to each of them, in order; what the server
  /// refuses is a reply too. After a Failed that is `unknown` they may have been executed.
  std::variant<Replies, Failed> call(std::span<const Command> commands, Time deadline);

  /// Connects and logs in, unless that was done. Returns why not, if it fails.
  std::optional<Failed> connect(Time deadline);

  /// Closes the connection; the next call makes one.
  void disconnect() { connection_.reset(); }

  /// Of the last connect().
  const ConnectTimes& times() const { return times_; }

  /// What the server has said of itself.
  const RedisLogin& login() const { return login_; }

 private:
  bool is_alive();
  std::optional<Failed> connect_anew(Time deadline);
  std::optional<Failed> dial(Time deadline);
  std::optional<Failed> log_in(Time deadline);
  std::optional<RedisConnection::Received> receive(Time deadline, Failed& failure);

  const RedisLocation location_;
  const Role role_;
  Poller poller_;
  RedisLogin login_;
  std::unique_ptr<RedisConnection> connection_;
  ConnectTimes times_;
};

}  // namespace cluster_leader
