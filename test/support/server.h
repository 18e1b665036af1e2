#pragma once

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/location.h"

namespace cluster_leader {

struct FreeServerReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ServerReply = std::unique_ptr<redisReply, FreeServerReply>;

/// A real redis-server or valkey-server in its own folder, on a free port and a Unix socket.
/// Stopped, with its folder, by the destructor.
class Server {
 public:
  /// Starts `program` with further arguments and waits until it answers. Throws std::runtime_error
  /// if the program is missing or the server does not come up: a missing server is a failure, never
  /// a skip.
  /// `settings`, if there are any, become its configuration file, which a Sentinel needs.
  explicit Server(const std::string& program, std::vector<std::string> arguments = {},
                  const std::string& settings = "");
  virtual ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return port_; }
  const std::string& folder() const { return folder_; }
  std::string socket_path() const { return folder_ + "/s"; }

  /// The location for a store.
  RedisLocation tcp() const;
  RedisLocation unix_socket() const;

  /// Runs one command over a new connection as the default user, and returns its reply.
  /// Throws std::runtime_error without an answer.
  ServerReply command(const std::vector<std::string>& words) const;
  /// The reply as text: strings as they are, integers in decimal, nil as "(nil)".
  std::string text(const std::vector<std::string>& words) const;
  long long integer(const std::vector<std::string>& words) const;
  /// How often the server has executed a command, including those in scripts.
  long long calls(const std::string& command) const;

  /// Waits until an acquisition with this ttl is no longer refused because the server is young.
  void grow_up(Duration ttl) const;

  void pause();   ///< SIGSTOP
  void resume();  ///< SIGCONT
  void kill();    ///< SIGKILL, and waits until it is gone
  void start();   ///< after kill(), on the same port and folder

 private:
  const std::string program_;
  const std::vector<std::string> arguments_;
  std::string settings_path_;  ///< empty: none
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

/// A port of 127.0.0.1 on which nothing listens at the moment.
std::uint16_t free_port();

}  // namespace cluster_leader
