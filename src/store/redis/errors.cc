#include "store/redis/errors.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/random.h"

namespace cluster_leader {

namespace {

using std::chrono::milliseconds;

/// An error code of the server, and what it means for a request.
struct ErrorMeaning {
  std::string_view code;
  Trouble trouble;
  bool spoils_connection;
  const char* text;
};

constexpr ErrorMeaning kMeanings[] = {
    {"READONLY", Trouble::kNotServing, true,
     "this server is a read-only replica: name the primary, or wait until one is promoted"},
    {"MASTERDOWN", Trouble::kNotServing, true,
     "this server is a replica that has lost its primary: name the primary, or wait until it is "
     "back"},
    {"LOADING", Trouble::kNotServing, false,
     "the server is loading its data from disk: wait until it is ready"},
    {"BUSY", Trouble::kNotServing, false,
     "the server is busy with a long script: wait, or end it with SCRIPT KILL"},
    {"CLUSTERDOWN", Trouble::kNotServing, false,
     "the cluster is down: some of its slots are not served"},
    {"TRYAGAIN", Trouble::kNotServing, false, "the cluster is moving this key: try again"},
    {"OOM", Trouble::kNotServing, false,
     "the server is out of memory: raise its maxmemory or remove data"},
    {"MISCONF", Trouble::kNotServing, false,
     "the server refuses writes because it cannot save to disk: see its log"},
    {"NOREPLICAS", Trouble::kNotServing, false,
     "the server refuses writes because too few replicas are connected (min-replicas-to-write)"},
    {"MOVED", Trouble::kMisconfigured, false,
     "this server is a node of a cluster, and another one has the key: use redis+cluster://"},
    {"ASK", Trouble::kMisconfigured, false,
     "this server is a node of a cluster, and another one has the key: use redis+cluster://"},
    {"CROSSSLOT", Trouble::kMisconfigured, false,
     "this server is a node of a cluster: use redis+cluster://"},
    {"NOAUTH", Trouble::kDenied, true,
     "the server requires a password: set REDIS_PASSWORD or --password-file"},
    {"WRONGPASS", Trouble::kDenied, true,
     "the user name or the password is wrong, or the user is disabled"},
    {"WRONGTYPE", Trouble::kMisconfigured, false,
     "the key or its record holds data of another type: choose another --key or --prefix"},
    {"UNKILLABLE", Trouble::kNotServing, false,
     "the server is busy with a long script: wait until it ends"},
};

constexpr std::string_view kTooManyClients = "ERR max number of clients";

const ErrorMeaning* meaning_of(std::string_view code) {
  const auto* found = std::find_if(std::begin(kMeanings), std::end(kMeanings),
                                   [&](const ErrorMeaning& m) { return m.code == code; });
  return found == std::end(kMeanings) ? nullptr : found;
}

/// An error inside a script without the frame that Redis 6 puts around it: "ERR Error running
/// script (call to f_SHA): @user_script: LINE: -CODE ...", and without the location that Redis 7
/// puts behind it: "CODE ... script: SHA, on @user_script:LINE."
std::string_view without_frame(std::string_view error) {
  constexpr std::string_view kBefore = "ERR Error running script";
  constexpr std::string_view kLocation = "@user_script:";
  if (error.starts_with(kBefore)) {
    const std::size_t location = error.rfind(kLocation);
    if (location != error.npos) {
      error.remove_prefix(location + kLocation.size());
      const std::size_t inner = error.find_first_not_of(" 0123456789:-");
      error.remove_prefix(std::min(inner, error.size()));
    }
  }
  const std::size_t behind = error.rfind(" script: ");
  const bool has_location = behind != error.npos && error.find(kLocation, behind) != error.npos;
  return has_location ? error.substr(0, behind) : error;
}

bool says(std::string_view error, std::string_view words) {
  return error.find(words) != std::string_view::npos;
}

/// `text` as part of one line of a message, in ASCII, whatever bytes a server sent. Without the
/// arguments of a command, which may be the text of a script or a password.
std::string quoted(std::string_view text) {
  std::string line(text.substr(0, std::min<std::size_t>(text.find(", with args"), 200)));
  // A char may be signed; then the bytes from 0x80 on are below 0x20.
  for (char& c : line) {
    if (c < 0x20 || c >= 0x7f) c = ' ';
  }
  return line;
}

bool is_missing_right(std::string_view error) {
  return refusal_of_command(error) == CommandRefusal::kRight;
}

/// The command that an error calls unknown; empty if it does not say.
std::string unknown_command(std::string_view error) {
  constexpr std::string_view kBefore = "unknown command ";
  const std::size_t at = error.find(kBefore);
  if (at == error.npos) return {};
  error.remove_prefix(at + kBefore.size());
  // Redis 6 quotes with a backtick.
  if (!error.empty()) error.remove_prefix(1);
  std::string name(error.substr(0, error.find_first_of("'`,")));
  constexpr std::size_t kLongest = 40;
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name.size() > kLongest ? "" : quoted(name);
}

Failed missing_command(std::string_view error) {
  const std::string name = unknown_command(error);
  return {Trouble::kMisconfigured, "the server has no " + (name.empty() ? "command" : name) +
                                       (name.empty() ? " that leases need" : "") +
                                       " (renamed or disabled?)" +
                                       (name.empty() ? ": `cluster-leader doctor` names it" : "")};
}

/// "No permissions to access a key", "... one of the keys used as arguments".
bool is_about_a_key(std::string_view error) {
  return error.find(" access a key") != error.npos || error.find("of the keys") != error.npos;
}

Failed missing_right(std::string_view error) {
  return {Trouble::kDenied,
          "the user lacks rights: " + quoted(error) +
              " (needed: eval evalsha get set del pttl pexpire hset hmget hdel time info publish "
              "subscribe select)"};
}

/// Before the next request to a server that refuses this one; random, so that candidates do not all
/// come back at the same moment. Zero: not known.
Duration pause_after(std::string_view code) {
  const auto between = [](std::uint64_t least, std::uint64_t most) {
    return milliseconds(least + random_u64() % (most - least + 1));
  };
  if (code == "LOADING" || code == "CLUSTERDOWN") return between(100, 250);
  // Each key is in the way for only a moment while its slot is moved.
  if (code == "TRYAGAIN") return between(20, 50);
  return {};
}

Failed failure_with(const ErrorMeaning& meaning) {
  return {
      .trouble = meaning.trouble, .text = meaning.text, .retry_after = pause_after(meaning.code)};
}

}  // namespace

CommandRefusal refusal_of_command(std::string_view error) {
  // That a script may not run a command is visible only in the text of the error. Redis 7.0 does
  // not name the command.
  if (error_code(error) == "NOPERM" || says(error, "ACL failure in script") ||
      says(error, "user executing the script can't")) {
    return CommandRefusal::kRight;
  }
  if (says(error, "unknown command") || says(error, "Unknown command called from script") ||
      says(error, "Unknown Redis command called from script")) {
    return CommandRefusal::kMissing;
  }
  if (says(error, "not allowed from script") || says(error, "not supported for scripts") ||
      says(error, "NOSCRIPTCMD")) {
    return CommandRefusal::kScript;
  }
  return CommandRefusal::kNone;
}

bool is_error_code(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string_view error_code(std::string_view error) {
  error = without_frame(error);
  return error.substr(0, error.find(' '));
}

Failed failure_of_request(std::string_view error) {
  // Our scripts mark the command that they cannot do without.
  constexpr std::string_view kNoTime = "NOTIME ";
  if (std::string_view about_time = without_frame(error); about_time.starts_with(kNoTime)) {
    about_time.remove_prefix(kNoTime.size());
    if (is_missing_right(about_time)) return missing_right(about_time);
    if (refusal_of_command(about_time) == CommandRefusal::kMissing) {
      return {Trouble::kMisconfigured, "the server has no TIME (renamed or disabled?)"};
    }
    return {Trouble::kMisconfigured,
            "the server refuses TIME in scripts, which leases need: use another server"};
  }
  if (is_missing_right(error)) return missing_right(without_frame(error));
  if (refusal_of_command(error) == CommandRefusal::kMissing) return missing_command(error);
  if (is_refusal_to_accept(error)) return failure_of_login(error);
  if (const ErrorMeaning* meaning = meaning_of(error_code(error))) return failure_with(*meaning);
  if (!is_error_code(error_code(error))) {
    return {.trouble = Trouble::kNotServing,
            .text = "the server, or a proxy before it, answered: " + quoted(error),
            .unknown = true};
  }
  return {Trouble::kMisconfigured, "the server refused: " + quoted(without_frame(error)) +
                                       " (is it Redis 6 or newer, or Valkey?)"};
}

Failed not_understood() {
  return {.trouble = Trouble::kMisconfigured,
          .text = "the server's reply makes no sense: is it Redis 6 or newer, or Valkey?",
          .unknown = true};
}

Failed too_few_replicas(long long found, int needed) {
  return {Trouble::kNotServing, "only " + std::to_string(std::max(found, 0LL)) + " of " +
                                    std::to_string(needed) +
                                    " replicas have the lease: connect more of them, or lower "
                                    "--min-replicas"};
}

Failed failure_of_wait(std::string_view error) {
  if (is_missing_right(error)) {
    return {Trouble::kDenied,
            "the user lacks rights: " + quoted(error) + " (needed for --min-replicas: wait)"};
  }
  if (refusal_of_command(error) == CommandRefusal::kMissing) return missing_command(error);
  // Its other errors are about a server that is, or has just become, a replica.
  return failure_of_request("READONLY");
}

Failed failure_of_login(std::string_view error) {
  if (error.starts_with(kTooManyClients)) {
    return {Trouble::kNotServing, "the server has too many clients: raise its maxclients"};
  }
  if (refusal_of_command(error) == CommandRefusal::kMissing) return missing_command(error);
  const std::string_view code = error_code(error);
  if (code == "DENIED") {
    return {Trouble::kDenied,
            "the server is in protected mode and serves only its own machine: give it a password"};
  }
  if (const ErrorMeaning* meaning = meaning_of(code)) return failure_with(*meaning);
  return {Trouble::kDenied,
          "the server refused to log us in: check the user name and the password"};
}

Failed failure_of_select(std::string_view error, int db) {
  if (is_missing_right(error)) return missing_right(error);
  if (refusal_of_command(error) == CommandRefusal::kMissing) return missing_command(error);
  const std::string_view code = error_code(error);
  if (const ErrorMeaning* meaning = meaning_of(code)) return failure_with(*meaning);
  if (!is_error_code(code)) return failure_of_request(error);
  return {Trouble::kMisconfigured, "the server has no database " + std::to_string(db) +
                                       ": choose a lower --db, or raise its `databases`"};
}

bool is_about_server(std::string_view code) {
  const ErrorMeaning* meaning = meaning_of(code);
  return meaning != nullptr && meaning->trouble == Trouble::kNotServing;
}

bool spoils_connection(std::string_view error) {
  // A key that the user may not touch says nothing about the login, nor about other keys.
  if (is_missing_right(error)) return !is_about_a_key(error);
  if (is_refusal_to_accept(error)) return true;
  const ErrorMeaning* meaning = meaning_of(error_code(error));
  return meaning != nullptr && meaning->spoils_connection;
}

bool is_refusal_to_accept(std::string_view error) {
  return error.starts_with(kTooManyClients) || error.starts_with("DENIED ");
}

}  // namespace cluster_leader
