#include "support/tls_server.h"

#include <openssl/ssl.h>

#include <memory>

namespace cluster_leader {

namespace {

FakeServer::Play under_tls(const Certificates::Files& files, TlsServer::Play play,
                           std::shared_ptr<std::atomic<bool>> playing) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str());
  SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM);
  return [context, play = std::move(play), playing = std::move(playing)](int fd) {
    const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
    SSL_set_fd(ssl.get(), fd);
    *playing = true;
    if (SSL_accept(ssl.get()) == 1) play(ssl.get());
    *playing = false;
  };
}

}  // namespace

TlsServer::TlsServer(const Certificates::Files& files, Play play)
    : server_(under_tls(files, std::move(play), playing_)) {}

RedisLocation TlsServer::location() const {
  RedisLocation location = server_.location();
  location.tls.emplace();
  return location;
}

}  // namespace cluster_leader
