#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "store/location.h"

namespace cluster_leader {

/// A proxy in front of a real server, on a port of 127.0.0.1, that answers some commands in its own
/// way, as proxies and hosted services do. What it does not answer itself goes to the server, over
/// one connection for each client.
class RespProxy {
 public:
  using Words = std::vector<std::string>;
  /// The raw reply to a command; nothing: the server's. May change the command before that.
  /// `connection` counts clients from 1. Called by several threads, one call at a time.
  using Answer = std::function<std::optional<std::string>(int connection, Words& words)>;

  RespProxy(RedisLocation server, Answer answer);
  ~RespProxy();
  RespProxy(const RespProxy&) = delete;
  RespProxy& operator=(const RespProxy&) = delete;

  RedisLocation location() const;
  int connections() const { return connections_; }

  /// An answer that closes the connection.
  static const std::string kClose;

 private:
  struct Client {
    UniqueFd client;
    UniqueFd server;
    std::thread thread;
  };
  void accept_all();
  void serve(Client& client, int number);

  const RedisLocation server_;
  const Answer answer_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;  ///< of answer_ and clients_
  std::list<Client> clients_;
  std::thread thread_;
};

/// Has scripts find `command` refused with `error`.
RespProxy::Answer refuses_in_scripts(const std::string& command, const std::string& error);

}  // namespace cluster_leader
