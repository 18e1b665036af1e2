#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/certificates.h"
#include "support/server.h"

namespace cluster_leader {

/// A real server that speaks only TLS on its port.
class TlsRedis {
 public:
  TlsRedis(const std::string& program, const Certificates::Files& files,
           std::vector<std::string> more = {"--tls-auth-clients", "no"})
      : port_(free_port()), server_(program, arguments(files, std::move(more))) {}

  RedisLocation location(const TlsSettings& settings) const {
    RedisLocation location;
    location.host = "127.0.0.1";
    location.port = port_;
    location.tls = settings;
    return location;
  }
  std::string url() const { return "rediss://127.0.0.1:" + std::to_string(port_); }
  Server& server() { return server_; }

 private:
  std::vector<std::string> arguments(const Certificates::Files& files,
                                     std::vector<std::string> more) const {
    std::vector<std::string> words = {"--port",          "0",
                                      "--tls-port",      std::to_string(port_),
                                      "--tls-cert-file", files.certificate,
                                      "--tls-key-file",  files.key};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::uint16_t port_;
  Server server_;
};

}  // namespace cluster_leader
