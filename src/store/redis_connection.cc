#include "store/redis_connection.h"

#include <algorithm>
#include <new>

namespace cluster_leader {

namespace {

/// The confirmation of SUBSCRIBE: pushed in RESP3, a plain array in RESP2.
bool is_confirmation(const redisReply& reply) {
  return reply.elements > 0 && text_of(*reply.element[0]) == "subscribe";
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
  expected_.reserve(8);
}

void RedisConnection::append(Purpose purpose, std::span<const std::string_view> words) {
  std::vector<const char*> begins;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    begins.push_back(word.data() != nullptr ? word.data() : "");
    lengths.push_back(word.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), begins.data(),
                             lengths.data()) != REDIS_OK &&
      context_->err == REDIS_ERR_OOM) {
    throw std::bad_alloc();
  }
  if (next_ == expected_.size()) {
    expected_.clear();
    next_ = 0;
  }
  expected_.push_back(purpose);
}

void RedisConnection::flush() {
  if (fault_ != Fault::kNone || cannot_write_) return;
  const std::size_t before = sdslen(context_->obuf);
  int done = 0;
  if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
    // Reading finds the end of the connection as well, and before it what the server said about it.
    cannot_write_ = true;
    context_->err = 0;
  } else if (sdslen(context_->obuf) < before) {
    // The buffer is a new, empty one once it has been written whole.
    has_written_ = true;
  }
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
  if (redisBufferRead(context_.get()) != REDIS_OK) fault_ = Fault::kClosed;
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
  ReplyPtr reply(static_cast<redisReply*>(raw));
  has_received_ = true;
  const bool is_expected = next_ < expected_.size();
  const bool is_subscribing = is_expected && expected_[next_] == Purpose::kSubscribe;
  if (reply->type == REDIS_REPLY_PUSH && !(is_subscribing && is_confirmation(*reply))) {
    return Received{Purpose::kMessage, std::move(reply)};
  }
  if (!is_expected) {
    // A server that closes a connection says why, though nobody asked.
    return Received{Purpose::kMessage, std::move(reply)};
  }
  return Received{expected_[next_++], std::move(reply)};
}

std::string_view RedisConnection::fault_text() const {
  return context_->err == REDIS_ERR_IO ? std::string_view(context_->errstr) : std::string_view();
}

}  // namespace cluster_leader
