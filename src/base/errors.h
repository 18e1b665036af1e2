#pragma once

#include <cerrno>
#include <system_error>

// Our own bugs are asserts. Every build has them, because they keep a job from outliving its lease.
#ifdef NDEBUG
#error "cluster-leader must be built without NDEBUG: remove -DNDEBUG from CMAKE_CXX_FLAGS"
#endif

namespace cluster_leader {

/// Throws std::system_error for errno: the machine refused something that only a broken or
/// exhausted machine refuses. Only main() catches it, and exits with status 71.
[[noreturn]] inline void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// Returns `result` if it is not -1; otherwise throws for errno, naming the call that failed.
template <typename T>
T check_errno(T result, const char* what) {
  if (result == T(-1)) throw_errno(what);
  return result;
}

}  // namespace cluster_leader
