#pragma once

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
#include "lease/answer.h"
#include "store/net/resolver.h"
#include "store/net/stream.h"
#include "store/redis/replies.h"

namespace cluster_leader {

class ReplyReader;

/// One open connection: it takes commands, and returns their replies in order, with pushed messages
/// in between. Nothing here blocks, and refused memory is never an
/// exception.
class RedisConnection {
 public:
  /// What a command is for.
  enum class Purpose : std::uint8_t {
    kHello,
    kLogin,
    kRole,
    kSelect,
    kSubscribe,
    kInfo,
    kRunId,
    kRequest,
    kUndo,
    kWait,  ///< WAIT, which is about all requests before it
    kAsking,
    kSlots,
    kNotice,
    kMessage
  };

  /// A command whose reply is still to come.
  struct Expected {
    Purpose purpose;  ///< kMessage: there was no command, the server has pushed it
    /// The owner's own numbers, as given to append().
    std::uint32_t candidacy = 0;
    std::uint64_t attempt = 0;
    /// The number of bytes that were queued before it on this connection.
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
    kExhausted,  ///< memory was refused; data that has arrived is lost
  };

  /// Takes over a connected stream. Null if memory is refused.
  static std::unique_ptr<RedisConnection> open(std::unique_ptr<Stream> stream);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  /// Queues a command. Nothing is written before flush(), so that several make one packet. False if
  /// memory is refused: then the command is not queued, and nothing else has changed.
  [[nodiscard]] bool append(Purpose purpose, std::span<const std::string_view> words,
                            std::uint32_t candidacy = 0, std::uint64_t attempt = 0);
  [[nodiscard]] bool append(Purpose purpose, std::initializer_list<std::string_view> words,
                            std::uint32_t candidacy = 0, std::uint64_t attempt = 0) {
    return append(purpose, std::span(words.begin(), words.size()), candidacy, attempt);
  }

  /// Writes what the stream takes at once.
  void flush();

  void watch(Poller& poller);

  /// Writes and reads what is possible.
  void advance(const Poller& poller);

  /// Reads what has arrived.
  void read();

  /// Reads all that has arrived. If a connection is closed with unread data, the kernel resets it,
  /// and the reset may overtake what was written last.
  void drain();

  /// The next reply or message that has arrived, or nothing.
  std::optional<Received> receive();

  /// The commands whose replies are still to come, the oldest first.
  const std::deque<Expected>& expected() const { return expected_; }

  /// The number of bytes queued on this connection, where the next command begins.
  std::uint64_t queued() const { return queued_; }
  /// Whether any byte of the command that begins there was written: if so, the server may execute
  /// it.
  bool has_written(std::uint64_t begin) const;

  /// How the connection has ended, if it has. What arrived before can still be received.
  Fault fault() const { return fault_; }
  /// The reason, for people: the system's text, or empty if the server just closed it.
  std::string fault_text() const;
  /// The same if it is TLS that has failed; nothing if not.
  std::optional<Failed> tls_failure() const;
  /// Whether the TLS handshake, if there is one, is done.
  bool is_established() const { return stream_->is_established(); }
  bool is_tls() const { return stream_->is_tls(); }
  std::optional<Address> peer() const { return peer_of(stream_->fd()); }
  std::optional<TlsFacts> tls_facts() const { return stream_->tls_facts(); }

  /// Whether anything was ever received.
  bool has_received() const { return has_received_; }

 private:
  RedisConnection(std::unique_ptr<Stream> stream, std::unique_ptr<ReplyReader> reader);

  std::size_t unwritten() const { return output_.size() - taken_; }
  void record_fault_of_reader();

  std::unique_ptr<Stream> stream_;
  std::unique_ptr<ReplyReader> reader_;
  std::string output_;     ///< commands, from the first that the stream has not taken as a whole
  std::size_t taken_ = 0;  ///< how much of it the stream has taken
  std::deque<Expected> expected_;
  std::uint64_t queued_ = 0;
  Fault fault_ = Fault::kNone;
  bool has_received_ = false;
  bool watched_ = false;  ///< watch() was called, so that ready() is about this socket
};

}  // namespace cluster_leader
