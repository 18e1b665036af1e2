#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lease/claim.h"
#include "store/location.h"
#include "store/redis_connection.h"
#include "store/redis_dialer.h"
#include "store/store.h"

namespace cluster_leader {

struct Script;

/// A lease on one Redis (6.0 or newer) or Valkey server. Each request is one script, so that the
/// server does all of it at one moment or nothing. A request on a new connection is written
/// together with the handshake: an uncontended lease costs one round trip.
class RedisStore : public Store {
 public:
  RedisStore(RedisLocation location, Claim claim, bool listening);

  void send(const Request& request, Time now) override;
  void cancel() override;
  void abandon() override;
  void watch(Poller& poller) override;
  Time wake_at() const override;
  std::optional<Answer> advance(const Poller& poller, Time now) override;
  bool take_hint() override;
  std::string stage() const override;

 private:
  using Purpose = RedisConnection::Purpose;
  enum class By : std::uint8_t { kSha1, kText };

  void dial(const Poller* poller, Time now);
  void greet(UniqueFd socket);
  std::optional<std::string> password();
  void append_script(const Request& request, By by, Purpose purpose);
  std::vector<std::string> arguments_of(const Request& request) const;

  void handle(RedisConnection::Received received, Time now);
  void handle_login(const redisReply& reply);
  void handle_request(const redisReply& reply, Time now);
  void handle_message(const redisReply& reply);
  void conclude_failed_handshake(Time now);
  void handle_fault();

  void finish(Answer answer);
  void close();

  const RedisLocation location_;
  const Claim claim_;
  const bool listening_;
  const std::string record_;
  const std::string channel_;
  const std::string ttl_ms_;
  const std::string pid_;

  std::unique_ptr<RedisDialer> dialer_;  ///< while there is no connection yet
  std::unique_ptr<RedisConnection> connection_;
  std::optional<Request> request_;           ///< in flight
  std::optional<Answer> answer_;             ///< to be reported by the next advance()
  std::optional<Failed> handshake_failure_;  ///< of this connection; the request is not to count
  bool speaks_resp2_ = false;                ///< the server is known not to understand HELLO
  bool must_speak_resp2_ = false;            ///< this connection has just found that out
  bool hint_ = false;
};

}  // namespace cluster_leader
