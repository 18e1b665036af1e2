#include "commands/diagnosis.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/exit_code.h"
#include "commands/looking.h"
#include "commands/table.h"

namespace cluster_leader {

namespace {

using Result = Finding::Result;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

Finding ok(const char* check, std::string detail) {
  return {check, Result::kOk, std::move(detail), "", {}};
}
Finding warning(const char* check, std::string detail, std::string advice) {
  return {check, Result::kWarning, std::move(detail), std::move(advice), {}};
}
Finding failed(const char* check, const Failed& failure, std::string advice) {
  return {check, Result::kFailed, failure.text, std::move(advice), failure.trouble};
}
Finding unknown(const char* check) {
  return warning(check, "not known: the server does not let us run INFO", "ACL SETUSER: +info");
}

/// "0.012 ms", "3.4 ms", "1250 ms"
std::string in_ms(Duration duration) {
  const auto us = std::chrono::duration_cast<microseconds>(duration).count();
  std::string text = std::to_string(us / 1000);
  if (us < 100'000) text += '.' + std::to_string(1000 + us % 1000).substr(1, us < 1000 ? 3 : 1);
  return text + " ms";
}

std::string in_s(Duration duration) {
  const auto ms = ceil_ms(duration);
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 != 0) {
    text += '.' + std::to_string(1000 + ms % 1000).substr(1);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + " s";
}

/// What to do about a failure, where its own text does not say it.
std::string advice_for(const Failed& failure) {
  switch (failure.trouble) {
    case Trouble::kUnreachable:
      return "check --server, or --host and --port, and the network to there";
    case Trouble::kNotServing:
      return "see the server's log, and try again";
    case Trouble::kExhausted:
      return "close what else is open here, or raise the limits (ulimit -n)";
    case Trouble::kDenied:
      return "check --user and --password-file, and what the server has under ACL LIST";
    case Trouble::kMisconfigured:
      break;
  }
  return "check --server";
}

/// The same where connecting failed, for which there is a time.
std::string advice_for_connecting(const Failed& failure) {
  std::string advice = advice_for(failure);
  if (failure.trouble != Trouble::kUnreachable) return advice;
  return advice + "; or give a longer --connect-timeout, which is at most a third of the --ttl";
}

// The connection.

Finding name_of(const RedisMeasurements& checkup, const RedisLocation& location) {
  if (!location.socket_path.empty()) return ok("name", "a Unix socket: nothing to look up");
  if (!checkup.times.lookup) {
    return failed("name", *checkup.failure, "check --server or --host, /etc/hosts and DNS");
  }
  if (checkup.is_address) {
    return ok("name", location.host + " is an address: nothing to look up");
  }
  const Duration took = *checkup.times.lookup;
  const std::string detail = location.host + " in " + in_ms(took);
  // A name server that was asked again, as packets of the DNS get lost.
  if (took < milliseconds(250)) return ok("name", detail);
  return warning("name", detail + ", which every new connection waits for",
                 "check the name servers in /etc/resolv.conf, or add the name to /etc/hosts");
}

Finding login_of(const RedisMeasurements& checkup, const RedisLocation& location) {
  if (!checkup.times.login) {
    return failed("login", *checkup.failure, advice_for_connecting(*checkup.failure));
  }
  const Credentials& credentials = location.credentials;
  const bool has_password = !credentials.password.empty() || !credentials.password_file.empty();
  std::string detail = in_ms(*checkup.times.login);
  if (!credentials.user.empty()) {
    detail += ", as " + credentials.user;
  } else {
    detail += has_password ? ", with a password" : ", without a password";
  }
  if (checkup.speaks_resp2) detail += ", in the old protocol";
  return ok("login", detail);
}

// What the server allows and is.

bool is_needed(const std::string& right) {
  return right != "publish" && right != "subscribe" && right != "scan" && right != "pubsub|numsub";
}

std::string what_is_missed_without(const std::string& right) {
  if (right == "scan") return "status shows only the keys that it is told";
  if (right == "pubsub|numsub") return "status does not know who waits";
  return "who waits does not hear of a release";
}

Finding rights_of(const RedisMeasurements& checkup, const RedisLocation& location) {
  if (checkup.refusals.empty()) return ok("rights", "all that are needed");
  const std::string& user = location.credentials.user;
  Finding finding = warning("rights", "", "ACL SETUSER " + (user.empty() ? "default" : user));
  bool wants_keys = false;
  bool wants_channels = false;
  const auto add = [&](const std::string& text) {
    finding.detail += (finding.detail.empty() ? "" : "; ") + text;
  };
  for (const Refusal& refusal : checkup.refusals) {
    switch (refusal.cause) {
      case Refusal::Cause::kCommand:
        if (is_needed(refusal.right)) finding.result = Result::kFailed;
        add("no " + refusal.right);
        if (!is_needed(refusal.right)) add(what_is_missed_without(refusal.right));
        finding.advice += " +" + refusal.right;
        break;
      case Refusal::Cause::kKey:
        if (!wants_keys) add("no right to the keys");
        wants_keys = true;
        break;
      case Refusal::Cause::kChannel:
        if (!wants_channels) add("no right to the channels");
        wants_channels = true;
        break;
    }
  }
  if (wants_keys) {
    finding.result = Result::kFailed;
    finding.advice +=
        " ~KEY ~cluster-leader:record:{KEY, or tell with --prefix how the keys begin that it has";
  }
  if (wants_channels) finding.advice += " &cluster-leader:events:{KEY";
  finding.trouble = Trouble::kDenied;
  return finding;
}

Finding version_of(const RedisMeasurements& checkup) {
  const std::string version =
      checkup.facts && !checkup.facts->version.empty() ? checkup.facts->version : checkup.version;
  if (version.empty()) return unknown("version");
  constexpr int kOldest = 6;
  if (std::atoi(version.c_str()) >= kOldest) return ok("version", version);
  return {"version", Result::kFailed, version + " is too old", "use Redis 6 or newer, or Valkey",
          Trouble::kMisconfigured};
}

Finding role_of(const RedisMeasurements& checkup) {
  if (checkup.wrong_role) {
    return failed("role", *checkup.wrong_role, "name the primary with --server or --host");
  }
  if (checkup.facts && checkup.facts->role == "slave") {
    return {"role", Result::kFailed, "this server is a read-only replica",
            "name the primary with --server or --host", Trouble::kNotServing};
  }
  // In the new protocol a server says it when it greets.
  if (!checkup.facts && checkup.speaks_resp2) return unknown("role");
  return ok("role", "primary");
}

/// The age from which on a server grants leases of this ttl (see acquire.lua).
std::int64_t needed_age_s(const Timeline& timeline) {
  return std::chrono::ceil<seconds>(timeline.ttl).count() + 1;
}

bool is_young(const RedisMeasurements& checkup, const Timeline& timeline) {
  return checkup.facts && checkup.facts->uptime_s &&
         *checkup.facts->uptime_s < needed_age_s(timeline);
}

Finding uptime_of(const RedisMeasurements& checkup, const Timeline& timeline) {
  if (!checkup.facts || !checkup.facts->uptime_s) return unknown("uptime");
  const std::int64_t uptime = *checkup.facts->uptime_s;
  const std::string age = short_duration(seconds(std::min(uptime, std::int64_t{1} << 32U)));
  if (!is_young(checkup, timeline)) return ok("uptime", age);
  return warning(
      "uptime",
      age + ": grants nothing for " + std::to_string(needed_age_s(timeline) - uptime) + " s yet",
      "wait; a ttl and 1 s is how long nothing runs after every restart, so that a "
      "shorter --ttl shortens it");
}

Finding persistence_of(const RedisMeasurements& checkup) {
  if (!checkup.facts || !checkup.facts->has_append_file) return unknown("persistence");
  if (*checkup.facts->has_append_file) {
    return ok("persistence",
              "append-only file" +
                  (checkup.append_fsync ? ", fsync " + *checkup.append_fsync : std::string()));
  }
  if (!checkup.snapshots) {
    return warning("persistence", "no append-only file, and CONFIG does not tell us of snapshots",
                   "appendonly yes, or let us look: ACL SETUSER: +config|get");
  }
  if (!checkup.snapshots->empty()) {
    return ok("persistence", "snapshots; a crash loses what came after the last one");
  }
  return warning(
      "persistence",
      "none: a restart forgets results, --once, and held and parked keys; leases are set "
      "again by their holders",
      "appendonly yes, if you need those");
}

Finding eviction_of(const RedisMeasurements& checkup) {
  if (!checkup.facts || checkup.facts->eviction.empty() || !checkup.facts->max_memory) {
    return unknown("eviction");
  }
  const std::string& policy = checkup.facts->eviction;
  const std::int64_t limit = *checkup.facts->max_memory;
  if (limit == 0) return ok("eviction", "none: there is no maxmemory");
  constexpr std::int64_t kMiB = std::int64_t{1} << 20U;
  const std::string detail = policy + " at a maxmemory of " + std::to_string(limit / kMiB) + " MiB";
  if (policy == "noeviction") return ok("eviction", detail);
  return warning("eviction", detail + " may evict leases and records, since they expire",
                 "maxmemory-policy noeviction");
}

Finding replicas_of(const RedisMeasurements& checkup) {
  if (!checkup.facts || !checkup.facts->replicas) return unknown("replicas");
  const std::int64_t replicas = *checkup.facts->replicas;
  const auto& good = checkup.facts->good_replicas;
  if (good) {
    return ok("replicas", std::to_string(replicas) + ", of which " + std::to_string(*good) +
                              " count for min-replicas-to-write");
  }
  if (replicas == 0) return ok("replicas", "none");
  return warning("replicas",
                 std::to_string(replicas) +
                     ", and no min-replicas-to-write: a primary that is cut off goes on granting "
                     "leases, which a failover forgets",
                 "min-replicas-to-write 1; and let the job check its token, since a failover can "
                 "always lose the last lease");
}

Finding clock_of(const RedisMeasurements& checkup) {
  if (!checkup.clock_ahead) {
    return warning("clock", "not known: the server does not let us run TIME", "ACL SETUSER: +time");
  }
  const Duration ahead = *checkup.clock_ahead;
  const Duration apart = ahead < Duration::zero() ? -ahead : ahead;
  const std::string detail = "the server's is " + in_ms(apart) +
                             (ahead < Duration::zero() ? " behind" : " ahead of") + " ours";
  if (apart <= seconds(1)) return ok("clock", detail);
  return warning("clock", detail,
                 "set both by NTP: --once, --min-hold and --sticky count by the server's clock");
}

// The lease.

Finding lease_of(const LeaseProbe& lease, bool is_young) {
  if (lease.not_kept) return failed("lease", *lease.not_kept, advice_for(*lease.not_kept));
  if (!lease.not_granted) return ok("lease", "granted, renewed and released");
  if (is_young) return ok("lease", "renewed and released; none is granted yet");
  return failed("lease", *lease.not_granted, advice_for(*lease.not_granted));
}

/// Of the renewals, which are not empty.
Duration median_of(std::vector<Duration> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}
Duration worst_of(const std::vector<Duration>& times) {
  return *std::max_element(times.begin(), times.end());
}

Finding latency_of(const std::vector<Duration>& times) {
  return ok("latency", "median " + in_ms(median_of(times)) + ", worst " + in_ms(worst_of(times)) +
                           " of " + std::to_string(times.size()) + " renewals");
}

/// Whether several attempts to renew fit into what a heartbeat leaves of the ttl.
Finding timing_of(const std::vector<Duration>& times, const Timeline& timeline) {
  const Duration worst = worst_of(times);
  const std::string detail = "ttl " + in_s(timeline.ttl) + ", heartbeat " +
                             in_s(timeline.heartbeat) + ": an attempt is given " +
                             in_s(timeline.attempt);
  // Four times the worst that was seen, and an attempt is a sixth of the ttl and 1 s at most.
  const Duration wanted = 4 * worst;
  if (wanted <= timeline.attempt) return ok("timing", detail);
  const Duration ttl = std::chrono::ceil<seconds>(6 * wanted);
  const std::string advice = wanted <= seconds(1)
                                 ? "--ttl " + in_s(ttl) + " or more"
                                 : "find out what makes the server or the network so slow: no "
                                   "attempt is ever given more than 1 s";
  if (worst <= timeline.attempt) {
    return warning("timing", detail + ", less than 4 times the worst answer", advice);
  }
  return {"timing", Result::kFailed, detail + ", less than the worst answer took", advice,
          Trouble::kMisconfigured};
}

void add_lease(std::vector<Finding>& findings, const std::optional<LeaseProbe>& lease,
               bool is_young, const Timeline& timeline) {
  if (!lease) return;
  findings.push_back(lease_of(*lease, is_young));
  if (lease->round_trips.empty()) return;
  findings.push_back(latency_of(lease->round_trips));
  findings.push_back(timing_of(lease->round_trips, timeline));
}

const char* name_of(Result result) {
  switch (result) {
    case Result::kOk:
      return "ok";
    case Result::kWarning:
      return "warning";
    case Result::kFailed:
      break;
  }
  return "failed";
}

Paint paint_of(Result result) {
  if (result == Result::kOk) return Paint::kGreen;
  return result == Result::kWarning ? Paint::kYellow : Paint::kRed;
}

}  // namespace

std::vector<Finding> diagnose(const RedisMeasurements& checkup, const RedisLocation& location,
                              const Timeline& timeline) {
  std::vector<Finding> findings = {name_of(checkup, location)};
  if (findings.back().result == Result::kFailed) return findings;
  if (!checkup.times.connect) {
    findings.push_back(
        failed("connect", *checkup.failure, advice_for_connecting(*checkup.failure)));
    return findings;
  }
  findings.push_back(ok("connect", in_ms(*checkup.times.connect)));
  findings.push_back(ok("tls", location.socket_path.empty()
                                   ? "not used: who can read the network can read the password"
                                   : "not used: nothing leaves this machine"));
  findings.push_back(login_of(checkup, location));
  if (checkup.failure) {
    if (checkup.times.login) {
      findings.push_back(failed("answers", *checkup.failure, advice_for(*checkup.failure)));
    }
    return findings;
  }
  if (!checkup.wrong_role) findings.push_back(rights_of(checkup, location));
  findings.push_back(version_of(checkup));
  findings.push_back(role_of(checkup));
  findings.push_back(uptime_of(checkup, timeline));
  findings.push_back(persistence_of(checkup));
  findings.push_back(eviction_of(checkup));
  findings.push_back(replicas_of(checkup));
  findings.push_back(clock_of(checkup));
  add_lease(findings, checkup.lease, is_young(checkup, timeline), timeline);
  return findings;
}

std::vector<Finding> diagnose(const FileMeasurements& checkup, const Timeline& timeline) {
  if (!checkup.exists) {
    return {warning("directory", "does not exist, so that nothing was checked",
                    "make it (the first run would), and ask again")};
  }
  if (checkup.failure) {
    return {failed("directory", *checkup.failure,
                   "let this user write there, or name another directory with --server")};
  }
  if (checkup.is_shared) {
    return {{"filesystem", Result::kFailed, "other machines may share it, whose clocks differ",
             "name a local directory, or a server", Trouble::kMisconfigured}};
  }
  std::vector<Finding> findings = {ok("directory", "can be written")};
  findings.push_back(ok("filesystem", "of this machine alone"));
  findings.push_back(
      checkup.no_lock ? Finding{"lock", Result::kFailed, "flock(2) fails: " + *checkup.no_lock,
                                "name a directory on another file system", Trouble::kMisconfigured}
                      : ok("lock", "flock(2) keeps others out"));
  findings.push_back(checkup.no_watch
                         ? warning("inotify",
                                   *checkup.no_watch + ": who waits does not hear of a release",
                                   "raise fs.inotify.max_user_instances and max_user_watches")
                         : ok("inotify", "who waits hears of a release"));
  add_lease(findings, checkup.lease, false, timeline);
  return findings;
}

std::string report_of(const std::vector<Finding>& findings, bool coloured) {
  std::vector<std::vector<Cell>> rows;
  for (const Finding& finding : findings) {
    const std::string advice = finding.advice.empty() ? "" : "; " + finding.advice;
    rows.push_back({{name_of(finding.result), paint_of(finding.result)},
                    {finding.check},
                    {finding.detail + advice}});
  }
  return draw_table(rows, coloured);
}

std::string report_as_json(const std::vector<Finding>& findings) {
  using Json = nlohmann::ordered_json;
  Json array = Json::array();
  for (const Finding& finding : findings) {
    array.push_back({{"check", finding.check},
                     {"result", name_of(finding.result)},
                     {"detail", finding.detail},
                     {"advice", finding.advice.empty() ? Json() : Json(finding.advice)}});
  }
  return array.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n';
}

int exit_status_of(const std::vector<Finding>& findings) {
  const auto is_failure = [](const Finding& finding) { return finding.result == Result::kFailed; };
  const auto found = std::find_if(findings.begin(), findings.end(), is_failure);
  return found == findings.end() ? kExitOk : exit_status_of(found->trouble);
}

}  // namespace cluster_leader
