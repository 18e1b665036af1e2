#include "support/balancer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "base/errors.h"

namespace cluster_leader {

namespace {

struct Pair {
  UniqueFd client;
  UniqueFd server;
};

UniqueFd new_socket() {
  UniqueFd fd(check_errno(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

/// Copies what has arrived; false at the end. A loopback socket has room for what these tests send.
bool forward(const UniqueFd& from, const UniqueFd& to) {
  std::array<char, 65536> buffer;
  const ssize_t got = ::recv(from.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  return ::send(to.get(), buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

}  // namespace

Balancer::Balancer(std::uint16_t backend, const std::string& address, std::uint16_t port)
    : address_(address), listener_(new_socket()), backend_(backend) {
  sockaddr_in own = address_of(address, port);
  socklen_t size = sizeof own;
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  check_errno(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&own), size), "bind");
  check_errno(::listen(listener_.get(), 64), "listen");
  check_errno(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&own), &size),
              "getsockname");
  port_ = ntohs(own.sin_port);
  int ends[2];
  check_errno(::pipe(ends), "pipe");
  stopped_ = UniqueFd(ends[0]);
  stop_ = UniqueFd(ends[1]);
  thread_ = std::thread([this] { serve(); });
}

Balancer::~Balancer() {
  stop_.reset();
  thread_.join();
}

RedisLocation Balancer::location() const {
  RedisLocation location;
  location.host = address_;
  location.port = port_;
  return location;
}

void Balancer::serve() {
  std::vector<Pair> pairs;
  for (;;) {
    std::vector<pollfd> ready = {{stopped_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Pair& pair : pairs) {
      ready.push_back({pair.client.get(), POLLIN, 0});
      ready.push_back({pair.server.get(), POLLIN, 0});
    }
    ::poll(ready.data(), ready.size(), -1);
    if (ready[0].revents != 0) return;
    std::vector<Pair> open;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      Pair& pair = pairs[i];
      const bool is_open = (ready[2 * i + 2].revents == 0 || forward(pair.client, pair.server)) &&
                           (ready[2 * i + 3].revents == 0 || forward(pair.server, pair.client));
      if (is_open) open.push_back(std::move(pair));
    }
    pairs = std::move(open);
    if (ready[1].revents == 0) continue;
    Pair pair{UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)), new_socket()};
    ++connections_;
    const int on = 1;
    ::setsockopt(pair.client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const sockaddr_in to = address_of("127.0.0.1", backend_);
    const bool leads_anywhere =
        backend_ != 0 &&
        ::connect(pair.server.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    if (leads_anywhere) pairs.push_back(std::move(pair));
  }
}

}  // namespace cluster_leader
