#include "commands/diagnosis.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "commands/lease_findings.h"
#include "commands/server_findings.h"

namespace cluster_leader {

namespace {

using Result = Finding::Result;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The same for a failure to connect in time.
std::string advice_for_connecting(const Failed& failure) {
  std::string advice = advice_for(failure);
  if (failure.trouble != Trouble::kUnreachable) return advice;
  return advice + "; or use a longer --connect-timeout (at most a third of --ttl)";
}

// The connection.

Finding name_of(const RedisMeasurements& measured, const RedisLocation& location) {
  if (!location.socket_path.empty()) return ok("name", "a Unix socket: nothing to look up");
  if (!measured.times.lookup) {
    return failed("name", *measured.failure, "check --server or --host, /etc/hosts and DNS");
  }
  if (measured.is_address) {
    return ok("name", location.host + " is an address: nothing to look up");
  }
  const Duration took = *measured.times.lookup;
  const std::string detail = location.host + " in " + in_ms(took);
  // Slower means that a name server was asked again, since a DNS packet was lost.
  if (took < milliseconds(250)) return ok("name", detail);
  return warning("name", detail + ", which delays each new connection",
                 "check the name servers in /etc/resolv.conf, or add the name to /etc/hosts");
}

Finding tls_of(const RedisMeasurements& measured, const RedisLocation& location) {
  if (!location.socket_path.empty()) {
    return ok("tls", "not used: a Unix socket does not leave this machine");
  }
  if (!location.tls)
    return ok("tls", "not used: the traffic, and any password, can be read on the way");
  if (!measured.tls) {
    // Where a certificate is wrong, the text says what to do.
    const bool is_silent = measured.failure->trouble == Trouble::kUnreachable;
    return failed("tls", *measured.failure,
                  is_silent ? advice_for_connecting(*measured.failure) : "");
  }
  const TlsFacts& tls = *measured.tls;
  std::string names;
  for (const std::string& name : tls.names) names += (names.empty() ? "" : ", ") + name;
  const std::string detail = tls.version + "; certificate for " +
                             (names.empty() ? "no name" : names) + ", expires in " +
                             std::to_string(tls.days_left) + " days";
  if (!tls.is_verified) {
    return warning("tls", detail + ", not verified (--tls-insecure)",
                   "use --tls-ca instead of --tls-insecure");
  }
  constexpr std::int64_t kSoon = 7;
  if (tls.days_left < kSoon) return warning("tls", detail, "renew the certificate");
  return ok("tls", detail);
}

Finding login_of(const RedisMeasurements& measured, const RedisLocation& location) {
  if (!measured.times.login) {
    return failed("login", *measured.failure, advice_for_connecting(*measured.failure));
  }
  const Credentials& credentials = location.credentials;
  const bool has_password = !credentials.password.empty() || !credentials.password_file.empty();
  std::string detail = in_ms(*measured.times.login);
  if (!credentials.user.empty()) {
    detail += ", as " + credentials.user;
  } else {
    detail += has_password ? ", with a password" : ", without a password";
  }
  if (measured.speaks_resp2) {
    detail += ", with RESP2: each candidate that waits needs a second connection for events";
  }
  return ok("login", detail);
}

// What the server allows and is.

bool is_for_queue(const std::string& right) { return right.front() == 'z'; }

/// What does not work without a right; empty: leases do not.
std::string what_is_missed_without(const std::string& right) {
  if (right == "scan") return "status shows only the keys that it is given";
  if (right == "info") {
    return "the server's age is not known, so a candidate watches it for a ttl before it gets a "
           "key";
  }
  if (right == "publish" || right == "subscribe") {
    return "a waiting candidate is not woken by a release";
  }
  if (is_for_queue(right)) return "those who wait are not served in the order in which they came";
  return "";
}

/// What the refusals of the server come to.
class Rights {
 public:
  explicit Rights(const std::string& user)
      : advice_("ACL SETUSER " + (user.empty() ? "default" : user)) {}

