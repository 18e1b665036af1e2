#include "store/redis/replies.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

#include "base/random.h"
#include "lease/retry_after.h"
#include "store/redis/info.h"

namespace cluster_leader {

void FreeReply::operator()(redisReply* reply) const { freeReplyObject(reply); }

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
     "this server is part of a cluster, and the key belongs to another node: name a single server"},
    {"ASK", Trouble::kMisconfigured, false,
     "this server is part of a cluster, and the key belongs to another node: name a single server"},
    {"CROSSSLOT", Trouble::kMisconfigured, false,
     "this server is part of a cluster, and a key with '}' cannot share a slot with its record: "
     "choose another --key"},
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

/// 100 to 250 ms, so that candidates do not all come back at the same moment.
Duration pause_while_loading() { return milliseconds(100 + static_cast<int>(random_u64() % 151)); }

const redisReply* element(const redisReply& reply, std::size_t index) {
  return index < reply.elements ? reply.element[index] : nullptr;
}

std::string_view text_at(const redisReply& reply, std::size_t index) {
  const redisReply* found = element(reply, index);
  return found != nullptr ? text_of(*found) : std::string_view();
}

/// An integer, in ms or s; -1 if there is none. At most a year: a server may send any number, and
/// centuries in nanoseconds do not fit our clock.
long long integer_at(const redisReply& reply, std::size_t index) {
  const redisReply* found = element(reply, index);
  constexpr long long kYear = 366LL * 86'400'000;
  if (found == nullptr || found->type != REDIS_REPLY_INTEGER) return -1;
  return std::clamp(found->integer, -1LL, kYear);
}

/// The number that a text contains; 0 if it is not one.
std::int64_t number_at(const redisReply& reply, std::size_t index) {
  const std::string_view digits = text_at(reply, index);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

/// A time in ms since 1970; at most some centuries, so that it fits in ns too.
std::int64_t time_at(const redisReply& reply, std::size_t index) {
  return std::clamp<std::int64_t>(number_at(reply, index), 0, std::int64_t{1} << 43U);
}

/// When to ask again if the lock has `rest_ms` left.
Duration retry_after_lock(long long rest_ms, long long holder_ttl_ms, Duration ttl) {
  // No expiry: another program's value, which may be deleted at any time.
  if (rest_ms < 0) return ttl;
  return retry_after(milliseconds(rest_ms), milliseconds(holder_ttl_ms));
}

Young young(const redisReply& reply) {
  const long long age_s = std::max(integer_at(reply, 1), 0LL);
  const long long rest = std::max(integer_at(reply, 2), 1LL);
  return {std::chrono::seconds(age_s), milliseconds(rest + 2)};
}

Young promoted(const redisReply& reply) {
  Young answer = young(reply);
  answer.because = "the server may have been promoted from a replica (noticed " +
                   std::to_string(std::chrono::floor<std::chrono::seconds>(answer.age).count()) +
                   " s ago)";
  return answer;
}

}  // namespace

std::string_view text_of(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
    case REDIS_REPLY_VERB:
      return {reply.str, reply.len};
    default:
      return {};
  }
}

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
  if (const ErrorMeaning* meaning = meaning_of(error_code(error))) {
    Failed failed{meaning->trouble, meaning->text};
    if (meaning->code == "LOADING") failed.retry_after = pause_while_loading();
    return failed;
  }
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
  if (const ErrorMeaning* meaning = meaning_of(code)) return {meaning->trouble, meaning->text};
  return {Trouble::kDenied,
          "the server refused to log us in: check the user name and the password"};
}

Failed failure_of_select(std::string_view error, int db) {
  if (is_missing_right(error)) return missing_right(error);
  if (refusal_of_command(error) == CommandRefusal::kMissing) return missing_command(error);
  if (const ErrorMeaning* meaning = meaning_of(error_code(error))) {
    return {meaning->trouble, meaning->text};
  }
  return {Trouble::kMisconfigured, "the server has no database " + std::to_string(db) +
                                       ": choose a lower --db, or raise its `databases`"};
}

