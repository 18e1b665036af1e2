#include "store/redis_connection.h"

#include <array>
#include <charconv>
#include <new>

namespace cluster_leader {

namespace {

/// What may lie unread: far more than the longest reply to anything that is asked here. Whatever
/// goes on sending is no server, and must take neither our memory nor our time.
constexpr std::size_t kLongestUnread = 16 << 20;

/// The confirmation of SUBSCRIBE: pushed in RESP3, a plain array in RESP2.
bool is_confirmation(const redisReply& reply) {
  return reply.elements > 0 && text_of(*reply.element[0]) == "subscribe";
}

/// A line of the protocol that begins with `sign` and says how many follow.
void append_count(std::string& out, char sign, std::size_t count) {
  std::array<char, 24> line{};
  line[0] = sign;
  char* end = std::to_chars(line.data() + 1, line.data() + line.size() - 2, count).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line.data(), end);
}

}  // namespace

RedisConnection::RedisConnection(UniqueFd socket) {
  redisOptions options{};
  options.type = REDIS_CONN_USERFD;
  options.endpoint.fd = socket.get();
  // Otherwise hiredis frees pushed messages before we see them.
  options.options = REDIS_OPT_NONBLOCK | REDIS_OPT_NO_PUSH_AUTOFREE;
  context_.reset(redisConnectWithOptions(&options));
  if (!context_) throw std::bad_alloc();
  socket.release();
}

void RedisConnection::append(Purpose purpose, std::span<const std::string_view> words,
                             std::uint32_t claim, std::uint64_t attempt) {
  // hiredis would print each number with sprintf(3), and thousands of leases are a lot of numbers.
  command_.clear();
  append_count(command_, '*', words.size());
  for (const std::string_view word : words) {
    append_count(command_, '$', word.size());
    command_ += word;
    command_ += "\r\n";
  }
  if (redisAppendFormattedCommand(context_.get(), command_.data(), command_.size()) != REDIS_OK) {
    throw std::bad_alloc();
  }
  expected_.push_back({purpose, claim, attempt, queued_});
  queued_ += command_.size();
}

void RedisConnection::flush() {
  if (fault_ != Fault::kNone || cannot_write_ || sdslen(context_->obuf) == 0) return;
  int done = 0;
  if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
    // Reading finds the end of the connection as well, and before it what the server said about it.
    cannot_write_ = true;
    context_->err = 0;
  }
}

bool RedisConnection::has_written(std::uint64_t begin) const {
  return queued_ - sdslen(context_->obuf) > begin;
}

void RedisConnection::watch(Poller& poller) {
  const bool has_more = sdslen(context_->obuf) > 0 && !cannot_write_;
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
    fault_ = Fault::kClosed;
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
  if (fault_ == Fault::kNotRedis) return std::nullopt;
  void* raw = nullptr;
  if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) {
    if (context_->reader->err == REDIS_ERR_OOM) throw std::bad_alloc();
    fault_ = Fault::kNotRedis;
    return std::nullopt;
  }
  if (raw == nullptr) return std::nullopt;
  Received received{{Purpose::kMessage}, ReplyPtr(static_cast<redisReply*>(raw))};
  has_received_ = true;
  // A server that closes a connection says why, though nobody asked.
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

std::string_view RedisConnection::fault_text() const {
  return context_->err == REDIS_ERR_IO ? std::string_view(context_->errstr) : std::string_view();
}

}  // namespace cluster_leader
