#pragma once

#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "store/location.h"
#include "store/redis/replies.h"

namespace cluster_leader {

/// A real redis-server or valkey-server in a folder of its own, on a free port and a Unix socket.
/// Stopped, with its folder, by the destructor.
class Server {
 public:
  /// Starts `program` with further arguments and waits until it answers. Throws std::runtime_error
  /// if there is no such program or it does not come up: a missing server is a failure, never a
  /// skip.
  explicit Server(const std::string& program, std::vector<std::string> arguments = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return port_; }
  const std::string& folder() const { return folder_; }
  std::string socket_path() const { return folder_ + "/s"; }

  /// Where a store finds it.
  RedisLocation tcp() const;
  RedisLocation unix_socket() const;

  /// Runs one command and returns its reply; on a connection of its own, as the default user.
  /// Throws std::runtime_error if there is no answer.
  ReplyPtr command(std::initializer_list<std::string> words) const;
  /// The reply as text: strings as they are, integers in decimal, nil as "(nil)".
  std::string text(std::initializer_list<std::string> words) const;
  long long integer(std::initializer_list<std::string> words) const;
  /// How often the server has been told a command, scripts' own commands included.
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
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

/// A port of 127.0.0.1 on which nothing listens at the moment.
std::uint16_t free_port();

}  // namespace cluster_leader
