#pragma once

#include <string>

namespace cluster_leader {

/// The id of this boot of the kernel (random(4)); empty, with errno, if /proc does not tell.
std::string boot_id();

/// `NODE/BOOT:NAMESPACE`: the same for all processes that share a node label, a boot of the kernel
/// and a PID namespace, and for nobody else. Two containers with one HOSTNAME are two nodes.
std::string machine_identity(const std::string& node);

}  // namespace cluster_leader
