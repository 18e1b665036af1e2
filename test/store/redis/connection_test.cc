#include "store/redis/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <string>

namespace cluster_leader {
namespace {

using Fault = RedisConnection::Fault;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

/// A connection and the other end of it.
struct Connected {
  Connected() {
    int ends[2] = {};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    server.reset(ends[0]);
    connection = RedisConnection::open(PlainStream::open(UniqueFd(ends[1])));
  }

  /// How the connection fares when the server sends these bytes, in packets of that size.
  Fault feed(const std::string& bytes, std::size_t packet = 4096) const {
    for (std::size_t at = 0; at < bytes.size(); at += packet) {
      const std::string part = bytes.substr(at, packet);
      EXPECT_EQ(::send(server.get(), part.data(), part.size(), 0),
                static_cast<ssize_t>(part.size()));
      connection->read();
      while (connection->receive()) {
      }
    }
    return connection->fault();
  }

  UniqueFd server;
  std::unique_ptr<RedisConnection> connection;
};

TEST(RedisConnectionTest, MessagesThatWaitedAreNoReasonToRejectTheServer) {
  const std::string message =
      ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$100000\r\n" + std::string(100'000, 'x') + "\r\n";
  const Connected peer;
  std::size_t sent = 0;
  std::size_t received = 0;
  // More than may be unread of one reply, all of it before the first is looked at.
  while (sent < 200 * message.size()) {
    const std::size_t at = sent % message.size();
    const ssize_t part = ::send(peer.server.get(), message.data() + at, message.size() - at, 0);
    if (part > 0) sent += static_cast<std::size_t>(part);
    peer.connection->read();
  }
  for (int i = 0; i < 300; ++i) {
    while (peer.connection->receive()) ++received;
    peer.connection->read();
  }
  EXPECT_EQ(peer.connection->fault(), Fault::kNone);
  EXPECT_EQ(received, 200U);
}

}  // namespace
}  // namespace cluster_leader
