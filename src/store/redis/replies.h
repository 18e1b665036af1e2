#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "lease/answer.h"

struct redisReply;

namespace cluster_leader {

struct FreeReply {
  void operator()(redisReply* reply) const;
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

/// The text of a string, status or error reply; empty for every other type.
std::string_view text_of(const redisReply& reply);

/// The first word of an error, which is its code. For an error inside a script it is the code of
/// that error, if the server passes it on.
std::string_view error_code(std::string_view error);

/// Whether an error that begins with this word comes from a server, whose codes are in capitals. A
/// proxy that cannot reach its server uses its own words.
bool is_error_code(std::string_view word);

/// Why a server refuses a command, whatever its arguments.
enum class CommandRefusal : std::uint8_t {
  kNone,     ///< it does not, or the error is about something else
  kRight,    ///< the user may not run it, or not on these keys or channels
  kMissing,  ///< it is unknown: renamed, disabled, or too new
  kScript,   ///< it may not be run inside a script
};
CommandRefusal refusal_of_command(std::string_view error);

/// What an error in reply to a script means.
Failed failure_of_request(std::string_view error);

/// The failure for a reply that our scripts never return.
Failed not_understood();

/// The failure if only `found` of `needed` replicas have a lease.
Failed too_few_replicas(long long found, int needed);

/// What an error in reply to WAIT means. With kNotServing, the server is no primary any more.
Failed failure_of_wait(std::string_view error);

/// What an error in reply to HELLO or AUTH means. Never quotes the server: one that does not know
/// the command repeats its arguments, including the password.
Failed failure_of_login(std::string_view error);

/// What an error in reply to SELECT means.
Failed failure_of_select(std::string_view error, int db);

/// Why the server that sent this reply to HELLO, ROLE or INFO keeps no leases, since it is a
/// replica or a Sentinel; nothing if the reply does not say so. `unknown` is set, since what was
/// sent with the command was executed.
std::optional<Failed> failure_of_role(const redisReply& reply);

/// Whether errors with this code are about the state of the server, not about one command.
bool is_about_server(std::string_view code);

/// Whether `error` means that the connection must not be used again: another server must be found,
/// or the password read again.
bool spoils_connection(std::string_view error);

/// Whether the server refused the connection itself, before it read anything from it.
bool is_refusal_to_accept(std::string_view error);

/// Whether the script of a renewal requires all fields of the record, since it must write the
/// record again. It has changed nothing.
bool is_incomplete(const redisReply& reply);

/// Whether the script of an acquire could not find out how long the server has been up. It has
/// changed nothing.
bool is_ageless(const redisReply& reply);

/// Whether the script of an acquire has granted nothing because the server's clock, or the fence of
/// the key, is not what the candidate expected.
bool is_suspect(const redisReply& reply);
/// Whether it had expected it until then.
bool is_newly_suspect(const redisReply& reply);

/// What the reply to an acquire that was not granted shows of the server; nothing if it does not.
struct Sighting {
  std::int64_t server_ms = 0;  ///< since 1970
  Token fence;
};
std::optional<Sighting> sighting_in(const redisReply& reply);

/// The answer in the reply of a script; `ttl` is that of the candidate.
Answer answer_of(RequestKind kind, const redisReply& reply, Duration ttl);

}  // namespace cluster_leader
