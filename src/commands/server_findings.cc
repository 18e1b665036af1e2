#include "commands/server_findings.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "commands/lease_text.h"

namespace cluster_leader {

namespace {

using std::chrono::seconds;

/// The age from which on a server grants leases of this ttl (see acquire.lua).
std::int64_t needed_age_s(const Timeline& timeline) {
  return std::chrono::ceil<seconds>(timeline.ttl).count() + 1;
}

}  // namespace

Finding unknown(const char* check, const RedisMeasurements& measured, const std::string& command,
                const std::string& right) {
  const auto& refusals = measured.refusals;
  const auto found = std::find_if(refusals.begin(), refusals.end(),
                                  [&](const Refusal& one) { return one.right == right; });
  if (found == refusals.end() || found->cause == Refusal::Cause::kScript) {
    return warning(check, "not known: " + command + " does not say it, or its value is impossible",
                   "check the server, and its clock");
  }
  if (found->cause == Refusal::Cause::kMissing) {
    return warning(check, "not known: the server has no " + command + " (renamed?)",
                   kAdviceForMissing);
  }
  return warning(check, "not known: " + command + " is refused",
                 "allow it: ACL SETUSER USER +" + right);
}

std::string version_in(const RedisMeasurements& measured) {
  const bool is_known = measured.facts && !measured.facts->version.empty();
  return is_known ? measured.facts->version : measured.version;
}

Finding uptime_of(const RedisMeasurements& measured, const Timeline& timeline) {
  if (!measured.facts) return unknown("uptime", measured);
  const std::string needed = std::to_string(needed_age_s(timeline)) + " s";
  if (!measured.facts->uptime_s) {
    return warning(
        "uptime",
        "the uptime in INFO makes no sense: a free key goes only to a candidate that has "
        "watched the server for " +
            needed,
        "set the server's clock: was it set back?");
  }
  const std::int64_t uptime = *measured.facts->uptime_s;
  const std::string age = short_duration(seconds(std::min(uptime, std::int64_t{1} << 32U)));
  if (uptime >= needed_age_s(timeline)) {
    const std::string promoted =
        ", promoted from a replica, after which no free key is granted for " + needed + " either";
    return ok("uptime", age + (measured.facts->was_replica ? promoted : ""));
  }
  return warning("uptime",
                 age + ": grants no lease for another " +
                     std::to_string(needed_age_s(timeline) - uptime) + " s",
                 "wait, or use a shorter --ttl");
}

Finding persistence_of(const RedisMeasurements& measured) {
  if (!measured.facts || !measured.facts->has_append_file) return unknown("persistence", measured);
  if (*measured.facts->has_append_file) {
    return ok("persistence",
              "append-only file" +
                  (measured.append_fsync ? ", fsync " + *measured.append_fsync : std::string()));
  }
  if (!measured.snapshots) {
    return warning("persistence",
                   "no append-only file, and CONFIG is refused, so snapshots are not known",
                   "set appendonly yes; or allow CONFIG GET: ACL SETUSER USER +config|get");
  }
  if (!measured.snapshots->empty()) {
    return ok("persistence", "snapshots; a crash loses what was written after the last one");
  }
  return warning(
      "persistence",
      "none: a restart forgets results, --once, and held and parked keys; holders set their "
      "leases again",
      "set appendonly yes, if you need them");
}

Finding eviction_of(const RedisMeasurements& measured) {
  if (!measured.facts || measured.facts->eviction.empty() || !measured.facts->max_memory) {
    return unknown("eviction", measured);
  }
  const std::string& policy = measured.facts->eviction;
  const std::int64_t limit = *measured.facts->max_memory;
  if (limit == 0) return ok("eviction", "none: maxmemory is not set");
  constexpr std::int64_t kMiB = std::int64_t{1} << 20U;
  const std::string detail = policy + " at a maxmemory of " + std::to_string(limit / kMiB) + " MiB";
  if (policy == "noeviction") return ok("eviction", detail);
  return warning("eviction", detail + " may evict leases and records, since they expire",
                 "set maxmemory-policy noeviction");
}

Finding replicas_of(const RedisMeasurements& measured, bool is_watched) {
  if (!measured.facts || !measured.facts->replicas) return unknown("replicas", measured);
  const std::int64_t replicas = *measured.facts->replicas;
  if (is_watched) {
    if (replicas > 0) return ok("replicas", std::to_string(replicas));
    return warning("replicas", "none: nothing takes over if this primary fails",
                   "connect a replica");
  }
  const auto& good = measured.facts->good_replicas;
  constexpr int kFirstToHoldBackScripts = 7;
  if (good && std::atoi(version_in(measured).c_str()) < kFirstToHoldBackScripts) {
    return warning("replicas",
                   std::to_string(replicas) +
                       ", and before Redis 7 min-replicas-to-write does not hold back scripts: an "
                       "isolated primary goes on granting leases",
                   "Redis 7 or later, or Valkey; and let the job check its token");
  }
  if (replicas == 0 && !good) return ok("replicas", "none");
  const std::string number = std::to_string(replicas);
  // A replica has what it has received, which may not be the last lease.
  const std::string risk =
      "replication is asynchronous, so a failover may lose the last leases; let the job check its "
      "token";
  if (good) {
    const std::string detail =
        number + ", of which " + std::to_string(*good) + " count for min-replicas-to-write";
    return replicas == 0 ? ok("replicas", detail) : warning("replicas", detail, risk);
  }
  return warning("replicas",
                 number +
                     ", and min-replicas-to-write is off: a primary that is cut off goes on "
                     "granting leases while another is promoted",
                 "set min-replicas-to-write 1; " + risk);
}

Finding min_replicas_of(const RedisMeasurements& measured, int min_replicas) {
  if (!measured.facts || !measured.facts->replicas) return unknown("min-replicas", measured);
  const std::int64_t replicas = *measured.facts->replicas;
  const std::string detail = "a lease counts once " + std::to_string(min_replicas) + " of " +
                             std::to_string(replicas) + " replicas have it";
  if (replicas < min_replicas) {
    return {"min-replicas", Finding::Result::kFailed, detail + ", so that nothing is granted",
            "connect more replicas, or lower --min-replicas", Trouble::kNotServing};
  }
  if (replicas == min_replicas) return ok("min-replicas", detail);
  return warning("min-replicas", detail + ": another one may be promoted without the lease",
                 "use --min-replicas " + std::to_string(replicas));
}

Finding clock_of(const RedisMeasurements& measured) {
  if (!measured.clock_ahead) return unknown("clock", measured, "TIME", "time");
  const Duration ahead = *measured.clock_ahead;
  const bool is_behind = ahead < Duration::zero();
  const Duration apart = is_behind ? -ahead : ahead;
  const std::string detail = "the server's clock is " +
                             (apart < seconds(1) ? in_ms(apart) : in_s(apart)) +
                             (is_behind ? " behind" : " ahead of") + " ours";
  // NTP keeps clocks together much better, and status shows seconds.
  if (apart <= seconds(1)) return ok("clock", detail);
  const std::string advice =
      "use NTP on both: --once, --min-hold, --sticky and the times in status are by the server's "
      "clock";
  if (!is_behind) return warning("clock", detail, advice);
  return warning("clock",
                 detail +
                     ": if it is set forward soon after a start, the server seems older than it "
                     "is, and may grant a lease too early",
                 advice);
}

Finding sentinels_of(const SentinelMeasurements& measured) {
  if (measured.failure) {
    return failed("sentinels", *measured.failure, "check the Sentinels in the URL");
  }
  const std::string detail = std::to_string(measured.answered) + " of " +
                             std::to_string(measured.members) + " answer, and a majority names " +
                             describe(*measured.primary);
  const std::string without =
      "; without a majority, every holder stops within a ttl, and nothing starts";
  if (measured.members < 3) {
    return warning("sentinels", detail + without, "use three Sentinels, or five");
  }
  if (measured.answered == measured.members) return ok("sentinels", detail);
  return warning("sentinels", detail + without,
                 "start the others; SENTINEL RESET forgets those that no longer exist");
}

Finding down_after_of(const SentinelMeasurements& measured, const Timeline& timeline) {
  if (!measured.down_after) {
    return warning("down-after", "not known: no Sentinel in the URL says it",
                   "allow SENTINEL MASTER: ACL SETUSER USER +sentinel|master");
  }
  return survival("down-after", *measured.down_after, timeline,
                  "set a shorter down-after-milliseconds");
}

Finding survival(const char* check, Duration noticed_after, const Timeline& timeline,
                 const std::string& advice) {
  // What follows until the new primary is known. The job is stopped at 0.7 of the ttl, and the last
  // renewal may be a fifth of it old.
  constexpr Duration kElection = std::chrono::milliseconds(1500);
  const Duration needed = 2 * (noticed_after + kElection);
  const std::string ttl = std::to_string(std::chrono::floor<seconds>(needed).count() + 1);
  const std::string detail =
      in_s(noticed_after) + ": a job survives a failover with a ttl of " + ttl + " s";
  if (timeline.ttl > needed) return ok(check, detail);
  return warning(check, detail + ", and the ttl is " + in_s(timeline.ttl),
                 advice + ", or use --ttl " + ttl);
}

Finding ttl_of(const Timeline& timeline) {
  const std::string needed = std::to_string(needed_age_s(timeline)) + " s";
  const std::string detail = in_s(timeline.ttl) +
                             ": the lease of a machine that dies lasts that long, and after a "
                             "restart or failover of the server no free key is granted for " +
                             needed;
  // What a run waits for without --wait.
  constexpr seconds kLongestWait = std::chrono::minutes(2);
  if (seconds(needed_age_s(timeline)) <= kLongestWait) return ok("ttl", detail);
  return warning("ttl", detail + ", longer than the 2 min that a run waits by itself",
                 "use a shorter --ttl, or run with --wait");
}

}  // namespace cluster_leader