  void add(const Refusal& refusal) {
    const std::string& right = refusal.right;
    const bool is_asked_outside = right == "info" && refusal.cause == Refusal::Cause::kScript;
    if (is_asked_outside) return;
    const std::string missed = what_is_missed_without(right);
    const bool is_of_queue = is_for_queue(right);
    Trouble trouble = Trouble::kDenied;
    switch (refusal.cause) {
      case Refusal::Cause::kCommand:
        add_lack(missed, is_of_queue ? kNoQueues : "no " + right);
        add_once(commands_, is_of_queue ? "@sortedset" : right);
        break;
      case Refusal::Cause::kMissing:
        add_lack(missed, "the server has no " + right + " (renamed?)");
        trouble = Trouble::kMisconfigured;
        break;
      case Refusal::Cause::kScript:
        add_lack(missed, "the server refuses " + right + " inside scripts");
        trouble = Trouble::kMisconfigured;
        break;
      case Refusal::Cause::kKey:
        (is_of_queue ? wants_queue_ : wants_keys_) = true;
        add_lack(is_of_queue ? missed : "", is_of_queue ? kNoQueues : "no right to the keys");
        break;
      case Refusal::Cause::kChannel:
        wants_channels_ = true;
        add_lack(missed, "no right to the channels");
        break;
    }
    const bool is_fatal = missed.empty() || (refusal.cause == Refusal::Cause::kKey && !is_of_queue);
    if (is_fatal && result_ != Result::kFailed) {
      result_ = Result::kFailed;
      trouble_ = trouble;
    }
  }

  Finding finding() const {
    if (lacks_.empty()) return ok("rights", "sufficient");
    std::string detail;
    for (const Lack& lack : lacks_) {
      std::string text;
      for (const std::string& cause : lack.causes) text += (text.empty() ? "" : ", ") + cause;
      if (!lack.missed.empty()) text += ": " + lack.missed;
      detail += (detail.empty() ? "" : "; ") + text;
    }
    std::string missing;
    for (const std::string& command : commands_) missing += " +" + command;
    if (wants_keys_) {
      missing +=
          " ~KEY ~cluster-leader:record:{KEY ~cluster-leader:queue:{KEY ~cluster-leader:primary, "
          "or use --prefix with the pattern that it may use";
    } else if (wants_queue_) {
      missing += " ~cluster-leader:queue:{KEY";
    }
    if (wants_channels_) missing += " &cluster-leader:events:{KEY";
    Finding finding = {"rights", result_, detail, advice_ + missing, trouble_};
    if (missing.empty()) finding.advice = kAdviceForMissing;
    finding.is_list = true;
    return finding;
  }

 private:
  static constexpr const char* kNoQueues = "no right to the queues";

  /// What is missing, and what does not work by that.
  struct Lack {
    std::string missed;
    std::vector<std::string> causes;
  };

  /// Several rights serve the same purpose, and several commands need the same right.
  void add_lack(const std::string& missed, const std::string& cause) {
    auto lack = std::find_if(lacks_.begin(), lacks_.end(),
                             [&](const Lack& one) { return one.missed == missed; });
    if (lack == lacks_.end()) lack = lacks_.insert(lack, {missed, {}});
    add_once(lack->causes, cause);
  }

  static void add_once(std::vector<std::string>& texts, const std::string& text) {
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }

