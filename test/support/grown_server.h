#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "support/server.h"

namespace cluster_leader {

/// A server that believes that it is an hour old and so grants leases of any ttl at once: a test
/// need not wait until it is no longer young. Killed and started again, it is as young as any
/// other.
class GrownServer : public Server {
 protected:
  /// During its lifetime, started servers are made old (preload/old_server.cc).
  struct Aging {
    Aging() { ::setenv("LD_PRELOAD", OLD_SERVER, 1); }
    ~Aging() { ::unsetenv("LD_PRELOAD"); }
  };

 public:
  explicit GrownServer(std::vector<std::string> arguments = {},
                       const std::string& program = REDIS_SERVER, const Aging& = Aging())
      : Server(program, std::move(arguments)) {}
};

/// A grown server whose clock the test can set.
class ClockServer : public GrownServer {
  /// Memory that the server shares: by how many ms its clock is wrong.
  struct Clock {
    Clock() : memory(check_errno(::memfd_create("clock", 0), "memfd_create")) {
      check_errno(::ftruncate(memory.get(), sizeof(std::int64_t)), "ftruncate");
      void* const page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                                memory.get(), 0);
      if (page == MAP_FAILED) throw_errno("mmap");
      error_ms = static_cast<std::atomic<std::int64_t>*>(page);
      ::setenv("CLUSTER_LEADER_TEST_CLOCK", std::to_string(memory.get()).c_str(), 1);
    }
    ~Clock() { ::unsetenv("CLUSTER_LEADER_TEST_CLOCK"); }
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;

    UniqueFd memory;
    std::atomic<std::int64_t>* error_ms = nullptr;
  };

 public:
  explicit ClockServer(const std::string& program = REDIS_SERVER, const Clock& clock = Clock())
      : GrownServer({}, program), error_ms_(clock.error_ms) {}
  ~ClockServer() { ::munmap(error_ms_, sizeof(std::int64_t)); }

  void set_clock(std::chrono::milliseconds forward) { *error_ms_ += forward.count(); }

 private:
  std::atomic<std::int64_t>* const error_ms_;
};

}  // namespace cluster_leader
