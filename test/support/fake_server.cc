#include "support/fake_server.h"

#include <sys/socket.h>

#include <chrono>

#include "support/loopback.h"

namespace cluster_leader {

FakeServer::FakeServer(Play play)
    : listener_(new_tcp_socket()), port_(listen_at(listener_.get(), loopback(0))) {
  thread_ = std::thread([this, play = std::move(play)] {
    for (;;) {
      UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
      if (!connection) return;
      ++connections_;
      send_at_once(connection.get());
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

FakeServer::Play FakeServer::is_full() {
  return [](int fd) {
    const std::string text = "-ERR max number of clients reached\r\n";
    ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
    char buffer[4096];
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  };
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
