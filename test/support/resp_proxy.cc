#include "support/resp_proxy.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "support/loopback.h"

namespace cluster_leader {

namespace {

struct FreeReader {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

/// One direction of a connection: bytes, and where its messages end.
class Source {
 public:
  explicit Source(int fd) : fd_(fd), reader_(redisReaderCreate()) {}

  /// Reads what there is, waiting for something; false at the end.
  bool read() {
    char buffer[65536];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    redisReaderFeed(reader_.get(), buffer, static_cast<std::size_t>(got));
    fresh_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }
  /// The next whole message, or null.
  std::unique_ptr<redisReply, FreeReply> next() {
    void* reply = nullptr;
    redisReaderGetReply(reader_.get(), &reply);
    return std::unique_ptr<redisReply, FreeReply>(static_cast<redisReply*>(reply));
  }
  /// The bytes that were read since the last call.
  std::string take() { return std::exchange(fresh_, {}); }

 private:
  const int fd_;
  const std::unique_ptr<redisReader, FreeReader> reader_;
  std::string fresh_;
};

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string encoded(const RespProxy::Words& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

/// Whether this is the answer to a command, not something that the server has pushed.
bool is_reply(const redisReply& reply) {
  const bool is_list = reply.type == REDIS_REPLY_PUSH || reply.type == REDIS_REPLY_ARRAY;
  if (!is_list || reply.elements == 0) return true;
  const redisReply& first = *reply.element[0];
  const std::string_view what =
      first.str != nullptr ? std::string_view(first.str, first.len) : std::string_view();
  return reply.type == REDIS_REPLY_PUSH ? what == "subscribe" : what != "message";
}

}  // namespace

const std::string RespProxy::kClose = "(close)";

RespProxy::RespProxy(RedisLocation server, Answer answer)
    : server_(std::move(server)), answer_(std::move(answer)), listener_(new_tcp_socket()) {
  port_ = listen_at(listener_.get(), loopback(0));
  thread_ = std::thread([this] { accept_all(); });
}

RespProxy::~RespProxy() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
  for (Client& client : clients_) {
    ::shutdown(client.client.get(), SHUT_RDWR);
    client.thread.join();
  }
}

RedisLocation RespProxy::location() const {
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = port_;
  return location;
}

void RespProxy::accept_all() {
  for (;;) {
    UniqueFd accepted(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted) return;
    send_at_once(accepted.get());
    UniqueFd server = new_tcp_socket();
    if (!connect_to(server.get(), server_.port)) throw_errno("connect");
    const int number = ++connections_;
    Client& client = clients_.emplace_back(Client{std::move(accepted), std::move(server), {}});
    client.thread = std::thread([this, &client, number] { serve(client, number); });
  }
}

void RespProxy::serve(Client& connection, int number) {
  Source client(connection.client.get());
  Source server(connection.server.get());
  for (;;) {
    pollfd ready[] = {{connection.client.get(), POLLIN, 0}, {connection.server.get(), POLLIN, 0}};
    ::poll(ready, 2, -1);
    if (ready[1].revents != 0) {
      if (!server.read()) break;
      while (server.next()) {
      }
      send_all(connection.client.get(), server.take());
    }
    if (ready[0].revents == 0) continue;
    if (!client.read()) break;
    for (auto command = client.next(); command; command = client.next()) {
      Words words;
      for (std::size_t i = 0; i < command->elements; ++i) {
        words.emplace_back(command->element[i]->str, command->element[i]->len);
      }
      std::optional<std::string> own;
      {
        const std::scoped_lock lock(mutex_);
        own = answer_(number, words);
      }
      if (own == kClose) {
        ::shutdown(connection.client.get(), SHUT_RDWR);
        return;
      }
      if (own) {
        send_all(connection.client.get(), *own);
        continue;
      }
      send_all(connection.server.get(), encoded(words));
      for (bool is_answered = false; !is_answered;) {
        while (auto reply = server.next()) is_answered = is_answered || is_reply(*reply);
        if (!is_answered && !server.read()) {
          ::shutdown(connection.client.get(), SHUT_RDWR);
          return;
        }
      }
      send_all(connection.client.get(), server.take());
    }
  }
  ::shutdown(connection.client.get(), SHUT_RDWR);
}

RespProxy::Answer refuses_in_scripts(const std::string& command, const std::string& error) {
  return [command, error](int, RespProxy::Words& words) -> std::optional<std::string> {
    if (words[0] == "EVALSHA") return "-NOSCRIPT No matching script\r\n";
    if (words[0] != "EVAL") return std::nullopt;
    const std::string call = "redis.pcall('" + command + "'";
    for (std::size_t at = 0; (at = words[1].find(call, at)) != std::string::npos;) {
      const std::size_t end = words[1].find(')', at);
      words[1].replace(at, end + 1 - at, "redis.error_reply('" + error + "')");
    }
    return std::nullopt;
  };
}

}  // namespace cluster_leader
