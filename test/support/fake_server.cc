#include "support/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>

#include "base/errors.h"

namespace cluster_leader {

FakeServer::FakeServer(Play play)
    : listener_(check_errno(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  check_errno(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), "bind");
  check_errno(::listen(listener_.get(), 8), "listen");
  check_errno(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size),
              "getsockname");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this, play = std::move(play)] {
    for (;;) {
      UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
      if (!connection) return;
      ++connections_;
      const int on = 1;
      ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      play(connection.get());
    }
  });
}

FakeServer::~FakeServer() {
  // Ends accept(), which close() would not do.
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

RedisLocation FakeServer::location() const {
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = port_;
  return location;
}

FakeServer::Play FakeServer::answers(std::string bytes, bool byte_by_byte) {
  return [bytes = std::move(bytes), byte_by_byte](int fd) {
    char buffer[65536];
    if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return;
    if (byte_by_byte) {
      for (const char byte : bytes) {
        ::send(fd, &byte, 1, MSG_NOSIGNAL);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    } else {
      ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  };
}

}  // namespace cluster_leader
