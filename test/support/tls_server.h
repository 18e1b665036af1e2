#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "support/certificates.h"
#include "support/fake_server.h"

struct ssl_st;

namespace cluster_leader {

/// A FakeServer under TLS: `play` gets each connection once its handshake is done.
class TlsServer {
 public:
  using Play = std::function<void(ssl_st* ssl)>;

  TlsServer(const Certificates::Files& files, Play play);

  /// The location, with TLS.
  RedisLocation location() const;
  /// Whether a connection is being played.
  bool is_busy() const { return *playing_; }

 private:
  std::shared_ptr<std::atomic<bool>> playing_ = std::make_shared<std::atomic<bool>>(false);
  FakeServer server_;
};

}  // namespace cluster_leader
