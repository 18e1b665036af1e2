#include "store/net/tls_failure.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <functional>
#include <memory>

#include "base/list.h"

namespace cluster_leader {

namespace {

/// A certificate may be for hundreds of names.
constexpr std::size_t kMostNamed = 5;

Failed denied(std::string text) { return {.trouble = Trouble::kDenied, .text = std::move(text)}; }
Failed misconfigured(std::string text) {
  return {.trouble = Trouble::kMisconfigured, .text = std::move(text)};
}
Failed unreachable(std::string text) {
  return {.trouble = Trouble::kUnreachable, .text = std::move(text)};
}

/// "2026-11-28"
std::string day_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown day";
  std::array<char, 16> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

std::string address_of(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  const unsigned char* data = ASN1_STRING_get0_data(bytes);
  return ::inet_ntop(family, data, text.data(), text.size()) != nullptr ? text.data() : "";
}

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

/// What to do about a certificate that is for others. An address may come from the URL, or from
/// Sentinels, which announce addresses unless they are told to announce names.
std::string advice_on_names(const TlsAttempt& attempt) {
  const bool has_host_name =
      std::any_of(attempt.names.begin(), attempt.names.end(), std::not_fn(is_address));
  if (!has_host_name || !is_address(attempt.name)) {
    return "correct --server, or use --tls-server-name";
  }
  return "reach it by that name (Sentinels: resolve-hostnames and announce-hostnames), or use "
         "--tls-server-name";
}

/// We have refused the server's certificate.
Failed refused_certificate(const TlsAttempt& attempt) {
  switch (attempt.verify_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return misconfigured("the server's certificate expired on " + attempt.not_after +
                           ": renew it, or set this machine's clock");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return misconfigured("the server's certificate is not valid before " + attempt.not_before +
                           ": set this machine's clock, or the server's certificate is wrong");
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return misconfigured("the server's certificate is " +
                           (attempt.names.empty() ? "for no name or address (a CN does not count)"
                                                  : "for " + list_of(attempt.names, kMostNamed)) +
                           ", not for " + attempt.name + ": " + advice_on_names(attempt));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return misconfigured("the server's certificate is self-signed: name its CA with --tls-ca");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // another CA of the same name
      return misconfigured(
          "the server's certificate is signed by an unknown CA: name that CA with --tls-ca");
    default:
      return misconfigured(std::string("the server's certificate was refused: ") +
                           X509_verify_cert_error_string(attempt.verify_error));
  }
}

/// The server has refused our certificate, or that we have none.
std::optional<Failed> refused_by_server(const TlsAttempt& attempt, int reason) {
  switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return denied("the server requires a client certificate: --tls-cert, --tls-key");
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      if (!attempt.has_client_certificate) {
        return denied(
            "the server refuses the handshake; it may require a client certificate: "
            "--tls-cert, --tls-key");
      }
      return misconfigured("the server refuses the handshake: no cipher in common?");
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return denied("the server rejects our client certificate: it does not know its CA");
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return denied("the server rejects our client certificate: it has expired");
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return denied("the server rejects our client certificate: it was revoked");
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:  // its CA has the name of one that the server knows
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      return denied("the server rejects our client certificate");
    default:
      return std::nullopt;
  }
}

}  // namespace

void TlsAttempt::record(X509_STORE_CTX* verification) {
  verify_error = X509_STORE_CTX_get_error(verification);
  const X509* certificate = X509_STORE_CTX_get_current_cert(verification);
  if (certificate == nullptr) return;
  not_before = day_of(X509_get0_notBefore(certificate));
  not_after = day_of(X509_get0_notAfter(certificate));
  names = names_of(certificate);
}

std::optional<Failed> tls_failure(const TlsAttempt& attempt, unsigned long error, int number) {
  const int reason = ERR_GET_REASON(error);
  const bool is_of_tls = error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL;
  if (attempt.verify_error != X509_V_OK) return refused_certificate(attempt);
  if (is_of_tls) {
    if (auto failed = refused_by_server(attempt, reason)) return failed;
    if (reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION || reason == SSL_R_UNSUPPORTED_PROTOCOL) {
      return misconfigured("the server supports only TLS older than 1.2");
    }
    if (reason == SSL_R_WRONG_VERSION_NUMBER) {
      return misconfigured(
          attempt.first_byte == '-'
              ? "this port does not use TLS: use redis:// instead of rediss://"
              : "the server does not speak TLS on this port: is it the right one?");
    }
  }
  const bool has_ended = (error == 0 && number != ENOMEM) ||
                         (is_of_tls && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING);
  if (has_ended) {
    if (attempt.is_established || attempt.first_byte) return std::nullopt;
    return unreachable(
        "the server closed the connection during the TLS handshake: "
        "does it speak TLS on this port, or has it too many clients?");
  }
  if (error != 0 && ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
    return tls_out_of_memory();
  }
  const char* why = ERR_reason_error_string(error);
  return unreachable(std::string("TLS failed: ") + (why != nullptr ? why : "unknown error"));
}

Failed tls_out_of_memory() {
  return {.trouble = Trouble::kExhausted, .text = "no memory for a TLS connection"};
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> all(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) {
      const ASN1_IA5STRING* text = name->d.dNSName;
      names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                         static_cast<std::size_t>(ASN1_STRING_length(text)));
    } else if (name->type == GEN_IPADD) {
      names.push_back(address_of(name->d.iPAddress));
    }
  }
  return names;
}

}  // namespace cluster_leader
