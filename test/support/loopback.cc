#include "support/loopback.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/errors.h"

namespace cluster_leader {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

UniqueFd new_tcp_socket() {
  return UniqueFd(check_errno(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

void send_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::uint16_t listen_at(int socket, sockaddr_in own, int backlog) {
  socklen_t size = sizeof own;
  check_errno(::bind(socket, reinterpret_cast<sockaddr*>(&own), size), "bind");
  check_errno(::listen(socket, backlog), "listen");
  check_errno(::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size), "getsockname");
  return ntohs(own.sin_port);
}

bool connect_to(int socket, std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace cluster_leader
