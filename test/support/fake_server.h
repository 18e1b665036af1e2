#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "store/location.h"

namespace cluster_leader {

/// A server on a port of 127.0.0.1 that behaves as no real server can be made to. Each connection
/// is passed to `play`, one after the other, on a separate thread; the descriptor is closed
/// afterwards.
class FakeServer {
 public:
  using Play = std::function<void(int fd)>;

  explicit FakeServer(Play play);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  RedisLocation location() const;
  int connections() const { return connections_; }

  /// A play that reads once, then answers with `bytes`, all at once or byte by byte with a pause
  /// after each, and then waits until the other side closes.
  static Play answers(std::string bytes, bool byte_by_byte = false);

  /// What a server does that has too many clients: it says so at once, and reads nothing.
  static Play is_full();

 private:
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace cluster_leader
