#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"
#include "lease/answer.h"
#include "store/tls_facts.h"

namespace cluster_leader {

/// A connected byte stream to a server, plain or under TLS. No call blocks. SIGPIPE must be ignored
/// by the process.
class Stream {
 public:
  /// How a stream has ended.
  struct End {
    int error = 0;                  ///< errno; 0: the server has closed it
    std::optional<Failed> failure;  ///< of TLS, if that says more
  };

  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Takes as many of `bytes` as it can at once and returns their number: no others can reach the
  /// server. What it does not take must come again, in front of what follows. An end of the stream
  /// shows in read(), after what the server has sent before it.
  virtual std::size_t write(std::string_view bytes) = 0;
  /// Reads the next part of what has arrived into `room`, which holds a TLS record (16 KiB), and
  /// returns how much; 0 if there is no more for now, or the stream has ended.
  virtual std::size_t read(std::span<char> room) = 0;
  /// The events for poll(2) after which a call may get further.
  virtual short events() const = 0;
  /// Whether the TLS handshake is done, or there is none.
  virtual bool is_established() const { return true; }
  virtual bool is_tls() const { return false; }
  /// Nothing without TLS, or before the handshake is done.
  virtual std::optional<TlsFacts> tls_facts() const { return std::nullopt; }

  int fd() const { return fd_.get(); }
  /// Nothing as long as the stream is open.
  const std::optional<End>& end() const { return end_; }

 protected:
  explicit Stream(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::optional<End> end_;
};

/// A stream without TLS, over a connected, non-blocking socket.
class PlainStream : public Stream {
 public:
  /// Null if memory is refused.
  static std::unique_ptr<Stream> open(UniqueFd socket);

  std::size_t write(std::string_view bytes) override;
  std::size_t read(std::span<char> room) override;
  short events() const override;

 private:
  using Stream::Stream;

  bool is_full_ = false;       ///< the kernel had no room for the last write
  bool cannot_write_ = false;  ///< the connection has ended; reading finds out how
};

}  // namespace cluster_leader
