#include "store/net/tls_context.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"
#include "store/net/tls_failure.h"

namespace cluster_leader {

namespace {

/// Where distributions keep their CAs: a directory with a hashed name for each, of which OpenSSL
/// only reads those that it needs (Debian, SUSE)...
constexpr std::array kHashedDirectories = {"/etc/ssl/certs"};
/// ... or all of them in one file (Debian, Fedora, SUSE, Alpine).
constexpr std::array kBundles = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

Failed misconfigured(std::string text) {
  return {.trouble = Trouble::kMisconfigured, .text = std::move(text)};
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

/// Why a file that the user named cannot be read; nothing if it can. OpenSSL would wait for a pipe
/// or a terminal, and with it the whole process.
std::optional<Failed> unreadable(const char* name, const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  std::string why;
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    why = std::strerror(errno);
  } else if (!S_ISREG(info.st_mode)) {
    why = "it is not a regular file";
  } else {
    return std::nullopt;
  }
  return misconfigured(std::string("cannot read ") + name + ' ' + path + ": " + why);
}

/// "5ed36f99.0", as `openssl rehash` names the CAs of a directory.
bool is_hashed_name(std::string_view name) {
  constexpr std::size_t kHash = 8;
  return name.size() > kHash + 1 && name[kHash] == '.' &&
         name.substr(0, kHash).find_first_not_of("0123456789abcdef") == name.npos &&
         name.substr(kHash + 1).find_first_not_of("0123456789") == name.npos;
}

bool has_hashed_names(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> names(::opendir(directory.c_str()), ::closedir);
  if (!names) return false;
  while (const dirent* entry = ::readdir(names.get())) {
    if (is_hashed_name(entry->d_name)) return true;
  }
  return false;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<Failed> load_named_cas(SSL_CTX* context, const std::string& path) {
  if (is_directory(path)) {
    if (!has_hashed_names(path)) {
      return misconfigured(
          "--tls-ca " + path +
          " has no hashed certificates; run 'openssl rehash' on it, or name a file");
    }
    if (SSL_CTX_load_verify_dir(context, path.c_str()) == 1) return std::nullopt;
  } else {
    if (auto failed = unreadable("--tls-ca", path)) return failed;
    if (SSL_CTX_load_verify_file(context, path.c_str()) == 1) return std::nullopt;
  }
  return misconfigured("--tls-ca " + path + " has no certificate in PEM format");
}

std::optional<Failed> load_cas_of_system(SSL_CTX* context) {
  const std::string file = environment("SSL_CERT_FILE");
  const std::string directory = environment("SSL_CERT_DIR");
  if (!file.empty() || !directory.empty()) {
    if (!file.empty()) {
      if (auto failed = unreadable("SSL_CERT_FILE", file)) return failed;
    }
    const bool ok = (file.empty() || SSL_CTX_load_verify_file(context, file.c_str()) == 1) &&
                    (directory.empty() || SSL_CTX_load_verify_dir(context, directory.c_str()) == 1);
    if (ok) return std::nullopt;
    return misconfigured(
        "cannot read the CA certificates that SSL_CERT_FILE or SSL_CERT_DIR names");
  }
  for (const char* path : kHashedDirectories) {
    if (has_hashed_names(path) && SSL_CTX_load_verify_dir(context, path) == 1) return std::nullopt;
  }
  for (const char* path : kBundles) {
    if (!unreadable("", path) && SSL_CTX_load_verify_file(context, path) == 1) return std::nullopt;
  }
  return misconfigured(
      "this machine has no CA certificates: install ca-certificates, or use --tls-ca");
}

/// Without this, OpenSSL asks for a passphrase on the terminal, and waits.
int no_passphrase(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return 0;
}

std::optional<Failed> load_client_certificate(SSL_CTX* context, const TlsSettings& settings) {
  const std::string& key = settings.key.empty() ? settings.certificate : settings.key;
  const char* const key_option = settings.key.empty() ? "--tls-cert" : "--tls-key";
  if (auto failed = unreadable("--tls-cert", settings.certificate)) return failed;
  if (auto failed = unreadable(key_option, key)) return failed;
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate.c_str()) != 1) {
    return misconfigured("--tls-cert " + settings.certificate +
                         " is not a certificate in PEM format");
  }
  ERR_clear_error();
  bool has_passphrase = false;
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &has_passphrase);
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1) return std::nullopt;
  const unsigned long error = ERR_peek_last_error();
  const std::string file = std::string(key_option) + ' ' + key;
  if (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH) {
    return misconfigured(file + " is not the key of --tls-cert " + settings.certificate);
  }
  if (has_passphrase) {
    return misconfigured(file + " has a passphrase, which nobody can type here: remove it");
  }
  return misconfigured(file + " has no private key in PEM format");
}

std::optional<Failed> configure(SSL_CTX* context, const TlsSettings& settings) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // With partial writes, each SSL_write says exactly how much the server may have got. Only then is
  // it known which requests may have been executed.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (!settings.is_insecure) {
    auto failed =
        settings.ca.empty() ? load_cas_of_system(context) : load_named_cas(context, settings.ca);
    if (failed) return failed;
  }
  if (settings.certificate.empty()) return std::nullopt;
  return load_client_certificate(context, settings);
}

}  // namespace

TlsContext::TlsContext(TlsSettings settings)
    : settings_(std::move(settings)), context_(nullptr, SSL_CTX_free) {}

TlsContext::~TlsContext() = default;

std::variant<ssl_ctx_st*, Failed> TlsContext::get() {
  std::vector<Stamp> now = stamps();
  if (context_ && now == made_from_) return context_.get();
  // A configuration file of the system could make a working server unusable, and load code.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!context_) return tls_out_of_memory();
  auto failed = configure(context_.get(), settings_);
  ERR_clear_error();
  if (failed) {
    context_.reset();
    return *std::move(failed);
  }
  made_from_ = std::move(now);
  return context_.get();
}

std::vector<TlsContext::Stamp> TlsContext::stamps() const {
  std::vector<Stamp> stamps;
  for (const std::string* path : {&settings_.ca, &settings_.certificate, &settings_.key}) {
    struct stat info {};
    if (path->empty() || ::stat(path->c_str(), &info) != 0) {
      stamps.emplace_back();
      continue;
    }
    stamps.push_back({info.st_dev, info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec});
  }
  return stamps;
}

}  // namespace cluster_leader
