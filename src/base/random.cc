#include "base/random.h"

#include <sys/random.h>

#include <string_view>

#include "base/errors.h"

namespace cluster_leader {

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  // Requests of up to 256 bytes are never cut short once the pool is ready (getrandom(2)).
  while (::getrandom(&value, sizeof value, 0) < 0) {
    if (errno != EINTR) throw_errno("getrandom");
  }
  return value;
}

std::string random_hex_128() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int half = 0; half < 2; ++half) {
    std::uint64_t bits = random_u64();
    for (int i = 0; i < 16; ++i, bits >>= 4) text += kDigits[bits & 15];
  }
  return text;
}

}  // namespace cluster_leader
