#pragma once

#include <string>
#include <system_error>
#include <variant>

namespace cluster_leader {

/// The id of this boot of the kernel (random(4)), or the error of reading it from `path`. Only
/// tests pass another path.
std::variant<std::string, std::error_code> boot_id(
    const char* path = "/proc/sys/kernel/random/boot_id");

/// `NODE/BOOT:NAMESPACE`: the same for all processes that share a node label, a boot of the kernel
/// and a PID namespace, and for no others. Two containers with the same HOSTNAME are two nodes.
/// Without /proc, BOOT is empty.
std::string machine_identity(const std::string& node);

}  // namespace cluster_leader
