#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/server.h"

namespace cluster_leader {

/// A server that believes that it is an hour old and so grants leases of any ttl at once: a test
/// need not wait until it is no longer young. Killed and started again, it is as young as any
/// other.
class GrownServer : public Server {
  /// During its lifetime, started servers are made old (preload/old_server.cc).
  struct Aging {
    Aging() { ::setenv("LD_PRELOAD", OLD_SERVER, 1); }
    ~Aging() { ::unsetenv("LD_PRELOAD"); }
  };

 public:
  explicit GrownServer(std::vector<std::string> arguments = {}, const Aging& = Aging())
      : Server(REDIS_SERVER, std::move(arguments)) {}
};

}  // namespace cluster_leader
