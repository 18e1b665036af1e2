#pragma once

#include <sys/types.h>

#include <ctime>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "lease/answer.h"
#include "store/location.h"

struct ssl_ctx_st;

namespace cluster_leader {

/// The certificates and rules of all TLS connections of one location. Reads no openssl.cnf, asks
/// for no passphrase, and creates nothing before the first get().
///
/// CAs come from settings.ca, else from SSL_CERT_FILE and SSL_CERT_DIR, else from wherever the
/// system keeps them: the path that is compiled into OpenSSL is that of the distribution that built
/// it, and a static binary runs on others.
class TlsContext {
 public:
  explicit TlsContext(TlsSettings settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// For a new connection. Made anew when one of the files has changed since the last call, as
  /// short certificates do. Valid until the next call, or longer for an SSL that was made from it.
  std::variant<ssl_ctx_st*, Failed> get();

  const TlsSettings& settings() const { return settings_; }

 private:
  /// What tells one version of a file from the next.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    std::time_t seconds = 0;
    long nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  std::vector<Stamp> stamps() const;

  const TlsSettings settings_;
  std::vector<Stamp> made_from_;
  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
};

}  // namespace cluster_leader
