#include "store/net/stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

namespace cluster_leader {

std::unique_ptr<Stream> PlainStream::open(UniqueFd socket) {
  try {
    return std::unique_ptr<Stream>(new PlainStream(std::move(socket)));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::size_t PlainStream::write(std::string_view bytes) {
  is_full_ = false;
  std::size_t taken = 0;
  while (!cannot_write_ && taken < bytes.size()) {
    const ssize_t part = ::send(fd(), bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
    if (part >= 0) {
      taken += static_cast<std::size_t>(part);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      is_full_ = true;
      break;
    } else if (errno != EINTR) {
      cannot_write_ = true;
    }
  }
  return taken;
}

std::size_t PlainStream::read(std::span<char> room) {
  while (!end_) {
    const ssize_t got = ::recv(fd(), room.data(), room.size(), 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) {
      end_ = End{};
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return 0;
    } else if (errno != EINTR) {
      end_ = End{.error = errno, .failure = {}};
    }
  }
  return 0;
}

short PlainStream::events() const {
  return static_cast<short>(is_full_ && !cannot_write_ ? POLLIN | POLLOUT : POLLIN);
}

}  // namespace cluster_leader
