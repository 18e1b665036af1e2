#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lease/answer.h"

namespace cluster_leader {

// What the errors of a server mean.

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

/// Whether errors with this code are about the state of the server, not about one command.
bool is_about_server(std::string_view code);

/// Whether `error` means that the connection must not be used again: another server must be found,
/// or the password read again.
bool spoils_connection(std::string_view error);

/// Whether the server refused the connection itself, before it read anything from it.
bool is_refusal_to_accept(std::string_view error);

}  // namespace cluster_leader
