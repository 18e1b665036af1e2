#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "support/command.h"

namespace cluster_leader {

/// What a certificate that a test makes says.
struct CertificateRequest {
  std::string common_name = "test";
  /// "DNS:redis.example", "IP:127.0.0.1", ...; empty: no names but the common one.
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
  std::chrono::seconds begins{-3600};  ///< from now
  std::chrono::seconds ends{24 * 3600};
};

/// A CA of one test, and the certificates that it has signed, as PEM files in a folder that is
/// removed with it. Keys are on P-256, which takes about a millisecond each.
class Certificates {
 public:
  /// `name` of the CA; empty: one that no other CA has.
  explicit Certificates(std::string name = "");

  struct Files {
    std::string certificate;
    std::string key;
  };

  const std::string& ca() const { return ca_.certificate; }
  const std::string& name() const { return name_; }
  /// A certificate that the CA has signed.
  Files sign(const CertificateRequest& request);
  /// One that has signed itself.
  Files self_signed(const CertificateRequest& request);
  /// The key once more, with a passphrase.
  std::string encrypted(const std::string& key);
  /// A path in the folder.
  std::string path(const std::string& name) const { return folder_.file(name); }

 private:
  Files make(const CertificateRequest& request, const Files* issuer, bool is_ca);

  TempFolder folder_;
  std::string name_;
  int made_ = 0;
  Files ca_;
};

}  // namespace cluster_leader
