#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lease/answer.h"
#include "store/location.h"
#include "store/redis/connection.h"

namespace cluster_leader {

/// The first commands on every connection: AUTH, HELLO 3 and SELECT. AUTH is a command of its own,
/// since Redis 6.0 refuses HELLO to a client that has not logged in yet if its default user is off,
/// and proxies know AUTH but not HELLO. Once a server has refused RESP3, it is RESP2, where ROLE or
/// INFO says what HELLO does not. The server executes what is written behind them in one packet,
/// whatever it answers to them.
class RedisLogin {
 public:
  /// Which servers are accepted: only primaries without a cluster, only nodes of a cluster, only
  /// Sentinels, or all of them. A replica in a cluster says where its primary is.
  enum class Role : std::uint8_t { kPrimary, kNode, kSentinel, kAny };

  explicit RedisLogin(RedisLocation location, Role role = Role::kPrimary)
      : location_(std::move(location)), role_(role) {}

  /// Queues the commands on a new connection; reads the password file each time. Returns why not if
  /// that cannot be read, or memory is refused.
  std::optional<Failed> begin(RedisConnection& connection);

  /// Handles the reply to one of them: kLogin, kHello, kRole, kSelect.
  void handle(RedisConnection::Purpose purpose, const redisReply& reply);

  /// Whether all of them have been answered.
  bool is_done() const { return awaited_ == 0; }

  /// The server does not speak RESP3: connect again, and begin() uses RESP2. What was written
  /// behind HELLO may have subscribed the connection to events, so that it can do nothing else.
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
  std::optional<Failed> failure_of_mode(std::string_view mode) const;
  void handle_hello(const redisReply& reply);
  void handle_hello_error(std::string_view error);
  void handle_role(const redisReply& reply);
  void refuse(std::string_view error);

  const RedisLocation location_;
  const Role role_;
  bool speaks_resp2_ = false;  ///< the server is known not to speak RESP3
  // About this connection.
  int awaited_ = 0;
  bool has_credentials_ = false;
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
