#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "store/location.h"
#include "store/net/dialer.h"
#include "store/net/resolver.h"
#include "store/net/tls_context.h"
#include "store/redis/connection.h"
#include "store/redis/login.h"

namespace cluster_leader {

/// A line to one Redis or Valkey server: it looks up the name, connects, logs in, and then carries
/// commands and replies. No call blocks. What to send, and when to try again, is the owner's
/// decision: a line that has ended stays closed until the next open().
///
/// Each turn: watch(), a wait until wake_at() at the latest, advance(), and next() until it returns
/// nothing; next() also after open().
class RedisLine {
 public:
  using Purpose = RedisConnection::Purpose;
  using Received = RedisConnection::Received;
  using Role = RedisLogin::Role;

  enum class Stage : std::uint8_t { kClosed, kLookup, kConnecting, kOpen };

  /// The line is open, and its login is queued. Commands that are queued before the next flush()
  /// are written as one packet with the login, and the server executes them even if it refuses
  /// that; where this matters, wait for LoggedIn.
  struct Connected {};
  /// The server has accepted the login. Comes once for each Connected, unless the line ends first.
  struct LoggedIn {};
  /// Nothing more will come: the owner must call close().
  struct Ended {
    /// Why the line could not be opened or broke; `unknown` if commands that were written may have
    /// been executed. Nothing: every command was answered, and the next open() goes better.
    std::optional<Failed> failure;
  };
  /// A Received is a reply to a command of the owner's, or a message that the server has pushed.
  using Event = std::variant<Connected, LoggedIn, Received, Ended>;

  /// A command whose reply will not come.
  struct Unanswered : RedisConnection::Expected {
    bool is_written;  ///< at least in part: the server may execute it
  };

  /// Does nothing yet. `role` says which servers are accepted, and `asking` for how long the kernel
  /// asks after a silent one (see Dialer).
  explicit RedisLine(RedisLocation location, Role role = Role::kPrimary,
                     Duration asking = Dialer::kAsking);

  /// Another line to the same location, closed, that knows what this one has learned about it.
  std::unique_ptr<RedisLine> sibling() const;

  /// Begins to connect, or goes on with a lookup that was begun earlier. `patience` is the time for
  /// all addresses of the server together; the last one may take longer, which is for the owner to
  /// limit. Reads the password file. REQUIRES: the stage is not kOpen.
  void open(Duration patience, Time now);

  /// Nobody needs the connection any more. A lookup goes on, since the next open() can use it; an
  /// attempt to connect ends. An open line stays open.
  void stop_connecting();

  /// Ends the line once every command that was queued has been answered: it must not be used again,
  /// for another server must be found or the password read again. REQUIRES: the stage is kOpen.
  void retire() { is_retired_ = true; }

  /// Closes the line at once, whatever it does. Returns the commands that had no reply, in the
  /// order in which they were queued.
  std::vector<Unanswered> close();

  /// Flushes, and names the descriptors that the next wait of `poller` must watch.
  void watch(Poller& poller);
  /// When advance() must be called although no descriptor is ready; kNever if never.
  Time wake_at() const { return dialer_ ? dialer_->wake_at() : kNever; }
  /// Continues with what is ready. `poller` has waited since watch().
  void advance(const Poller& poller, Time now);
  /// The next event, or nothing for now. Replies come in the order of their commands.
  std::optional<Event> next();

  Stage stage() const;
  bool is_open() const { return connection_ != nullptr; }
  /// Whether the server has accepted the connection since open(), whatever came after.
  bool has_connected() const { return has_connected_; }
  /// Whether the open line has ended because TLS failed.
  bool has_tls_failed() const { return connection_ && connection_->tls_failure(); }
  /// Whether the open line ends when what was queued has been answered. New requests then belong on
  /// the next line.
  bool is_ending() const { return is_retired_ || login_.failure() || login_.must_begin_again(); }
  /// What it waits for, for people: "looking up redis", "connecting", "waiting for an answer".
  std::string describe_stage() const;
  const RedisLocation& location() const { return location_; }
  /// The address that the open line is connected to; nothing if it has broken. REQUIRES: is_open().
  std::optional<Address> peer() const { return connection_->peer(); }
  /// What the server has said about itself.
  const RedisLogin& login() const { return login_; }
  /// Of the present connection; nothing without TLS, or before the handshake is done.
  std::optional<TlsFacts> tls_facts() const {
    return connection_ ? connection_->tls_facts() : std::nullopt;
  }

  /// Queues a command; `candidacy` and `attempt` come back with its reply. False if memory is
  /// refused: then it is not queued, and nothing else has changed. REQUIRES: is_open().
  [[nodiscard]] bool append(Purpose purpose, std::span<const std::string_view> words,
                            std::uint32_t candidacy = 0, std::uint64_t attempt = 0) {
    return connection_->append(purpose, words, candidacy, attempt);
  }
  [[nodiscard]] bool append(Purpose purpose, std::initializer_list<std::string_view> words) {
    return connection_->append(purpose, words);
  }
  /// Where the next command begins, in bytes since the line was opened. REQUIRES: is_open().
  std::uint64_t queued() const { return connection_->queued(); }

  /// Writes what the kernel takes at once. REQUIRES: is_open().
  void flush() { connection_->flush(); }
  /// Reads all that has arrived, so that close() does not reset the connection, which may overtake
  /// what was written last.
  void drain();

 private:
  enum class Reported : std::uint8_t { kNothing, kConnected, kLoggedIn };

  void connect(const Poller* poller, Time now);
  void open_connection(UniqueFd socket);
  Failed failure() const;

  /// For sibling().
  RedisLine(const RedisLocation& location, std::shared_ptr<TlsContext> tls, const RedisLogin& login,
            Duration asking);

  const RedisLocation location_;
  const Duration asking_;
  std::shared_ptr<TlsContext> tls_;  ///< null: without TLS
  RedisLogin login_;
  bool is_wanted_ = false;          ///< open() was called, and stop_connecting() was not
  std::unique_ptr<Dialer> dialer_;  ///< while there is no connection yet
  std::optional<Failed> failure_;   ///< why there will be none
  std::unique_ptr<RedisConnection> connection_;
  bool is_retired_ = false;
  bool has_connected_ = false;
  Reported reported_ = Reported::kNothing;  ///< by next(), of this connection
};

}  // namespace cluster_leader
