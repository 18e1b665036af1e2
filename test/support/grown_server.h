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

/// Memory that a server shares: by how many ms its clock is wrong. Servers that are started while
/// it is announced have that clock.
class SharedClock {
 protected:
  SharedClock() : memory_(check_errno(::memfd_create("clock", 0), "memfd_create")) {
    check_errno(::ftruncate(memory_.get(), sizeof(std::int64_t)), "ftruncate");
    void* const page =
        ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    if (page == MAP_FAILED) throw_errno("mmap");
    error_ms_ = static_cast<std::atomic<std::int64_t>*>(page);
    announce();
  }
  ~SharedClock() { ::munmap(error_ms_, sizeof(std::int64_t)); }
  SharedClock(const SharedClock&) = delete;
  SharedClock& operator=(const SharedClock&) = delete;

  void announce() const {
    ::setenv("CLUSTER_LEADER_TEST_CLOCK", std::to_string(memory_.get()).c_str(), 1);
  }
  static void withdraw() { ::unsetenv("CLUSTER_LEADER_TEST_CLOCK"); }

  UniqueFd memory_;
  std::atomic<std::int64_t>* error_ms_ = nullptr;
};

/// A grown server whose clock the test can set.
class ClockServer : private SharedClock, public GrownServer {
 public:
  explicit ClockServer(const std::string& program = REDIS_SERVER,
                       std::vector<std::string> arguments = {})
      : GrownServer(std::move(arguments), program) {
    withdraw();
  }

  void set_clock(std::chrono::milliseconds forward) { *error_ms_ += forward.count(); }

  /// After kill(): it is young, and its clock is as wrong as before.
  void start_young() {
    const Aging preload;
    announce();
    ::setenv("CLUSTER_LEADER_TEST_YOUNG", "1", 1);
    start();
    ::unsetenv("CLUSTER_LEADER_TEST_YOUNG");
    withdraw();
  }
};

}  // namespace cluster_leader
