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

bool means_no_hello(std::string_view error) {
  // Redis before 6 does not know the command, and has no error code for that; a server that knows
  // it may not know RESP3.
  const std::string_view code = error_code(error);
  return (code == "ERR" && !is_refusal_to_accept(error)) || code == "NOPROTO";
}

/// The text of field `name` in the reply to HELLO.
std::string_view field_of(const redisReply& hello, std::string_view name) {
  for (std::size_t i = 0; i + 1 < hello.elements; i += 2) {
    if (text_of(*hello.element[i]) == name) return text_of(*hello.element[i + 1]);
  }
  return {};
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
  const bool has_login = !user.empty() || !secret.empty();
  bool is_queued = true;
  const auto queue = [&](Purpose purpose, std::initializer_list<std::string_view> words) {
    is_queued = is_queued && connection.append(purpose, words);
    ++awaited_;
  };
  if (speaks_resp2_) {
    if (has_login && user.empty()) queue(Purpose::kLogin, {"AUTH", secret});
    if (has_login && !user.empty()) queue(Purpose::kLogin, {"AUTH", user, secret});
  } else if (has_login) {
    queue(Purpose::kHello, {"HELLO", "3", "AUTH", user.empty() ? "default" : std::string_view(user),
                            secret, "SETNAME", "cluster-leader"});
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
  if (purpose == Purpose::kSelect) {
    if (!is_error || refusal_ || must_begin_again_) return;
    refusal_ = failure_of_select(text_of(reply), location_.db);
    refusal_->unknown = true;
  } else if (!is_error) {
    version_ = field_of(reply, "version");
    Failed failure;
    if (!is_wrong_role(reply, failure)) return;
    failure.unknown = true;
    wrong_role_ = std::move(failure);
  } else if (!speaks_resp2_ && means_no_hello(text_of(reply))) {
    must_begin_again_ = speaks_resp2_ = true;
  } else {
    refusal_ = failure_of_login(text_of(reply));
    refusal_->unknown = !is_refusal_to_accept(text_of(reply));
  }
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
    failure.text = "the server closed the connection at once: does it require TLS? Use rediss://";
  } else {
    failure.text = "the server closed the connection";
  }
  return failure;
}

Failed refused_memory() {
  return {Trouble::kExhausted, "this machine refused memory for the connection"};
}

}  // namespace cluster_leader
