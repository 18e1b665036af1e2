#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "base/unique_fd.h"

namespace cluster_leader {

/// That port of this machine; 0: a free one, to listen on.
sockaddr_in loopback(std::uint16_t port);

/// A TCP socket. Throws std::system_error.
UniqueFd new_tcp_socket();

/// Has it send what is written at once.
void send_at_once(int socket);

/// Listens there, and returns the port. Throws std::system_error.
std::uint16_t listen_at(int socket, sockaddr_in own, int backlog = 64);

/// Connects to that port of this machine; false, with errno, if that fails.
bool connect_to(int socket, std::uint16_t port);

}  // namespace cluster_leader
