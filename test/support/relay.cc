#include "support/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <vector>

#include "base/errors.h"
#include "support/loopback.h"

namespace cluster_leader {

namespace {

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

UniqueFd new_socket() {
  UniqueFd fd = new_tcp_socket();
  send_at_once(fd.get());
  return fd;
}

/// Passes on what has arrived at `from`; false at its end.
bool copy(int from, int to) {
  char buffer[65536];
  const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
  return got > 0 && ::send(to, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

}  // namespace

Relay::Relay(std::uint16_t backend, const std::string& address, std::uint16_t port)
    : address_(address),
      listener_(new_socket()),
      ended_(check_errno(::eventfd(0, EFD_CLOEXEC), "eventfd")),
      backend_(backend) {
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  port_ = listen_at(listener_.get(), address_of(address, port));
  thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
  [[maybe_unused]] const int written = ::eventfd_write(ended_.get(), 1);
  assert(written == 0);  // or the thread would never end
  thread_.join();
}

RedisLocation Relay::location() const {
  RedisLocation location;
  location.host = address_;
  location.port = port_;
  return location;
}

void Relay::run() {
  for (;;) {
    std::vector<pollfd> polled = {{ended_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Passage& passage : passages_) {
      polled.push_back({passage.client.get(), POLLIN, 0});
      polled.push_back({passage.server.get(), POLLIN, 0});
    }
    check_errno(::poll(polled.data(), polled.size(), -1), "poll");
    if (polled[0].revents != 0) return;
    auto events = polled.begin() + 2;
    for (auto it = passages_.begin(); it != passages_.end(); events += 2) {
      if (pass_on(*it, events[0].revents, events[1].revents)) {
        ++it;
      } else {
        it = passages_.erase(it);
      }
    }
    if (polled[1].revents != 0) accept();
  }
}

void Relay::accept() {
  UniqueFd client(
      check_errno(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  send_at_once(client.get());
  const int number = ++connections_;
  UniqueFd server = new_socket();
  const bool leads_anywhere = backend_ != 0 && connect_to(server.get(), backend_);
  if (leads_anywhere) passages_.push_back({number, std::move(client), std::move(server)});
}

/// Passes on what has arrived on a connection, or drops it; false at the end of the connection.
bool Relay::pass_on(const Passage& passage, short client_events, short server_events) const {
  const int client = passage.client.get();
  const int server = passage.server.get();
  if (passage.number <= forget_up_to_) {
    char dropped[65536];
    // Neither side hears of the end of the other; each may still end itself.
    if (client_events != 0 && ::recv(client, dropped, sizeof dropped, 0) <= 0) return false;
    return server_events == 0 || ::recv(server, dropped, sizeof dropped, 0) > 0;
  }
  return (client_events == 0 || copy(client, server)) &&
         (server_events == 0 || copy(server, client));
}

}  // namespace cluster_leader
