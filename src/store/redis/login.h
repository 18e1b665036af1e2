#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "lease/answer.h"
#include "store/location.h"
#include "store/redis/connection.h"

namespace cluster_leader {

/// The first commands on every connection: they log in and select the database. It speaks RESP3,
/// and RESP2 once the server has turned out not to know RESP3. The server executes what is written
/// behind them in one packet, whatever it answers to them.
class RedisLogin {
 public:
  /// Which servers are accepted: only those that keep leases, or replicas and Sentinels as well.
  enum class Role : std::uint8_t { kPrimary, kAny };

  explicit RedisLogin(RedisLocation location, Role role = Role::kPrimary)
      : location_(std::move(location)), role_(role) {}

  /// Queues the commands on a new connection; reads the password file each time. Returns why not if
  /// that cannot be read, or memory is refused.
  std::optional<Failed> begin(RedisConnection& connection);

  /// Handles the reply to one of them: kHello, kLogin, kSelect.
  void handle(RedisConnection::Purpose purpose, const redisReply& reply);

  /// Whether all of them have been answered.
  bool is_done() const { return awaited_ == 0; }

  /// The server has not understood HELLO: connect again, and begin() uses RESP2.
  bool must_begin_again() const { return must_begin_again_; }

  /// Why this connection must not be used for requests, or nothing.
  const std::optional<Failed>& failure() const {
    return refusal_ || role_ == Role::kAny ? refusal_ : wrong_role_;
  }
  /// Why leases cannot be kept on this server, although it has let us in; nothing if they can.
  const std::optional<Failed>& wrong_role() const { return wrong_role_; }

  bool speaks_resp2() const { return speaks_resp2_; }
  /// Of the server, as its reply to HELLO has it; may be empty.
  const std::string& version() const { return version_; }

 private:
  const RedisLocation location_;
  const Role role_;
  bool speaks_resp2_ = false;  ///< the server is known not to understand HELLO
  // About this connection.
  int awaited_ = 0;
  bool must_begin_again_ = false;
  std::optional<Failed> refusal_;
  std::optional<Failed> wrong_role_;
  std::string version_;
};

/// Why `connection` has ended. REQUIRES: it has a fault().
Failed failure_of_fault(const RedisConnection& connection);

/// The failure if there is no memory for a connection or a command.
Failed refused_memory();

}  // namespace cluster_leader
