#include "store/redis/reply_reader.h"

#include <hiredis/hiredis.h>

#include <charconv>
#include <new>
#include <system_error>
#include <utility>

namespace cluster_leader {

std::unique_ptr<ReplyReader> ReplyReader::create() {
  Reader reader(redisReaderCreate());
  if (!reader) return nullptr;
  return std::unique_ptr<ReplyReader>(new (std::nothrow) ReplyReader(std::move(reader)));
}

ReplyReader::ReplyReader(Reader reader)
    : bounded_(*reader->fn), reader_(std::move(reader)), of_hiredis_(reader_->fn) {
  bounded_.createArray = &create_array;
  bounded_.createString = &create_string;
  reader_->fn = &bounded_;
  reader_->privdata = this;
}

void ReplyReader::feed(std::string_view bytes) {
  if (fault_ != Fault::kNone) return;
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    fault_ = Fault::kExhausted;
  }
}

ReplyPtr ReplyReader::next() {
  if (fault_ != Fault::kNone) return nullptr;
  void* raw = nullptr;
  if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
    // A bound that was exceeded looks like refused memory to hiredis.
    const bool is_exhausted = reader_->err == REDIS_ERR_OOM && fault_ == Fault::kNone;
    fault_ = is_exhausted ? Fault::kExhausted : Fault::kNotRedis;
    return nullptr;
  }
  if (raw != nullptr) {
    elements_ = bytes_ = 0;
  } else if (claims_too_much() || unread() > kMostBytes) {
    fault_ = Fault::kNotRedis;
  }
  return ReplyPtr(static_cast<redisReply*>(raw));
}

void* ReplyReader::create_array(const redisReadTask* task, std::size_t elements) {
  auto& self = *static_cast<ReplyReader*>(task->privdata);
  int depth = 0;
  for (const redisReadTask* up = task->parent; up != nullptr; up = up->parent) ++depth;
  // The sum does not overflow: hiredis reads the number of elements as a signed one.
  if (depth >= kDeepest || (self.elements_ += elements) > kMostElements) {
    self.fault_ = Fault::kNotRedis;
    return nullptr;
  }
  return self.of_hiredis_->createArray(task, elements);
}

void* ReplyReader::create_string(const redisReadTask* task, char* text, std::size_t length) {
  auto& self = *static_cast<ReplyReader*>(task->privdata);
  self.bytes_ += length;
  if (self.bytes_ > kMostBytes) {
    self.fault_ = Fault::kNotRedis;
    return nullptr;
  }
  return self.of_hiredis_->createString(task, text, length);
}

/// Whether the string that is arriving says that it is longer than any expected reply. hiredis has
/// read its sign by then, and continues where its length begins.
bool ReplyReader::claims_too_much() const {
  const redisReader& reader = *reader_;
  if (reader.ridx < 0) return false;
  const int type = reader.task[reader.ridx]->type;
  if (type != REDIS_REPLY_STRING && type != REDIS_REPLY_VERB) return false;
  std::size_t length = 0;
  const char* const end = reader.buf + reader.len;
  const std::errc error = std::from_chars(reader.buf + reader.pos, end, length).ec;
  return error == std::errc::result_out_of_range || bytes_ + length > kMostBytes;
}

}  // namespace cluster_leader
