#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/unique_fd.h"
#include "lease/answer.h"
#include "store/net/stream.h"
#include "store/net/tls_context.h"
#include "store/net/tls_failure.h"

struct ssl_st;

namespace cluster_leader {

/// A stream under TLS 1.2 or later. The handshake takes place in the first calls of read() and
/// write(); nothing is sent to a server whose certificate was not verified.
///
/// After a fork, only one of the two processes may use it. Its destructor sends nothing, so that
/// the other one can destroy its copy: a close_notify would end the connection for both.
class TlsStream : public Stream {
 public:
  /// Begins over a connected, non-blocking socket. `host` is the name or address that was dialled;
  /// the certificate must be for it, or for settings().server_name if there is one.
  static std::variant<std::unique_ptr<Stream>, Failed> open(UniqueFd socket, TlsContext& context,
                                                            const std::string& host);

  std::size_t write(std::string_view bytes) override;
  std::size_t read(std::span<char> room) override;
  short events() const override;
  bool is_established() const override;
  bool is_tls() const override { return true; }
  std::optional<TlsFacts> tls_facts() const override;

 private:
  using Ssl = std::unique_ptr<ssl_st, void (*)(ssl_st*)>;

  TlsStream(UniqueFd socket, Ssl ssl, TlsAttempt attempt);
  enum class Call : std::uint8_t { kHandshake, kRead, kWrite };

  bool shake_hands();
  bool handle_error(int result, Call call);

  Ssl ssl_;
  TlsAttempt attempt_;
  /// The kernel had no room for what the last call of each kind had to write.
  bool handshake_is_full_ = false;
  bool read_is_full_ = false;
  bool write_is_full_ = false;
  bool cannot_write_ = false;  ///< the connection has ended; reading finds out how
};

}  // namespace cluster_leader
