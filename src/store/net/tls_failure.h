#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lease/answer.h"

struct x509_store_ctx_st;
struct x509_st;

namespace cluster_leader {

/// What is known about one attempt to speak TLS to a server, for the message if it fails.
struct TlsAttempt {
  std::string name;                         ///< that the certificate must be for
  bool has_client_certificate = false;      ///< we have one to show
  bool is_established = false;              ///< the handshake was done
  std::optional<unsigned char> first_byte;  ///< that the server sent; nothing: it has sent none

  // Of the certificate that we refused:
  long verify_error = 0;           ///< X509_V_ERR_*; 0: none was refused
  std::string not_before;          ///< "2026-11-28"
  std::string not_after;           ///< the same
  std::vector<std::string> names;  ///< DNS names and IP addresses that it is for

  /// Called by OpenSSL for the certificate that it refuses.
  void record(x509_store_ctx_st* verification);
};

/// Why a call of OpenSSL has failed with `error`, the first of its error queue, and errno `number`,
/// as one line that says what to do. Nothing if the connection just ended, as it does without TLS.
std::optional<Failed> tls_failure(const TlsAttempt& attempt, unsigned long error, int number);

/// The failure if there is no memory for a connection.
Failed tls_out_of_memory();

/// The DNS names and IP addresses of a certificate.
std::vector<std::string> names_of(const x509_st* certificate);

}  // namespace cluster_leader
