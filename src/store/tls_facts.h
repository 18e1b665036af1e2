#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cluster_leader {

/// What is known about an established TLS connection.
struct TlsFacts {
  std::string version;             ///< "TLSv1.3"
  std::vector<std::string> names;  ///< DNS names and addresses in the server's certificate
  std::int64_t days_left = 0;      ///< until that certificate expires; less than 0: it has
  bool is_verified = true;         ///< false with --tls-insecure
};

}  // namespace cluster_leader
