#pragma once

#include <hiredis/read.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "store/redis/replies.h"

namespace cluster_leader {

/// Takes replies out of a stream of bytes, through hiredis. A peer may claim or send whatever it
/// likes: a reply that is larger or deeper than any to our commands is rejected when it says so,
/// before there is memory for it, and at the latest when that much of it has arrived.
class ReplyReader {
 public:
  enum class Fault : std::uint8_t {
    kNone,
    kNotRedis,   ///< no server sends such bytes
    kExhausted,  ///< memory was refused; data that has arrived is lost
  };

  // The longest replies that are expected. INFO has 10 KB, and with 10,000 databases half a MB.
  // SCAN names about 1,000 keys of at most 600 bytes. A cluster's CLUSTER SLOTS has fewer than 20
  // elements and 200 bytes for each range of slots, of which there may be thousands.
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20U;
  /// Of all arrays together: hiredis needs about 100 bytes for each of them, and allocates 8 as
  /// soon as it has read how many there are.
  static constexpr std::size_t kMostElements = std::size_t{1} << 17U;
  /// Of arrays in arrays: hiredis frees them recursively.
  static constexpr int kDeepest = 16;

  /// Null if memory is refused.
  static std::unique_ptr<ReplyReader> create();
  ~ReplyReader() = default;
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Adds bytes that have arrived; after a fault(), they are dropped.
  void feed(std::string_view bytes);

  /// The next reply that has arrived as a whole. Null if there is none, or a fault().
  ReplyPtr next();

  /// How much has arrived of which no reply was taken yet.
  std::size_t unread() const { return reader_->len - reader_->pos; }

  /// Why there are no more replies. It stays.
  Fault fault() const { return fault_; }

 private:
  struct FreeReader {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };
  using Reader = std::unique_ptr<redisReader, FreeReader>;

  explicit ReplyReader(Reader reader);

  static void* create_array(const redisReadTask* task, std::size_t elements);
  static void* create_string(const redisReadTask* task, char* text, std::size_t length);
  bool claims_too_much() const;

  redisReplyObjectFunctions bounded_;  ///< those of hiredis behind our bounds
  const Reader reader_;
  const redisReplyObjectFunctions* const of_hiredis_;
  // Of the reply that is arriving.
  std::size_t elements_ = 0;
  std::size_t bytes_ = 0;  ///< of its strings
  Fault fault_ = Fault::kNone;
};

}  // namespace cluster_leader
