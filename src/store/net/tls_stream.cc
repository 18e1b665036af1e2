#include "store/net/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <cerrno>
#include <utility>

namespace cluster_leader {

namespace {

bool is_ip_address(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// Lets OpenSSL check the certificate's name. A name in the subject alone does not count: CAs have
/// not checked it for years (RFC 9525).
bool set_name(SSL* ssl, const std::string& name, bool is_insecure) {
  if (is_ip_address(name)) {
    return is_insecure || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  }
  SSL_set_hostflags(ssl,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  // The macro of that name casts in the old style.
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(name.c_str())) == 1 &&
         (is_insecure || SSL_set1_host(ssl, name.c_str()) == 1);
}

int record_refused_certificate(int is_ok, X509_STORE_CTX* verification) {
  if (is_ok == 1) return 1;
  const auto* ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* attempt = static_cast<TlsAttempt*>(SSL_get_app_data(ssl));
  if (attempt != nullptr) attempt->record(verification);
  return 0;
}

/// Called by OpenSSL with the header of each record, right or wrong. The first byte from the server
/// tells a plain Redis, or something else, from TLS.
void record_header(int is_written, int /*version*/, int type, const void* bytes, std::size_t size,
                   SSL* /*ssl*/, void* attempt) {
  auto& first_byte = static_cast<TlsAttempt*>(attempt)->first_byte;
  if (is_written != 0 || type != SSL3_RT_HEADER || size == 0 || first_byte) return;
  first_byte = *static_cast<const unsigned char*>(bytes);
}

}  // namespace

std::variant<std::unique_ptr<Stream>, Failed> TlsStream::open(UniqueFd socket, TlsContext& context,
                                                              const std::string& host) {
  auto made = context.get();
  if (auto* failed = std::get_if<Failed>(&made)) return std::move(*failed);
  Ssl ssl(SSL_new(std::get<SSL_CTX*>(made)), SSL_free);
  if (!ssl || SSL_set_fd(ssl.get(), socket.get()) != 1) return tls_out_of_memory();
  const TlsSettings& settings = context.settings();
  TlsAttempt attempt;
  attempt.name = settings.server_name.empty() ? host : settings.server_name;
  // A name may end with a dot, but a certificate's never does.
  if (attempt.name.ends_with('.')) attempt.name.pop_back();
  attempt.has_client_certificate = !settings.certificate.empty();
  SSL_set_verify(ssl.get(), settings.is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                 settings.is_insecure ? nullptr : record_refused_certificate);
  if (!set_name(ssl.get(), attempt.name, settings.is_insecure)) return tls_out_of_memory();
  SSL_set_connect_state(ssl.get());
  return std::unique_ptr<Stream>(
      new TlsStream(std::move(socket), std::move(ssl), std::move(attempt)));
}

TlsStream::TlsStream(UniqueFd socket, Ssl ssl, TlsAttempt attempt)
    : Stream(std::move(socket)), ssl_(std::move(ssl)), attempt_(std::move(attempt)) {
  SSL_set_app_data(ssl_.get(), &attempt_);
  SSL_set_msg_callback(ssl_.get(), record_header);
  SSL_set_msg_callback_arg(ssl_.get(), &attempt_);
}

std::size_t TlsStream::write(std::string_view bytes) {
  write_is_full_ = false;
  std::size_t taken = 0;
  while (shake_hands() && !cannot_write_ && taken < bytes.size()) {
    ERR_clear_error();
    std::size_t part = 0;
    // One record at a time. After WANT_READ or WANT_WRITE, the next call must begin with the same
    // bytes, as our contract says.
    const int result = SSL_write_ex(ssl_.get(), bytes.data() + taken, bytes.size() - taken, &part);
    if (result == 1) {
      taken += part;
    } else if (!handle_error(result, Call::kWrite)) {
      break;
    }
  }
  return taken;
}

std::size_t TlsStream::read(std::span<char> room) {
  read_is_full_ = false;
  while (shake_hands()) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), room.data(), room.size(), &got);
    if (result == 1) return got;
    if (!handle_error(result, Call::kRead)) break;
  }
  return 0;
}

/// Goes on with the handshake; true once it is done, and the stream has not ended. It is never left
/// to SSL_read and SSL_write: a handshake that waits for room must go on with the same call.
bool TlsStream::shake_hands() {
  while (!end_ && !is_established()) {
    handshake_is_full_ = false;
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1 && !handle_error(result, Call::kHandshake)) return false;
  }
  return !end_;
}

/// Records why a call of OpenSSL has failed. True if it should be called again at once.
bool TlsStream::handle_error(int result, Call call) {
  const int error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return false;
    case SSL_ERROR_WANT_WRITE:
      (call == Call::kWrite  ? write_is_full_
       : call == Call::kRead ? read_is_full_
                             : handshake_is_full_) = true;
      return false;
    case SSL_ERROR_ZERO_RETURN:
      end_ = End{};
      return false;
    case SSL_ERROR_SYSCALL:
      if (error == EINTR) return true;
      if (call == Call::kWrite) {
        // The server may have said why before it closed: reading finds that.
        cannot_write_ = true;
        return false;
      }
      break;
    default:
      break;
  }
  attempt_.is_established = is_established();
  end_ = End{.error = error, .failure = tls_failure(attempt_, ERR_peek_error(), error)};
  if (!end_->failure && ERR_peek_error() != 0) end_->error = 0;
  ERR_clear_error();
  return false;
}

bool TlsStream::is_established() const { return SSL_is_init_finished(ssl_.get()) == 1; }

std::optional<TlsFacts> TlsStream::tls_facts() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (!is_established() || certificate == nullptr) return std::nullopt;
  int days = 0;
  int seconds = 0;
  ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate));
  // The certificate of yesterday's last second has expired, though no whole day is missing.
  if (seconds < 0) --days;
  return TlsFacts{SSL_get_version(ssl_.get()), names_of(certificate), days,
                  SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE};
}

short TlsStream::events() const {
  const bool is_full = handshake_is_full_ || read_is_full_ || write_is_full_;
  return static_cast<short>(is_full && !end_ ? POLLIN | POLLOUT : POLLIN);
}

}  // namespace cluster_leader
