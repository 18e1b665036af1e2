#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lease/claim.h"
#include "store/location.h"
#include "store/net/dialer.h"
#include "store/redis/connection.h"
#include "store/redis/login.h"
#include "store/reports.h"
#include "store/store.h"

namespace cluster_leader {

/// Leases on one Redis (6.0 or newer) or Valkey server. Each request is one script, so that the
/// server does all of it at one moment or nothing. Requests on a new connection are written
/// together with the handshake: an uncontended lease costs one round trip.
class RedisStore final : public Store {
 public:
  RedisStore(RedisLocation location, Candidate candidate);

  std::size_t add(Key key) override;
  void set_holder(std::size_t claim, HolderId holder) override;
  void send(std::size_t claim, const Request& request, Time now) override;
  void cancel(std::size_t claim) override;
  void abandon(std::size_t claim) override;
  void watch(Poller& poller) override;
  Time wake_at() const override;
  void advance(const Poller& poller, Time now) override;
  std::optional<StoreEvent> next() override;
  std::string stage(std::size_t claim) const override;

 private:
  using Purpose = RedisConnection::Purpose;
  using Received = RedisConnection::Received;

  /// A claim. There may be ten thousand of them.
  struct Entry {
    Claim claim;
    Request request;                 ///< the last one
    std::size_t former_holder = 0;   ///< hash of the holder id of its last term
    std::uint32_t listening_on = 0;  ///< the number of the connection that tells of its key; or 0
    bool in_flight = false;
    bool used = false;      ///< something was sent since it was last abandoned
    bool id_spent = false;  ///< a release of the present holder id may be on its way
    /// The holder id before, if what it took may still be there since its release may have been
    /// lost; null otherwise.
    std::unique_ptr<const HolderId> unreleased;
  };

  /// A request that waits for a connection.
  struct Waiting {
    std::uint32_t claim = 0;
    std::uint64_t attempt = 0;
  };

  enum class By : std::uint8_t { kSha1, kText };
  /// A renewal is brief, unless the script has asked for all that stands in the record.
  enum class Form : std::uint8_t { kBrief, kWhole };

  void dial(const Poller* poller, Time now);
  void greet(UniqueFd socket);
  void append_request(std::uint32_t claim, By by);
  void append_again(const Received& refused);
  void append_release(std::uint32_t claim);
  void append_script(std::uint32_t claim, const Request& request, By by, Form form,
                     Purpose purpose);
  void append_unreleased(const Entry& entry);

  void handle(const Received& received);
  void handle_request(const Received& received);
  void handle_message(const redisReply& reply);
  void set_aside(std::uint32_t claim);
  void handle_fault();

  bool is_ending() const;
  bool has_waiting();
  bool is_present(std::uint32_t claim, std::uint64_t attempt) const;
  bool is_own(const Entry& entry, std::string_view holder) const;
  void finish(std::uint32_t claim, Answer answer);
  void forget_request(Entry& entry);
  void fail_waiting(const Failed& failure);
  void lose_connection(Failed failure);
  void close();

  const RedisLocation location_;
  const Candidate candidate_;
  const std::string ttl_ms_;
  const std::string pid_;

  std::deque<Entry> claims_;                                          ///< stay where they are
  std::unordered_map<std::string_view, std::uint32_t> claim_of_key_;  ///< of those who listen
  std::size_t used_ = 0;                                              ///< how many claims are
  std::vector<Waiting> waiting_;
  Reports reports_;
  Time now_;  ///< as we were last told

  RedisLogin login_;
  std::unique_ptr<Dialer> dialer_;  ///< while there is no connection yet
  Time dial_at_ = Time::min();      ///< not before then
  std::unique_ptr<RedisConnection> connection_;
  std::uint32_t connection_number_ = 0;
  bool spoiled_ = false;  ///< no request must be made on this connection any more
  /// Where on this connection the text of a request's script was last sent; 0: nowhere. By kind.
  std::array<std::uint64_t, 4> taught_at_{};
  std::vector<std::string_view> words_;  ///< of the command that is being queued
};

}  // namespace cluster_leader
