#include "store/net/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <cstring>
#include <new>
#include <utility>

namespace cluster_leader {

namespace {

/// An attempt to get a lease lasts a second at most. With c-ares' default of 5 s it would never
/// reach the second name server, nor repeat a lost packet.
constexpr int kTimeoutMs = 300;
constexpr int kTries = 4;

Failed failure_of(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
    case ARES_ENONAME:
      return {Trouble::kUnreachable, "cannot resolve the host name: check --server or --host"};
    case ARES_ENOMEM:
      return {Trouble::kExhausted, "this machine is out of memory: cannot look up the host name"};
    default:
      return {Trouble::kUnreachable, std::string("cannot look up the host name (") +
                                         ares_strerror(status) +
                                         "): check the name servers of this machine"};
  }
}

Address copy_of(const sockaddr* address, socklen_t length) {
  Address copy;
  std::memcpy(&copy.storage, address, length);
  copy.length = length;
  return copy;
}

}  // namespace

bool Address::operator==(const Address& other) const {
  if (storage.ss_family != other.storage.ss_family) return false;
  if (storage.ss_family == AF_INET) {
    const auto& a = reinterpret_cast<const sockaddr_in&>(storage);
    const auto& b = reinterpret_cast<const sockaddr_in&>(other.storage);
    return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
  }
  if (storage.ss_family != AF_INET6) {
    return length == other.length && std::memcmp(&storage, &other.storage, length) == 0;
  }
  const auto& a = reinterpret_cast<const sockaddr_in6&>(storage);
  const auto& b = reinterpret_cast<const sockaddr_in6&>(other.storage);
  return a.sin6_port == b.sin6_port &&
         std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
}

std::optional<Address> peer_of(int socket) {
  Address peer;
  peer.length = sizeof peer.storage;
  auto* const address = reinterpret_cast<sockaddr*>(&peer.storage);
  if (::getpeername(socket, address, &peer.length) != 0) return std::nullopt;
  return peer;
}

std::optional<Address> numeric_address(const std::string& host, std::uint16_t port) {
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return copy_of(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  if (host.find(':') == host.npos) return std::nullopt;
  sockaddr_in6 v6{};
  const std::size_t percent = host.find('%');
  if (::inet_pton(AF_INET6, host.substr(0, percent).c_str(), &v6.sin6_addr) != 1)
    return std::nullopt;
  if (percent != host.npos) {
    v6.sin6_scope_id = ::if_nametoindex(host.c_str() + percent + 1);
    if (v6.sin6_scope_id == 0) return std::nullopt;
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  return copy_of(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

void Resolver::DestroyChannel::operator()(ares_channeldata* channel) const {
  ares_destroy(channel);
}

Resolver::Resolver(const std::string& host, std::uint16_t port, Time now) {
  ares_options options{};
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  ares_channeldata* channel = nullptr;
  const int status = ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  if (status != ARES_SUCCESS) {
    result_ = failure_of(status);
    return;
  }
  channel_.reset(channel);
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NUMERICSERV;
  ares_getaddrinfo(channel, host.c_str(), std::to_string(port).c_str(), &hints, &on_result, this);
  set_result();
  update_wake_at(now);
}

/// c-ares is written in C and calls this from inside its functions, so no exception may leave it.
/// The result is set when c-ares has returned.
void Resolver::on_result(void* self, int status, int /*timeouts*/, ares_addrinfo* list) noexcept {
  auto& resolver = *static_cast<Resolver*>(self);
  Found& found = resolver.found_.emplace(Found{status, {}});
  if (status != ARES_SUCCESS) return;
  try {
    for (const ares_addrinfo_node* node = list->nodes; node != nullptr; node = node->ai_next) {
      found.addresses.push_back(copy_of(node->ai_addr, node->ai_addrlen));
    }
  } catch (const std::bad_alloc&) {
    found.status = ARES_ENOMEM;
  }
  ares_freeaddrinfo(list);
}

void Resolver::set_result() {
  if (!found_ || result_) return;
  if (found_->status != ARES_SUCCESS) {
    result_ = failure_of(found_->status);
  } else if (found_->addresses.empty()) {
    result_ = failure_of(ARES_ENODATA);
  } else {
    result_ = std::move(found_->addresses);
  }
}

void Resolver::watch(Poller& poller) {
  if (!channel_ || result_) return;
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  const int bits = ares_getsock(channel_.get(), sockets, ARES_GETSOCK_MAXNUM);
  for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    if (ARES_GETSOCK_READABLE(bits, i)) poller.watch(sockets[i], POLLIN);
    if (ARES_GETSOCK_WRITABLE(bits, i)) poller.watch(sockets[i], POLLOUT);
  }
}

void Resolver::advance(const Poller& poller, Time now) {
  if (!channel_ || result_) return;
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  const int bits = ares_getsock(channel_.get(), sockets, ARES_GETSOCK_MAXNUM);
  for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    if (!ARES_GETSOCK_READABLE(bits, i) && !ARES_GETSOCK_WRITABLE(bits, i)) continue;
    const short ready = poller.ready(sockets[i]);
    if (ready == 0) continue;
    const bool readable = (ready & (POLLIN | POLLERR | POLLHUP)) != 0;
    const bool writable = (ready & POLLOUT) != 0;
    ares_process_fd(channel_.get(), readable ? sockets[i] : ARES_SOCKET_BAD,
                    writable ? sockets[i] : ARES_SOCKET_BAD);
  }
  // Repeats lost packets.
  ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  set_result();
  update_wake_at(now);
}

void Resolver::update_wake_at(Time now) {
  wake_at_ = kNever;
  if (result_) return;
  timeval rest{};
  if (ares_timeout(channel_.get(), nullptr, &rest) == nullptr) return;
  wake_at_ = now + std::chrono::seconds(rest.tv_sec) + std::chrono::microseconds(rest.tv_usec + 1);
}

}  // namespace cluster_leader