  const std::string advice_;
  Result result_ = Result::kWarning;
  Trouble trouble_ = Trouble::kMisconfigured;
  std::vector<Lack> lacks_;
  std::vector<std::string> commands_;
  bool wants_keys_ = false;
  bool wants_channels_ = false;
  bool wants_queue_ = false;
};

Finding rights_of(const RedisMeasurements& measured, const RedisLocation& location) {
  Rights rights(location.credentials.user);
  for (const Refusal& refusal : measured.refusals) rights.add(refusal);
  return rights.finding();
}

Finding version_of(const RedisMeasurements& measured) {
  const std::string version = version_in(measured);
  if (version.empty()) return unknown("version", measured);
  constexpr int kOldest = 6;
  if (std::atoi(version.c_str()) >= kOldest) return ok("version", version);
  return {"version", Result::kFailed, version + " is too old", "use Redis 6 or later, or Valkey",
          Trouble::kMisconfigured};
}

Finding role_of(const RedisMeasurements& measured) {
  if (measured.wrong_role) {
    return failed("role", *measured.wrong_role, "use the primary's address (--server or --host)");
  }
  if (measured.facts && measured.facts->role == "slave") {
    return {"role", Result::kFailed, "this server is a read-only replica",
            "use the primary's address (--server or --host)", Trouble::kNotServing};
  }
  // With RESP3, a server names its role in the reply to HELLO.
  if (!measured.facts && measured.speaks_resp2) return unknown("role", measured);
  return ok("role", "primary");
}

}  // namespace

std::vector<Finding> diagnose(const RedisMeasurements& measured, const RedisLocation& location,
                              const Timeline& timeline, bool is_watched) {
  std::vector<Finding> findings = {name_of(measured, location)};
  if (findings.back().result == Result::kFailed) return findings;
  if (!measured.times.connect) {
    findings.push_back(
        failed("connect", *measured.failure, advice_for_connecting(*measured.failure)));
    return findings;
  }
  findings.push_back(ok("connect", in_ms(*measured.times.connect)));
  findings.push_back(tls_of(measured, location));
  if (findings.back().result == Result::kFailed) return findings;
  findings.push_back(login_of(measured, location));
  if (measured.failure) {
    if (measured.times.login) {
      findings.push_back(failed("answers", *measured.failure, advice_for(*measured.failure)));
    }
    return findings;
  }
  if (!measured.wrong_role) findings.push_back(rights_of(measured, location));
  findings.push_back(version_of(measured));
  findings.push_back(role_of(measured));
  findings.push_back(uptime_of(measured, timeline));
  findings.push_back(persistence_of(measured));
  findings.push_back(eviction_of(measured));
  findings.push_back(replicas_of(measured, is_watched));
  if (location.min_replicas > 0) {
    findings.push_back(min_replicas_of(measured, location.min_replicas));
  }
  findings.push_back(clock_of(measured));
  findings.push_back(ttl_of(timeline));
  add_lease_findings(findings, measured.lease, timeline);
  return findings;
}

std::vector<Finding> diagnose(const SentinelMeasurements& measured, const Timeline& timeline) {
  std::vector<Finding> findings = {sentinels_of(measured)};
  if (!measured.failure) findings.push_back(down_after_of(measured, timeline));
  return findings;
}

std::vector<Finding> diagnose(const FileMeasurements& measured, const Timeline& timeline) {
  if (!measured.exists) {
    return {warning("directory", "does not exist, so nothing was checked",
                    "create it (the first run does), and try again")};
  }
  if (measured.failure) {
    return {failed("directory", *measured.failure,
                   "make it writable for this user, or use another directory (--server)")};
  }
  if (measured.is_shared) {
    return {{"filesystem", Result::kFailed,
             "may be shared with other machines, whose clocks differ",
             "use a local directory, or a server", Trouble::kMisconfigured}};
  }
  std::vector<Finding> findings = {ok("directory", "writable")};
  findings.push_back(ok("filesystem", "local"));
  findings.push_back(
      measured.no_lock ? Finding{"lock", Result::kFailed, "flock(2) fails: " + *measured.no_lock,
                                 "use a directory on another file system", Trouble::kMisconfigured}
                       : ok("lock", "flock(2) works"));
  findings.push_back(
      measured.no_watch
          ? warning("inotify",
                    *measured.no_watch + ": a waiting candidate is not woken by a release",
                    "raise fs.inotify.max_user_instances and max_user_watches")
          : ok("inotify", "a release wakes a waiting candidate"));
  add_lease_findings(findings, measured.lease, timeline);
  return findings;
}

}  // namespace cluster_leader
