#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/certificates.h"
#include "support/command.h"
#include "support/server.h"

namespace cluster_leader {

/// Whose TLS it is: a server's own, or that of stunnel in front of a Redis without TLS.
enum class TlsEnd { kRedis, kValkey, kStunnel };

/// The server's program.
std::string program_of(TlsEnd end);

/// What a TLS end asks of its clients.
struct TlsDemands {
  std::string client_ca{};   ///< that has signed a client's certificate; empty: none is required
  bool is_1_2_only = false;  ///< it speaks no newer version of TLS
};

/// The arguments of a server, or of a Sentinel, that is reached by TLS on that port and by nothing
/// else over TCP.
std::vector<std::string> tls_arguments(std::uint16_t port, const Certificates::Files& files,
                                       const TlsDemands& demands);

/// A real server that is reached by TLS.
class TlsRedis {
 public:
  TlsRedis(TlsEnd end, const Certificates::Files& files, const TlsDemands& demands = {});

  RedisLocation location(const TlsSettings& settings) const;
  std::uint16_t port() const { return port_; }
  std::string url() const { return "rediss://127.0.0.1:" + std::to_string(port_); }
  /// The server itself; if stunnel is in front of it, that is not paused or killed with it.
  Server& server() { return *server_; }

  // What speaks TLS: the server itself, or stunnel.
  void pause_end();
  void resume_end();
  void kill_end();
  void start_end();

 private:
  std::string stunnel_settings(const Certificates::Files& files, const TlsDemands& demands) const;
  bool is_stunnel_up();

  std::uint16_t port_;
  std::optional<Server> server_;
  std::string settings_;  ///< the file for stunnel
  std::optional<Process> stunnel_;
};

}  // namespace cluster_leader