std::optional<Failed> failure_of_role(const redisReply& reply) {
  // ROLE's first element is the role. HELLO and INFO name what they say, as fields and as lines.
  std::string_view role = text_at(reply, 0);
  std::string_view mode = role;
  for (std::size_t i = 0; i + 1 < reply.elements; i += 2) {
    if (text_at(reply, i) == "role") role = text_at(reply, i + 1);
    if (text_at(reply, i) == "mode") mode = text_at(reply, i + 1);
  }
  const bool is_replica_by_info = facts_in(text_of(reply)).role == "slave";
  std::optional<Failed> failure;
  // "slave" is what every version says; a later one may say "replica".
  if (role == "replica" || role == "slave" || is_replica_by_info) {
    failure = failure_of_request("READONLY");
  }
  if (mode == "sentinel") {
    failure = {Trouble::kMisconfigured, "this is a Sentinel: name a server that it monitors"};
  }
  if (failure) failure->unknown = true;
  return failure;
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

bool is_incomplete(const redisReply& reply) { return text_at(reply, 0) == "incomplete"; }

bool is_suspect(const redisReply& reply) { return text_at(reply, 0) == "suspect"; }

bool is_newly_suspect(const redisReply& reply) {
  return is_suspect(reply) && text_at(reply, 1) == "1";
}

std::optional<Sighting> sighting_in(const redisReply& reply) {
  const std::string_view verdict = text_at(reply, 0);
  std::size_t at = 3;
  if (verdict == "busy") {
    at = 5;
  } else if (verdict == "voted") {
    const Sighting voted{time_at(reply, 2), {number_at(reply, 1)}};
    return voted.server_ms > 0 ? std::optional(voted) : std::nullopt;
  } else if (verdict != "young" && verdict != "promoted" && verdict != "suspect") {
    return std::nullopt;
  }
  const Sighting sighting{time_at(reply, at), {number_at(reply, at + 1)}};
  return sighting.server_ms > 0 ? std::optional(sighting) : std::nullopt;
}

bool is_ageless(const redisReply& reply) { return text_at(reply, 0) == "ageless"; }

Answer answer_of(RequestKind kind, const redisReply& reply, Duration ttl) {
  if (reply.type == REDIS_REPLY_ERROR) return failure_of_request(text_of(reply));
  const std::string_view verdict = text_at(reply, 0);
  switch (kind) {
    case RequestKind::kAdopt:
      if (verdict == "granted") return Granted{{number_at(reply, 1)}};
      if (verdict == "lost") return Lost{{std::string(text_at(reply, 1))}};
      break;
    case RequestKind::kAcquire:
    case RequestKind::kVote:
      if (verdict == "voted" && kind == RequestKind::kVote && time_at(reply, 2) > 0) {
        return Voted{{number_at(reply, 1)}, time_at(reply, 2)};
      }
      if (verdict == "granted" && kind == RequestKind::kAcquire) {
        const Granted granted{{number_at(reply, 1)}};
        if (granted.token.value > 0) return granted;
      }
      if (verdict == "busy") {
        return Busy{{std::string(text_at(reply, 1))},
                    retry_after_lock(integer_at(reply, 2), integer_at(reply, 3), ttl),
                    {number_at(reply, 4)}};
      }
      if (verdict == "done") {
        const std::int64_t status = number_at(reply, 1);
        // Another program has changed the record, so this is not a result.
        if (status < 0 || status > 255) return not_understood();
        const RunResult result{static_cast<int>(status), time_at(reply, 4), time_at(reply, 5)};
        return Done{result, std::string(text_at(reply, 3)), {number_at(reply, 2)}};
      }
      if (verdict == "young") return young(reply);
      if (verdict == "promoted") return promoted(reply);
      // Why is for the store to say.
      if (verdict == "suspect") return Young{{}, young(reply).rest};
      break;
    case RequestKind::kRenew:
      if (verdict == "renewed") return Renewed{};
      if (verdict == "lost") return Lost{{std::string(text_at(reply, 1))}};
      break;
    case RequestKind::kRelease:
    case RequestKind::kFinish:
      if (verdict == "released") return Released{};
      break;
  }
  return not_understood();
}

}  // namespace cluster_leader
