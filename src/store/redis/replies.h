#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string_view>

#include "lease/answer.h"

namespace cluster_leader {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

/// The text of a string, status or error reply; empty for every other type.
std::string_view text_of(const redisReply& reply);

/// The first word of an error, by which servers tell errors apart. An error inside a script carries
/// its own word, where the server hands it on.
std::string_view error_code(std::string_view error);

/// What an error in reply to a script means.
Failed failure_of_request(std::string_view error);

/// What to say of a reply that none of our scripts gives.
Failed not_understood();

/// What an error in reply to HELLO or AUTH means. Never quotes the server: one that does not know
/// the command repeats its arguments, the password among them.
Failed failure_of_login(std::string_view error);

/// What an error in reply to SELECT means.
Failed failure_of_select(std::string_view error, int db);

/// Whether HELLO's reply says that requests make no sense here: a replica, or a Sentinel.
bool is_wrong_role(const redisReply& hello, Failed& failure);

/// Whether `error` means that the connection must not be used again: another server must be found
/// or the secret read anew.
bool spoils_connection(std::string_view error);

/// Whether the server refused the connection as such, before it read anything from it.
bool is_refusal_to_accept(std::string_view error);

/// Whether the script of a renewal wants to be told all that the record says, since it must write
/// it anew. It has changed nothing.
bool is_incomplete(const redisReply& reply);

/// The answer in the reply of a script; `ttl` is that of whoever asked.
Answer answer_of(RequestKind kind, const redisReply& reply, Duration ttl);

}  // namespace cluster_leader
