#include "store/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <cstring>

namespace cluster_leader {

namespace {

/// An attempt to get a lease lasts a second at most, and c-ares' own 5 s would never come to the
/// second name server in it, nor repeat a packet that was lost.
constexpr int kTimeoutMs = 300;
constexpr int kTries = 4;

Failed failure_of(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
    case ARES_ENONAME:
      return {Trouble::kUnreachable,
              "this host name is not known: check --server or --host",
              false,
              {}};
    case ARES_ENOMEM:
      throw std::bad_alloc();
    default:
      return {Trouble::kUnreachable,
              std::string("the host name could not be looked up (") + ares_strerror(status) +
                  "): check the name servers of this machine",
              false,
              {}};
  }
}

Address copy_of(const sockaddr* address, socklen_t length) {
  Address copy;
  std::memcpy(&copy.storage, address, length);
  copy.length = length;
  return copy;
}

}  // namespace

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

Resolver::Resolver(const std::string& host, std::uint16_t port, Time now) {
  ares_options options{};
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  const int status = ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    result_ = failure_of(status);
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NUMERICSERV;
  ares_getaddrinfo(channel_, host.c_str(), std::to_string(port).c_str(), &hints, &on_result, this);
  set_alarm(now);
}

Resolver::~Resolver() {
  // Calls on_result() with ARES_EDESTRUCTION if the lookup is still going on.
  if (channel_ != nullptr) ares_destroy(channel_);
}

void Resolver::on_result(void* self, int status, int /*timeouts*/, ares_addrinfo* found) {
  auto& resolver = *static_cast<Resolver*>(self);
  if (status != ARES_SUCCESS) {
    if (status != ARES_EDESTRUCTION) resolver.result_ = failure_of(status);
    return;
  }
  std::vector<Address> addresses;
  for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
    addresses.push_back(copy_of(node->ai_addr, node->ai_addrlen));
  }
  ares_freeaddrinfo(found);
  if (addresses.empty()) {
    resolver.result_ = failure_of(ARES_ENODATA);
  } else {
    resolver.result_ = std::move(addresses);
  }
}

void Resolver::watch(Poller& poller) {
  if (channel_ == nullptr || result_) return;
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  const int bits = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
  for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    if (ARES_GETSOCK_READABLE(bits, i)) poller.watch(sockets[i], POLLIN);
    if (ARES_GETSOCK_WRITABLE(bits, i)) poller.watch(sockets[i], POLLOUT);
  }
}

void Resolver::advance(const Poller& poller, Time now) {
  if (channel_ == nullptr || result_) return;
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  const int bits = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
  for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    if (!ARES_GETSOCK_READABLE(bits, i) && !ARES_GETSOCK_WRITABLE(bits, i)) continue;
    const short ready = poller.ready(sockets[i]);
    if (ready == 0) continue;
    const bool readable = (ready & (POLLIN | POLLERR | POLLHUP)) != 0;
    const bool writable = (ready & POLLOUT) != 0;
    ares_process_fd(channel_, readable ? sockets[i] : ARES_SOCKET_BAD,
                    writable ? sockets[i] : ARES_SOCKET_BAD);
  }
  // Packets that were lost.
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  set_alarm(now);
}

void Resolver::set_alarm(Time now) {
  wake_at_ = kNever;
  if (result_) return;
  timeval rest{};
  if (ares_timeout(channel_, nullptr, &rest) == nullptr) return;
  wake_at_ = now + std::chrono::seconds(rest.tv_sec) + std::chrono::microseconds(rest.tv_usec + 1);
}

}  // namespace cluster_leader
