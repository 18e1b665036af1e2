#pragma once

#include <hiredis/hiredis.h>

#include <optional>
#include <string>

#include "lease/answer.h"
#include "store/location.h"
#include "store/redis/connection.h"

namespace cluster_leader {

/// What is said first on every connection: who we are, and which database we mean. In RESP3, and in
/// RESP2 from the moment when the server turned out not to know better. The server executes what is
/// written behind it in one packet whatever it answers here.
class RedisLogin {
 public:
  explicit RedisLogin(RedisLocation location) : location_(std::move(location)) {}

  /// Queues the words on a new connection. Returns why not if the password cannot be read, or
  /// memory is refused.
  std::optional<Failed> begin(RedisConnection& connection);

  /// Takes the reply to one of them: kHello, kLogin, kSelect.
  void take(RedisConnection::Purpose purpose, const redisReply& reply);

  /// Whether all of them have been answered.
  bool is_done() const { return awaited_ == 0; }

  /// The server has not understood: connect again, and begin() speaks its language.
  bool must_begin_again() const { return must_begin_again_; }

  /// Why this connection is of no use to requests, or nothing.
  const std::optional<Failed>& failure() const { return refusal_ ? refusal_ : wrong_role_; }
  /// The same, but for a server that has let us in and is none that leases are kept on.
  const std::optional<Failed>& refusal() const { return refusal_; }

  bool speaks_resp2() const { return speaks_resp2_; }
  /// As the server gave it in reply to HELLO; may be empty.
  const std::string& version() const { return version_; }

 private:
  const RedisLocation location_;
  bool speaks_resp2_ = false;  ///< the server is known not to understand HELLO
  // Of this connection.
  int awaited_ = 0;
  bool must_begin_again_ = false;
  std::optional<Failed> refusal_;
  std::optional<Failed> wrong_role_;
  std::string version_;
};

/// Why `connection` has ended. REQUIRES: it has.
Failed failure_of_fault(const RedisConnection& connection);

/// What to answer where there was no memory for a connection or a command.
Failed refused_memory();

}  // namespace cluster_leader
