#include "store/redis/connection.h"

#include <hiredis/hiredis.h>

#include <array>
#include <charconv>
#include <cstring>
#include <new>

#include "store/redis/reply_reader.h"

namespace cluster_leader {

namespace {

/// How much is read at once, and kept for writing: what a TLS record holds.
constexpr std::size_t kRoom = 16 << 10;

/// How much is read before replies are parsed again: messages that wait for that are no reason to
/// take the peer for something else.
constexpr std::size_t kMostAtOnce = 1 << 20;

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

std::unique_ptr<RedisConnection> RedisConnection::open(std::unique_ptr<Stream> stream) {
  auto reader = ReplyReader::create();
  if (!stream || !reader) return nullptr;
  try {
    return std::unique_ptr<RedisConnection>(
        new RedisConnection(std::move(stream), std::move(reader)));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

RedisConnection::RedisConnection(std::unique_ptr<Stream> stream,
                                 std::unique_ptr<ReplyReader> reader)
    : stream_(std::move(stream)), reader_(std::move(reader)) {}

RedisConnection::~RedisConnection() = default;

bool RedisConnection::append(Purpose purpose, std::span<const std::string_view> words,
                             std::uint32_t candidacy, std::uint64_t attempt) {
  const std::size_t before = output_.size();
  try {
    append_count(output_, '*', words.size());
    for (const std::string_view word : words) {
      append_count(output_, '$', word.size());
      output_ += word;
      output_ += "\r\n";
    }
    expected_.push_back({purpose, candidacy, attempt, queued_});
  } catch (const std::bad_alloc&) {
    output_.resize(before);
    return false;
  }
  queued_ += output_.size() - before;
  return true;
}

void RedisConnection::flush() {
  if (fault_ != Fault::kNone || unwritten() == 0) return;
  taken_ += stream_->write(std::string_view(output_).substr(taken_));
  if (unwritten() > 0) {
    // TLS may find out by writing that the connection has failed.
    if (stream_->end()) fault_ = Fault::kClosed;
    return;
  }
  taken_ = 0;
  output_.clear();
  // The renewals of thousands of leases need much room at once, and seldom.
  if (output_.capacity() > kRoom) output_.shrink_to_fit();
}

bool RedisConnection::has_written(std::uint64_t begin) const {
  return queued_ - unwritten() > begin;
}

void RedisConnection::watch(Poller& poller) {
  poller.watch(stream_->fd(), stream_->events());
  watched_ = true;
}

void RedisConnection::advance(const Poller& poller) {
  if (!watched_) return;
  if (poller.ready(stream_->fd()) == 0) return;
  // Under TLS, each may be what the other was waiting for.
  read();
  flush();
}

void RedisConnection::read() {
  std::array<char, kRoom> room;
  std::size_t got = 1;
  for (std::size_t all = 0; fault_ == Fault::kNone && got > 0 && all < kMostAtOnce; all += got) {
    got = stream_->read(room);
    if (got > 0) reader_->feed({room.data(), got});
    record_fault_of_reader();
  }
  if (fault_ == Fault::kNone && stream_->end()) fault_ = Fault::kClosed;
}

void RedisConnection::drain() {
  std::size_t before = 0;
  do {
    before = reader_->unread();
    read();
  } while (reader_->unread() > before && reader_->unread() < ReplyReader::kMostBytes);
}

std::optional<RedisConnection::Received> RedisConnection::receive() {
  if (fault_ == Fault::kNotRedis || fault_ == Fault::kExhausted) return std::nullopt;
  Received received{{Purpose::kMessage}, reader_->next()};
  if (!received.reply) {
    record_fault_of_reader();
    return std::nullopt;
  }
  has_received_ = true;
  // A server that closes a connection may send the reason unasked.
  if (expected_.empty()) return received;
  const int type = received.reply->type;
  const bool is_message = expected_.front().purpose == Purpose::kSubscribe
                              ? type != REDIS_REPLY_ERROR && !is_confirmation(*received.reply)
                              : type == REDIS_REPLY_PUSH;
  if (is_message) return received;
  static_cast<Expected&>(received) = expected_.front();
  expected_.pop_front();
  return received;
}

void RedisConnection::record_fault_of_reader() {
  if (reader_->fault() == ReplyReader::Fault::kNotRedis) fault_ = Fault::kNotRedis;
  if (reader_->fault() == ReplyReader::Fault::kExhausted) fault_ = Fault::kExhausted;
}

std::string RedisConnection::fault_text() const {
  const auto& end = stream_->end();
  return end && end->error != 0 ? std::strerror(end->error) : "";
}

std::optional<Failed> RedisConnection::tls_failure() const {
  return stream_->end() ? stream_->end()->failure : std::nullopt;
}

}  // namespace cluster_leader
