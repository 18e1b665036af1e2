#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/server.h"

namespace cluster_leader {

/// A server that takes itself for an hour old, and so grants leases of any ttl at once: a test need
/// not wait for it to grow up. Killed and started again it is as young as any other.
class GrownServer : public Server {
  /// While it lives, what is started is made old (preload/old_server.cc).
  struct Aging {
    Aging() { ::setenv("LD_PRELOAD", OLD_SERVER, 1); }
    ~Aging() { ::unsetenv("LD_PRELOAD"); }
  };

 public:
  explicit GrownServer(std::vector<std::string> arguments = {}, const Aging& = Aging())
      : Server(REDIS_SERVER, std::move(arguments)) {}
};

}  // namespace cluster_leader
