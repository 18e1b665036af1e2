#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/poller.h"
#include "base/unique_fd.h"
#include "store/redis_replies.h"

namespace cluster_leader {

/// One open connection: commands go in, the replies to each come out in order, pushed messages in
/// between. hiredis writes and reads the protocol; nothing here blocks. The SIGPIPE of a connection
/// that the server has closed must be ignored by the process.
class RedisConnection {
 public:
  /// What a command was sent for, and so what its reply is about.
  enum class Purpose : std::uint8_t {
    kHello,
    kLogin,
    kSelect,
    kSubscribe,
    kRequest,
    kUndo,
    kMessage
  };

  struct Received {
    Purpose purpose;  ///< kMessage: pushed by the server, in reply to nothing
    ReplyPtr reply;
  };

  /// How a connection ended.
  enum class Fault : std::uint8_t { kNone, kClosed, kNotRedis };

  /// Takes over a connected, non-blocking socket. TLS will be put in here, around the same context.
  explicit RedisConnection(UniqueFd socket);

  /// Queues a command. Nothing is written before flush(), so that several make one packet.
  void append(Purpose purpose, std::span<const std::string_view> words);
  void append(Purpose purpose, std::initializer_list<std::string_view> words) {
    append(purpose, std::span(words.begin(), words.size()));
  }

  /// Writes what the kernel takes at once.
  void flush();

  void watch(Poller& poller);

  /// Writes and reads what is possible.
  void advance(const Poller& poller);

  /// Reads what has arrived. Closing with something unread would make the kernel reset the
  /// connection, which may overtake what was written last.
  void read();

  /// The next thing that has arrived, or nothing.
  std::optional<Received> receive();

  /// Whether the connection has ended; what arrived before can still be received.
  Fault fault() const { return fault_; }
  /// Why, for people: the system's words, or empty if the server just closed it.
  std::string_view fault_text() const;

  /// Whether anything has been written since mark(): from then on the server may execute it.
  bool has_written_since_mark() const { return has_written_; }
  void mark() { has_written_ = false; }
  /// Whether the server has ever said anything.
  bool has_received() const { return has_received_; }

 private:
  struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  std::unique_ptr<redisContext, FreeContext> context_;  ///< owns the socket
  std::vector<Purpose> expected_;                       ///< of the replies to come, from next_ on
  std::size_t next_ = 0;
  Fault fault_ = Fault::kNone;
  bool cannot_write_ = false;
  bool has_written_ = false;
  bool has_received_ = false;
  bool watched_ = false;  ///< has been in a wait, so that ready() speaks of this socket
};

}  // namespace cluster_leader
