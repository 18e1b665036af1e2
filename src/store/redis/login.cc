#include "store/redis/login.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include "base/unique_fd.h"
#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

using Purpose = RedisConnection::Purpose;

/// Longer than any password, and the most that a server reads before a client has logged in.
constexpr std::size_t kLongestSecret = 16384;

Failed unreadable(const std::string& path, Trouble trouble, const std::string& why) {
  return {trouble, "cannot read the password file " + path + ": " + why};
}

/// The first line of a file, without its line break; without blocking, whatever kind of file it is.
std::variant<std::string, Failed> read_secret(const std::string& path) {
  const auto refused = [&](int error) {
    const bool is_exhausted = error == EMFILE || error == ENFILE || error == ENOMEM;
    return unreadable(path, is_exhausted ? Trouble::kExhausted : Trouble::kMisconfigured,
                      std::strerror(error));
  };
  const auto unsuitable = [&](const char* why) {
    return unreadable(path, Trouble::kMisconfigured, why);
  };
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return refused(errno);
  // A pipe, such as a shell's <(...), delivers the secret once, but every connection needs it.
  if (!S_ISREG(status.st_mode)) {
    return unsuitable("it must be a regular file, since it is read for every connection");
  }
  // With room for the line break.
  std::string text(kLongestSecret + 2, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  do {
    got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno != EINTR) return refused(errno);
    if (got > 0) size += static_cast<std::size_t>(got);
  } while (got != 0);
  text.resize(size);
  const std::size_t end = text.find('\n');
  if (end != text.npos) {
    text.resize(end);
    if (text.ends_with('\r')) text.pop_back();
  }
  if (text.size() > kLongestSecret) return unsuitable("its first line has more than 16384 bytes");
  if (text.find('\0') != text.npos) {
    return unsuitable("its first line contains a NUL byte; is it text in UTF-8?");
  }
  return text;
}

/// The value of field `name` in the reply to HELLO; null if there is none.
const redisReply* field_of(const redisReply& hello, std::string_view name) {
  for (std::size_t i = 0; i + 1 < hello.elements; i += 2) {
    if (text_of(*hello.element[i]) == name) return hello.element[i + 1];
  }
  return nullptr;
}

/// Whether a password was sent to a server that needs none: from Redis 6 on, and before.
bool means_no_password(std::string_view error) {
  return error.find("without any password configured") != error.npos ||
         error.find("no password is set") != error.npos;
}

/// Whether HELLO is the first command without an answer.
bool awaits_hello(const RedisConnection& connection) {
  const auto& expected = connection.expected();
  return !expected.empty() && expected.front().purpose == Purpose::kHello;
}

}  // namespace

std::optional<Failed> RedisLogin::begin(RedisConnection& connection) {
  awaited_ = 0;
  must_begin_again_ = false;
  refusal_.reset();
  wrong_role_.reset();
  version_.clear();
  const Credentials& credentials = location_.credentials;
  std::string secret = credentials.password;
  if (!credentials.password_file.empty()) {
    auto read = read_secret(credentials.password_file);
    if (auto* failed = std::get_if<Failed>(&read)) return std::move(*failed);
    auto& line = std::get<std::string>(read);
    if (!line.empty()) secret = std::move(line);
  }
  const std::string& user = credentials.user;
  has_credentials_ = !user.empty() || !secret.empty();
  bool is_queued = true;
  const auto queue = [&](Purpose purpose, std::initializer_list<std::string_view> words) {
    is_queued = is_queued && connection.append(purpose, words);
    ++awaited_;
  };
  if (has_credentials_ && user.empty()) queue(Purpose::kLogin, {"AUTH", secret});
  if (!user.empty()) queue(Purpose::kLogin, {"AUTH", user, secret});
  if (speaks_resp2_) {
    // One of them is enough, and either may be forbidden.
    queue(Purpose::kRole, {"ROLE"});
    queue(Purpose::kRole, {"INFO", "replication"});
  } else {
    queue(Purpose::kHello, {"HELLO", "3", "SETNAME", "cluster-leader"});
  }
  if (location_.db != 0) {
    queue(Purpose::kSelect, {"SELECT", std::to_string(location_.db)});
  }
  if (!is_queued) return refused_memory();
  return std::nullopt;
}

void RedisLogin::handle(Purpose purpose, const redisReply& reply) {
  --awaited_;
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  const std::string_view error = is_error ? text_of(reply) : std::string_view();
  // The first refusal is the reason for those after it.
  if (refusal_) return;
  if (is_refusal_to_accept(error)) {
    refusal_ = failure_of_login(error);
  } else if (purpose == Purpose::kHello) {
    is_error ? handle_hello_error(error) : handle_hello(reply);
  } else if (purpose == Purpose::kRole) {
    handle_role(reply);
  } else if (is_error && !means_no_password(error)) {
    refusal_ = purpose == Purpose::kSelect ? failure_of_select(error, location_.db)
                                           : failure_of_login(error);
    refusal_->unknown = true;
  }
}

