#include "support/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <utility>

namespace cluster_leader {

namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

void check(bool is_ok, const char* what) {
  if (!is_ok) throw std::runtime_error(std::string("cannot make a certificate: ") + what);
}

File open(const std::string& path, const char* mode) {
  File file(std::fopen(path.c_str(), mode), std::fclose);
  check(file != nullptr, path.c_str());
  return file;
}

Key read_key(const std::string& path) {
  return {PEM_read_PrivateKey(open(path, "r").get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

void add_extension(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()), X509_EXTENSION_free);
  check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

}  // namespace

Certificates::Certificates(std::string name) : name_(std::move(name)) {
  if (name_.empty()) name_ = "CA " + folder_.path().substr(folder_.path().rfind('/') + 1);
  ca_ = make({.common_name = name_, .names = {}}, nullptr, /*is_ca=*/true);
}

Certificates::Files Certificates::sign(const CertificateRequest& request) {
  return make(request, &ca_, /*is_ca=*/false);
}

Certificates::Files Certificates::self_signed(const CertificateRequest& request) {
  return make(request, nullptr, /*is_ca=*/false);
}

Certificates::Files Certificates::make(const CertificateRequest& request, const Files* issuer,
                                       bool is_ca) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Certificate certificate(X509_new(), X509_free);
  check(key && certificate, "memory");
  X509* const x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++made_);
  X509_gmtime_adj(X509_getm_notBefore(x), static_cast<long>(request.begins.count()));
  X509_gmtime_adj(X509_getm_notAfter(x), static_cast<long>(request.ends.count()));
  X509_set_pubkey(x, key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(request.common_name.c_str()),
                             -1, -1, 0);
  Certificate ca(nullptr, X509_free);
  Key ca_key(nullptr, EVP_PKEY_free);
  if (issuer != nullptr) {
    ca.reset(PEM_read_X509(open(issuer->certificate, "r").get(), nullptr, nullptr, nullptr));
    ca_key = read_key(issuer->key);
  }
  X509* const signer = ca ? ca.get() : x;
  X509_set_issuer_name(x, X509_get_subject_name(signer));
  if (is_ca) add_extension(x, signer, NID_basic_constraints, "critical,CA:TRUE");
  std::string names;
  for (const std::string& name : request.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) add_extension(x, signer, NID_subject_alt_name, names);
  check(X509_sign(x, ca_key ? ca_key.get() : key.get(), EVP_sha256()) > 0, "signature");

  const std::string number = std::to_string(made_);
  const Files files{path("certificate-" + number + ".pem"), path("key-" + number + ".pem")};
  check(PEM_write_X509(open(files.certificate, "w").get(), x) == 1, "certificate");
  check(PEM_write_PrivateKey(open(files.key, "w").get(), key.get(), nullptr, nullptr, 0, nullptr,
                             nullptr) == 1,
        "key");
  return files;
}

std::string Certificates::encrypted(const std::string& key) {
  std::string phrase = "secret";
  std::string to = key + ".encrypted";
  check(PEM_write_PrivateKey(open(to, "w").get(), read_key(key).get(), EVP_aes_128_cbc(),
                             reinterpret_cast<const unsigned char*>(phrase.data()),
                             static_cast<int>(phrase.size()), nullptr, nullptr) == 1,
        "encrypted key");
  return to;
}

}  // namespace cluster_leader
