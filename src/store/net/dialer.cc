#include "store/net/dialer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace cluster_leader {

namespace {

/// Has the kernel ask whether the peer is still there. Routers and firewalls forget connections
/// that are silent for long, and say nothing: a candidate would wait for an event that never comes.
void keep_alive(int fd, Duration asking) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const auto set = [fd](int level, int name, std::int64_t value) {
    const int number = static_cast<int>(value);
    ::setsockopt(fd, level, name, &number, sizeof number);
  };
  constexpr int kProbes = 3;
  const auto between = std::max(duration_cast<seconds>(asking / kProbes), seconds(1));
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, duration_cast<seconds>(Dialer::kIdle).count());
  set(IPPROTO_TCP, TCP_KEEPINTVL, between.count());
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  // While something that was written is not acknowledged, nothing is asked, and without this the
  // kernel would try for a quarter of an hour. It also replaces the number of probes, so that a
  // shorter time would break a connection of which one probe was lost.
  const milliseconds longest = duration_cast<milliseconds>(Dialer::kIdle) + kProbes * between;
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, longest.count());
}

Failed failure_of(int error, bool is_unix) {
  const auto unreachable = [](std::string text) {
    return Failed{Trouble::kUnreachable, std::move(text)};
  };
  switch (error) {
    case ECONNREFUSED:
      return unreachable("connection refused: is the server running, and on this port?");
    case ENOENT:
      return unreachable("the socket does not exist; is the server running?");
    case ENETUNREACH:
    case EHOSTUNREACH:
      return unreachable("no route to the server; is the network up?");
    case ETIMEDOUT:
      return unreachable("no answer to the connection attempt: check the address and firewalls");
    case EACCES:
    case EPERM:
      if (is_unix) {
        return {Trouble::kDenied, "no permission to use the socket: check its mode and owner"};
      }
      return unreachable("a firewall on this machine blocks the connection");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return {Trouble::kExhausted, std::string("cannot connect: ") + std::strerror(error)};
    default:
      return unreachable(std::string("cannot connect: ") + std::strerror(error));
  }
}

std::optional<Address> unix_address(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Address result;
  std::memcpy(&result.storage, &address, sizeof address);
  result.length = sizeof address;
  return result;
}

}  // namespace

Dialer::Dialer(const RedisLocation& location, Duration patience, Time now, Duration asking)
    : asking_(asking), patience_(patience) {
  if (!location.socket_path.empty()) {
    if (auto address = unix_address(location.socket_path)) {
      addresses_.push_back(*address);
    } else {
      failure_ = {Trouble::kMisconfigured,
                  "the path of the socket is too long: Linux allows 107 bytes"};
    }
  } else if (auto address = numeric_address(location.host, location.port)) {
    addresses_.push_back(*address);
  } else {
    resolver_ = std::make_unique<Resolver>(location.host, location.port, now);
  }
  if (!resolver_) try_next_address(now);
}

void Dialer::watch(Poller& poller) {
  if (resolver_) return resolver_->watch(poller);
  poller.watch(socket_.get(), POLLOUT);
  watched_ = true;
}

Time Dialer::wake_at() const { return resolver_ ? resolver_->wake_at() : give_up_at_; }

std::optional<Dialer::Result> Dialer::advance(const Poller* poller, Time now) {
  if (resolver_) {
    if (poller != nullptr) advance_lookup(*poller, now);
    if (!resolver_->result()) return std::nullopt;
    if (const auto* failed = std::get_if<Failed>(&*resolver_->result())) return Result(*failed);
    addresses_ = std::get<std::vector<Address>>(*resolver_->result());
    std::reverse(addresses_.begin(), addresses_.end());
    resolver_.reset();
    try_next_address(now);
  } else if (socket_ && !connected_) {
    if (watched_ && poller != nullptr && poller->ready(socket_.get()) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
      connected_ = error == 0;
      if (!connected_) {
        failure_ = failure_of(error, false);
        try_next_address(now);
      }
    } else if (now >= give_up_at_) {
      failure_ = failure_of(ETIMEDOUT, false);
      try_next_address(now);
    }
  }
  if (connected_) return Result(std::move(socket_));
  if (!socket_) return Result(failure_);
  return std::nullopt;
}

bool Dialer::advance_lookup(const Poller& poller, Time now) {
  resolver_->advance(poller, now);
  return !resolver_->result() || !std::holds_alternative<Failed>(*resolver_->result());
}

void Dialer::try_next_address(Time now) {
  socket_.reset();
  connected_ = watched_ = false;
  give_up_at_ = kNever;
  while (!addresses_.empty()) {
    const Duration share = patience_ / static_cast<int>(addresses_.size());
    const Address address = addresses_.back();
    addresses_.pop_back();
    const int family = address.storage.ss_family;
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd) {
      if (family != AF_UNIX) {
        const int on = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        keep_alive(fd.get(), asking_);
      }
      connected_ = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                             address.length) == 0;
      if (connected_ || errno == EINPROGRESS || errno == EINTR) {
        socket_ = std::move(fd);
        // The owner decides how long the last one may take.
        if (!connected_ && !addresses_.empty()) give_up_at_ = now + share;
        patience_ -= share;
        return;
      }
    }
    failure_ = failure_of(errno, family == AF_UNIX);
  }
}

}  // namespace cluster_leader
