#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/poller.h"
#include "base/unique_fd.h"
#include "store/redis/replies.h"

namespace cluster_leader {

/// One open connection: commands go in, the replies to each come out in order, pushed messages in
/// between. hiredis writes and reads; nothing here blocks, and memory that is refused is never an
/// exception. The SIGPIPE of a connection that the server has closed must be ignored by the
/// process.
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

  /// A command whose reply is to come.
  struct Expected {
    Purpose purpose;  ///< kMessage: none, the server has pushed it
    /// Whose it was, in the words of whoever sent it.
    std::uint32_t claim = 0;
    std::uint64_t attempt = 0;
    /// How much was queued before it, in bytes since the connection was made.
    std::uint64_t begin = 0;
  };

  struct Received : Expected {
    ReplyPtr reply;
  };

  /// How a connection ended.
  enum class Fault : std::uint8_t {
    kNone,
    kClosed,
    kNotRedis,
    kExhausted,  ///< memory was refused; what has arrived is lost
  };

  /// Takes over a connected, non-blocking socket; nothing if memory is refused. TLS will be put in
  /// here, around the same context.
  static std::unique_ptr<RedisConnection> open(UniqueFd socket);

  /// Queues a command. Nothing is written before flush(), so that several make one packet. False if
  /// memory is refused; then the command is not queued, and all else is as it was.
  [[nodiscard]] bool append(Purpose purpose, std::span<const std::string_view> words,
                            std::uint32_t claim = 0, std::uint64_t attempt = 0);
  [[nodiscard]] bool append(Purpose purpose, std::initializer_list<std::string_view> words,
                            std::uint32_t claim = 0, std::uint64_t attempt = 0) {
    return append(purpose, std::span(words.begin(), words.size()), claim, attempt);
  }

  /// Writes what the kernel takes at once.
  void flush();

  void watch(Poller& poller);

  /// Writes and reads what is possible.
  void advance(const Poller& poller);

  /// Reads what has arrived, or the first part of much.
  void read();

  /// Reads all of it. Closing with something unread would make the kernel reset the
  /// connection, which may overtake what was written last.
  void drain();

  /// The next thing that has arrived, or nothing.
  std::optional<Received> receive();

  /// The commands whose replies are still to come, the oldest first.
  const std::deque<Expected>& expected() const { return expected_; }

  /// How much has been queued since the connection was made, in bytes: the next command begins
  /// there.
  std::uint64_t queued() const { return queued_; }
  /// Whether anything of a command that begins there has been written: from then on the server may
  /// execute it.
  bool has_written(std::uint64_t begin) const;

  /// Whether the connection has ended; what arrived before can still be received.
  Fault fault() const { return fault_; }
  /// Why, for people: the system's words, or empty if the server just closed it.
  std::string_view fault_text() const;

  /// Whether the server has ever said anything.
  bool has_received() const { return has_received_; }

 private:
  struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  using Context = std::unique_ptr<redisContext, FreeContext>;

  explicit RedisConnection(Context context) : context_(std::move(context)) {}

  std::size_t unwritten() const;
  bool announces_too_much() const;

  Context context_;      ///< owns the socket
  std::string command_;  ///< the one that is being queued
  std::deque<Expected> expected_;
  std::uint64_t queued_ = 0;
  Fault fault_ = Fault::kNone;
  bool cannot_write_ = false;
  bool has_received_ = false;
  bool watched_ = false;  ///< has been in a wait, so that ready() speaks of this socket
};

}  // namespace cluster_leader