void RedisLogin::handle_hello(const redisReply& reply) {
  const redisReply* const version = field_of(reply, "version");
  if (version != nullptr) version_ = text_of(*version);
  // Some proxies answer to HELLO 3, and go on in RESP2, which has no maps.
  const redisReply* const protocol = field_of(reply, "proto");
  const bool is_other_protocol = protocol != nullptr && protocol->integer != 3;
  if (reply.type != REDIS_REPLY_MAP || is_other_protocol) {
    must_begin_again_ = speaks_resp2_ = true;
    return;
  }
  const redisReply* const mode = field_of(reply, "mode");
  wrong_role_ = failure_of_mode(mode != nullptr ? text_of(*mode) : std::string_view());
  const bool may_be_replica = role_ == Role::kSentinel || role_ == Role::kNode;
  if (!wrong_role_ && !may_be_replica) wrong_role_ = failure_of_role(reply);
}

/// Why a server that runs in this mode is not what was named; `mode` is empty if it does not say.
std::optional<Failed> RedisLogin::failure_of_mode(std::string_view mode) const {
  const char* text = nullptr;
  if (role_ == Role::kSentinel && mode != "sentinel") {
    text = "this is not a Sentinel: name the Sentinels of the server, or use redis://";
  } else if ((role_ == Role::kPrimary || role_ == Role::kAny) && mode == "cluster") {
    text = "this server is a node of a cluster: use redis+cluster://";
  } else if (role_ == Role::kNode && mode == "sentinel") {
    text = "this is a Sentinel: name nodes of the cluster";
  } else if (role_ == Role::kNode && mode == "standalone") {
    text = "this server is not a node of a cluster: use redis://";
  }
  if (text == nullptr) return std::nullopt;
  return Failed{.trouble = Trouble::kMisconfigured, .text = text, .unknown = true};
}

void RedisLogin::handle_hello_error(std::string_view error) {
  const std::string_view code = error_code(error);
  const bool lacks_password = code == "NOAUTH" && !has_credentials_;
  if (lacks_password || is_about_server(code)) {
    refuse(error);
  } else {
    // Older servers and proxies do not know the command, each in its own words. Others forbid it.
    must_begin_again_ = speaks_resp2_ = true;
  }
}

/// Handles a reply to ROLE or INFO. A server that refuses both is taken for a primary: some proxies
/// know neither.
void RedisLogin::handle_role(const redisReply& reply) {
  const std::string_view code =
      reply.type == REDIS_REPLY_ERROR ? error_code(text_of(reply)) : std::string_view();
  if (code == "NOAUTH" || is_about_server(code)) {
    refuse(text_of(reply));
  } else if (role_ != Role::kSentinel && role_ != Role::kNode && !wrong_role_) {
    wrong_role_ = failure_of_role(reply);
  }
}

void RedisLogin::refuse(std::string_view error) {
  refusal_ = failure_of_login(error);
  if (role_ == Role::kSentinel && error_code(error) == "NOAUTH") {
    refusal_->text =
        "the Sentinel requires a password: set CLUSTER_LEADER_SENTINEL_PASSWORD or "
        "--sentinel-password-file";
  }
  refusal_->unknown = true;
}

Failed failure_of_fault(const RedisConnection& connection) {
  if (connection.fault() == RedisConnection::Fault::kExhausted) return refused_memory();
  if (connection.fault() == RedisConnection::Fault::kNotRedis) {
    return {Trouble::kMisconfigured,
            "this is not a Redis or Valkey server, or it requires TLS (rediss://)"};
  }
  if (auto failure = connection.tls_failure()) return *failure;
  const std::string text = connection.fault_text();
  Failed failure;
  if (!text.empty()) {
    failure.text = "the connection broke: " + text;
    // A server that wants TLS resets a connection that begins with anything else.
    if (!connection.has_received() && !connection.is_tls()) {
      failure.text += "; does it require TLS? Use rediss://";
    }
  } else if (!connection.has_received() && !connection.is_tls()) {
    failure.text =
        "the server closed the connection at once: does it require TLS (use rediss://), or is it a "
        "proxy such as twemproxy, which is not supported?";
  } else if (connection.has_received() && awaits_hello(connection)) {
    // Servers answer HELLO after AUTH, and proxies that only know it close at once.
    failure.text =
        "the server closed the connection at HELLO: is it a proxy such as twemproxy, which is not "
        "supported?";
  } else {
    failure.text = "the server closed the connection";
  }
  return failure;
}

Failed refused_memory() {
  return {Trouble::kExhausted, "this machine is out of memory: cannot make a connection"};
}

}  // namespace cluster_leader
