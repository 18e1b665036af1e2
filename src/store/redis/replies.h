#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lease/answer.h"
#include "store/redis/errors.h"

struct redisReply;

namespace cluster_leader {

struct FreeReply {
  void operator()(redisReply* reply) const;
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

/// The text of a string, status or error reply; empty for every other type.
std::string_view text_of(const redisReply& reply);

/// Why the server that sent this reply to HELLO, ROLE or INFO keeps no leases, since it is a
/// replica or a Sentinel; nothing if the reply does not say so. `unknown` is set, since what was
/// sent with the command was executed.
std::optional<Failed> failure_of_role(const redisReply& reply);

/// Whether the script of a renewal requires all fields of the record, since it must write the
/// record again. It has changed nothing.
bool is_incomplete(const redisReply& reply);

/// Whether the script of an acquire could not find out how long the server has been up. It has
/// changed nothing.
bool is_ageless(const redisReply& reply);

/// The replication id of a node of a cluster that was promoted, if the script of an acquire must be
/// told when that was noticed; it has changed nothing. Otherwise nothing.
std::optional<std::string> unmarked_in(const redisReply& reply);
/// Whether that reply says that the node knows of a former primary. If not, only the mark may.
bool says_was_replica(const redisReply& reply);
/// When that was, as the reply to that question has it; nothing if it does not.
std::optional<std::string> noticed_in(const redisReply& reply);

/// Whether the script of an acquire has granted nothing because the server's clock, or the fence of
/// the key, is not what the candidate expected.
bool is_suspect(const redisReply& reply);
/// Whether it had expected it until then.
bool is_newly_suspect(const redisReply& reply);

/// What the reply to an acquire that was not granted shows of the server; nothing if it does not.
struct Sighting {
  std::int64_t server_ms = 0;  ///< since 1970
  std::vector<Token> fences;   ///< of each slot of the key
};
std::optional<Sighting> sighting_in(const redisReply& reply);

/// The answer in the reply of a script; `ttl` is that of the candidate.
Answer answer_of(RequestKind kind, const redisReply& reply, Duration ttl);

}  // namespace cluster_leader
