#include "store/redis/connection.h"

#include <array>
#include <charconv>
#include <new>
#include <system_error>

namespace cluster_leader {

namespace {

/// How much unread data is allowed: far more than the longest reply to any of our commands. A peer
/// that sends more is not a server, and must not use up our memory or time.
constexpr std::size_t kLongestUnread = 16 << 20;

/// How many elements an array may have, for the same reason: hiredis allocates all of them as soon
/// as it has read their number. SCAN has the longest.
constexpr long long kMostElements = 1 << 16;

/// How deep arrays may be nested: hiredis frees them recursively.
constexpr int kDeepest = 32;

/// The confirmation of SUBSCRIBE: pushed in RESP3, a plain array in RESP2.
bool is_confirmation(const redisReply& reply) {
  return reply.elements > 0 && text_of(*reply.element[0]) == "subscribe";
}

/// Appends a line of the protocol: `sign` and a count.
void append_count(std::string& out, char sign, std::size_t count) {
  std::array<char, 24> line{};
  line[0] = sign;
  char* end = std::to_chars(line.data() + 1, line.data() + line.size() - 2, count).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line.data(), end);
}

}  // namespace

std::unique_ptr<RedisConnection> RedisConnection::open(UniqueFd socket) {
  redisOptions options{};
  options.type = REDIS_CONN_USERFD;
  options.endpoint.fd = socket.get();
  // Otherwise hiredis frees pushed messages before we see them.
  options.options = REDIS_OPT_NONBLOCK | REDIS_OPT_NO_PUSH_AUTOFREE;
  Context context(redisConnectWithOptions(&options));
  if (!context) return nullptr;
  socket.release();
  context->reader->maxelements = kMostElements;
  try {
    return std::unique_ptr<RedisConnection>(new RedisConnection(std::move(context)));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

bool RedisConnection::append(Purpose purpose, std::span<const std::string_view> words,
                             std::uint32_t claim, std::uint64_t attempt) {
  if (context_->obuf == nullptr) return false;
  try {
    // hiredis formats each number with sprintf(3), which is slow for thousands of leases.
    command_.clear();
    append_count(command_, '*', words.size());
    for (const std::string_view word : words) {
      append_count(command_, '$', word.size());
      command_ += word;
      command_ += "\r\n";
    }
    expected_.push_back({purpose, claim, attempt, queued_});
  } catch (const std::bad_alloc&) {
    return false;
  }
  if (redisAppendFormattedCommand(context_.get(), command_.data(), command_.size()) != REDIS_OK) {
    expected_.pop_back();
    context_->err = 0;
    return false;
  }
  queued_ += command_.size();
  return true;
}

void RedisConnection::flush() {
  if (fault_ != Fault::kNone || cannot_write_ || unwritten() == 0) return;
  int done = 0;
  if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
    // Everything was written, and then there was no memory for an empty buffer.
    if (context_->obuf == nullptr) fault_ = Fault::kExhausted;
    // Reading finds the end of the connection too, and before that what the server said about it.
    cannot_write_ = true;
    context_->err = 0;
  }
}

std::size_t RedisConnection::unwritten() const {
  return context_->obuf != nullptr ? sdslen(context_->obuf) : 0;
}

bool RedisConnection::has_written(std::uint64_t begin) const {
  return queued_ - unwritten() > begin;
}

void RedisConnection::watch(Poller& poller) {
  const bool has_more = unwritten() > 0 && !cannot_write_;
  poller.watch(context_->fd, static_cast<short>(POLLIN | (has_more ? POLLOUT : 0)));
  watched_ = true;
}

void RedisConnection::advance(const Poller& poller) {
  if (!watched_) return;
  const short ready = poller.ready(context_->fd);
  if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0) read();
  if ((ready & POLLOUT) != 0) flush();
}

void RedisConnection::read() {
  if (fault_ != Fault::kNone) return;
  if (redisBufferRead(context_.get()) != REDIS_OK) {
    fault_ = context_->err == REDIS_ERR_OOM ? Fault::kExhausted : Fault::kClosed;
  } else if (context_->reader->len > kLongestUnread) {
    fault_ = Fault::kNotRedis;
  }
}

void RedisConnection::drain() {
  std::size_t before = 0;
  do {
    before = context_->reader->len;
    read();
  } while (context_->reader->len > before);
}

std::optional<RedisConnection::Received> RedisConnection::receive() {
  if (fault_ == Fault::kNotRedis || fault_ == Fault::kExhausted) return std::nullopt;
  void* raw = nullptr;
  if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) {
    const bool is_exhausted = context_->reader->err == REDIS_ERR_OOM;
    fault_ = is_exhausted ? Fault::kExhausted : Fault::kNotRedis;
    return std::nullopt;
  }
  if (raw == nullptr) {
    if (announces_too_much()) fault_ = Fault::kNotRedis;
    return std::nullopt;
  }
  Received received{{Purpose::kMessage}, ReplyPtr(static_cast<redisReply*>(raw))};
  has_received_ = true;
  // A server that closes a connection may send the reason unasked.
  if (expected_.empty()) return received;
  const bool is_subscribing = expected_.front().purpose == Purpose::kSubscribe;
  if (received.reply->type == REDIS_REPLY_PUSH &&
      !(is_subscribing && is_confirmation(*received.reply))) {
    return received;
  }
  static_cast<Expected&>(received) = expected_.front();
  expected_.pop_front();
  return received;
}

/// Whether the reply that is arriving announces more than any expected reply has. For a string,
/// hiredis has read the sign by then, and continues where its length begins.
bool RedisConnection::announces_too_much() const {
  const redisReader& reader = *context_->reader;
  if (reader.ridx < 0) return false;
  if (reader.ridx > kDeepest) return true;
  const int type = reader.task[reader.ridx]->type;
  if (type != REDIS_REPLY_STRING && type != REDIS_REPLY_VERB) return false;
  std::size_t length = 0;
  const char* const end = reader.buf + reader.len;
  const std::errc error = std::from_chars(reader.buf + reader.pos, end, length).ec;
  return error == std::errc::result_out_of_range || length > kLongestUnread;
}

std::string_view RedisConnection::fault_text() const {
  return context_->err == REDIS_ERR_IO ? std::string_view(context_->errstr) : std::string_view();
}

}  // namespace cluster_leader
