#include "support/tls_redis.h"

#include <signal.h>

#include <fstream>
#include <stdexcept>

#include "support/loopback.h"

namespace cluster_leader {

namespace {

bool accepts(std::uint16_t port) { return connect_to(new_tcp_socket().get(), port); }

}  // namespace

std::vector<std::string> tls_arguments(std::uint16_t port, const Certificates::Files& files,
                                       const TlsDemands& demands) {
  std::vector<std::string> words = {"--port",          "0",
                                    "--tls-port",      std::to_string(port),
                                    "--tls-cert-file", files.certificate,
                                    "--tls-key-file",  files.key};
  const auto add = [&](const std::string& option, const std::string& value) {
    words.insert(words.end(), {option, value});
  };
  add("--tls-auth-clients", demands.client_ca.empty() ? "no" : "yes");
  if (!demands.client_ca.empty()) add("--tls-ca-cert-file", demands.client_ca);
  if (demands.is_1_2_only) add("--tls-protocols", "TLSv1.2");
  return words;
}

std::string program_of(TlsEnd end) { return end == TlsEnd::kValkey ? VALKEY_SERVER : REDIS_SERVER; }

TlsRedis::TlsRedis(TlsEnd end, const Certificates::Files& files, const TlsDemands& demands)
    : port_(free_port()) {
  if (end != TlsEnd::kStunnel) {
    server_.emplace(program_of(end), tls_arguments(port_, files, demands));
    return;
  }
  server_.emplace(program_of(end));
  settings_ = server_->folder() + "/stunnel.conf";
  // Another process may bind the free port before stunnel does.
  for (int attempt = 0; attempt < 3; ++attempt, port_ = free_port()) {
    std::ofstream(settings_) << stunnel_settings(files, demands);
    stunnel_.emplace(Command({STUNNEL, settings_}).start());
    if (is_stunnel_up()) return;
    stunnel_.reset();
  }
  throw std::runtime_error("stunnel does not start: " +
                           content_of(server_->folder() + "/stunnel.log"));
}

RedisLocation TlsRedis::location(const TlsSettings& settings) const {
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = port_;
  location.tls = settings;
  return location;
}

void TlsRedis::pause_end() {
  if (!stunnel_) return server_->pause();
  stunnel_->signal(SIGSTOP);
  eventually([&] { return state_of(stunnel_->pid()) == 'T'; });
}

void TlsRedis::resume_end() {
  if (!stunnel_) return server_->resume();
  stunnel_->signal(SIGCONT);
}

void TlsRedis::kill_end() {
  if (settings_.empty()) return server_->kill();
  stunnel_.reset();
}

void TlsRedis::start_end() {
  if (settings_.empty()) return server_->start();
  stunnel_.emplace(Command({STUNNEL, settings_}).start());
  if (!is_stunnel_up()) throw std::runtime_error("stunnel does not start again");
}

std::string TlsRedis::stunnel_settings(const Certificates::Files& files,
                                       const TlsDemands& demands) const {
  // With DH among its ciphers, it would compute primes first.
  std::string text =
      "foreground = yes\npid =\noutput = " + server_->folder() +
      "/stunnel.log\nciphers = ECDHE+AESGCM\n[redis]\naccept = 127.0.0.1:" + std::to_string(port_) +
      "\nconnect = 127.0.0.1:" + std::to_string(server_->port()) + "\ncert = " + files.certificate +
      "\nkey = " + files.key + "\n";
  if (!demands.client_ca.empty()) text += "verifyChain = yes\nCAfile = " + demands.client_ca + "\n";
  if (demands.is_1_2_only) text += "sslVersion = TLSv1.2\n";
  return text;
}

bool TlsRedis::is_stunnel_up() {
  return eventually([&] { return !stunnel_->running() || accepts(port_); }) && stunnel_->running();
}

}  // namespace cluster_leader
