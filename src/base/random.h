#pragma once

#include <cstdint>
#include <string>

namespace cluster_leader {

/// 64 bits from getrandom(2). Throws std::system_error if that fails.
std::uint64_t random_u64();

/// 128 random bits as 32 lower-case hexadecimal digits.
std::string random_hex_128();

}  // namespace cluster_leader
