#include "histories/plan.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

namespace cluster_leader::histories {

namespace {

/// The same numbers with every library, unlike std::uniform_int_distribution.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  int below(int bound) { return static_cast<int>(engine_() % static_cast<unsigned>(bound)); }
  int between(int low, int high) { return low + below(high - low + 1); }
  bool one_in(int n) { return below(n) == 0; }
  template <typename Choices>
  auto one_of(const Choices& choices) {
    return choices[static_cast<std::size_t>(below(static_cast<int>(choices.size())))];
  }

 private:
  std::mt19937_64 engine_;
};

/// Spreads neighbouring seeds (splitmix64).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

using Kinds = std::vector<FaultKind>;

const Kinds kOfProcess = {FaultKind::kStopFront,  FaultKind::kStopKeeper, FaultKind::kKillFront,
                          FaultKind::kKillKeeper, FaultKind::kStopJob,    FaultKind::kKillJob};
const Kinds kOfNetwork = {FaultKind::kCutRequests, FaultKind::kCutReplies, FaultKind::kCutBoth,
                          FaultKind::kHalfOpen,    FaultKind::kLoseReply,  FaultKind::kDelay};
const Kinds kOfServer = {
    FaultKind::kFreeze,       FaultKind::kFreeze,       FaultKind::kRestartEmpty,
    FaultKind::kRestartSaved, FaultKind::kFlushAll,     FaultKind::kDeleteLock,
    FaultKind::kDeleteLock,   FaultKind::kDeleteBoth,   FaultKind::kDeleteRecord,
    FaultKind::kEvict,        FaultKind::kOutOfMemory,  FaultKind::kFlushScripts,
    FaultKind::kKillClients,  FaultKind::kClockForward, FaultKind::kClockBack};
const Kinds kOfGroup = {FaultKind::kFailOver, FaultKind::kFailOver, FaultKind::kKillPrimary,
                        FaultKind::kFreeze};

bool is_group(Topology topology) {
  return topology == Topology::kSentinel || topology == Topology::kCluster;
}

FaultKind draw_kind(Dice& dice, Topology topology) {
  const int of = dice.below(10);
  if (topology == Topology::kFile || of < 3) {
    // What the manual excuses is rare.
    if (dice.one_in(25)) return dice.one_in(2) ? FaultKind::kStopBoth : FaultKind::kKillBoth;
    return dice.one_of(kOfProcess);
  }
  if (is_group(topology)) {
    if (topology == Topology::kCluster && of < 6) return FaultKind::kReshard;
    return dice.one_of(kOfGroup);
  }
  return of < 6 ? dice.one_of(kOfNetwork) : dice.one_of(kOfServer);
}

/// How long a fault takes: rather short, and now and then longer than a lease.
int draw_length(Dice& dice, FaultKind kind, int ttl_ms) {
  switch (kind) {
    case FaultKind::kFreeze:
    case FaultKind::kCutRequests:
    case FaultKind::kCutReplies:
    case FaultKind::kCutBoth:
    case FaultKind::kStopFront:
    case FaultKind::kStopKeeper:
    case FaultKind::kStopJob:
    case FaultKind::kStopBoth:
      return dice.one_in(3) ? dice.between(ttl_ms, ttl_ms * 2) : dice.between(20, ttl_ms / 2);
    case FaultKind::kRestartEmpty:
    case FaultKind::kRestartSaved:
      return dice.between(0, 300);
    case FaultKind::kKillPrimary:
      return dice.between(1500, 3000);
    case FaultKind::kOutOfMemory:
    case FaultKind::kDelay:
    case FaultKind::kReshard:
      return dice.between(100, ttl_ms);
    default:
      return 0;
  }
}

int draw_amount(Dice& dice, FaultKind kind, int ttl_ms) {
  if (kind == FaultKind::kDelay) return dice.between(5, 150);
  return dice.one_in(3) ? dice.between(ttl_ms, 4 * ttl_ms) : dice.between(10, ttl_ms);
}

void draw_candidates(Dice& dice, Plan& plan) {
  // One that always waits, so that somebody always wants the key.
  std::vector<Kind> kinds = {Kind::kWait, Kind::kRun};
  const bool has_slots = plan.topology != Topology::kQuorum && dice.one_in(5);
  if (has_slots) {
    plan.slots = dice.between(2, 3);
    kinds = {Kind::kSlots, Kind::kSlots, Kind::kSlots, Kind::kSlots};
    if (dice.one_in(2)) kinds.push_back(Kind::kWait);  // which uses slot 0
  } else {
    std::vector<Kind> others = {Kind::kRun, Kind::kWait, Kind::kElect, Kind::kElect};
    // A quorum refuses the others.
    if (plan.topology != Topology::kQuorum) {
      others.insert(others.end(), {Kind::kSticky, Kind::kMinHold, Kind::kSupersede});
      // It forbids the others, so that less happens.
      if (dice.one_in(3)) others.push_back(Kind::kOnceJoin);
    }
    for (int more = dice.between(2, 4); more > 0; --more) kinds.push_back(dice.one_of(others));
  }
  for (const Kind kind : kinds) {
    plan.candidates.push_back(
        {kind, dice.between(10, 100), dice.between(plan.ttl_ms / 2, plan.ttl_ms * 2)});
  }
}

}  // namespace

bool is_of_process(FaultKind kind) {
  return (kind >= FaultKind::kStopFront && kind <= FaultKind::kKillBoth);
}

bool is_of_network(FaultKind kind) {
  return std::find(kOfNetwork.begin(), kOfNetwork.end(), kind) != kOfNetwork.end();
}

JobPlan Plan::job(int candidate, int start) const {
  Dice dice(mixed(seed ^ mixed(static_cast<std::uint64_t>(candidate) << 32 |
                               static_cast<std::uint32_t>(start))));
  const int longest = candidates[static_cast<std::size_t>(candidate)].longest_ms;
  JobPlan job;
  job.length_ms = dice.one_in(3) ? dice.between(5, longest) : dice.between(5, longest / 4);
  job.status = dice.one_in(6) ? 3 : 0;
  job.tree = dice.below(16);
  return job;
}

Plan plan_of(Topology topology, std::uint64_t seed) {
  Dice dice(mixed(seed * 8 + static_cast<std::uint64_t>(topology)));
  Plan plan;
  plan.topology = topology;
  plan.seed = seed;
  plan.is_valkey = dice.one_in(2);
  plan.has_aof = dice.one_in(3);
  plan.ttl_ms = dice.one_in(3) ? 2000 : 1000;
  plan.faults_end_ms = is_group(topology) ? 7000 : 3000 + plan.ttl_ms;
  plan.hold_ms = dice.between(200, 900);
  plan.once_ms = dice.between(200, 900);
  draw_candidates(dice, plan);
  const int servers = topology == Topology::kQuorum ? 3 : 1;
  // From one fault now and then to one on top of the other.
  const int longest_pause = dice.one_of(std::array{150, 300, 600, 1200});
  for (int at = dice.between(200, 500); at < plan.faults_end_ms;
       at += dice.between(10, longest_pause)) {
    Fault fault;
    fault.kind = draw_kind(dice, topology);
    fault.at_ms = at;
    fault.length_ms = draw_length(dice, fault.kind, plan.ttl_ms);
    // Sometimes so long that another server is promoted.
    if (is_group(topology) && fault.kind == FaultKind::kFreeze && dice.one_in(2)) {
      fault.length_ms = dice.between(1500, 3500);
    }
    // Followers have no keeper and no job, and their network matters less.
    const bool is_at_leader = is_of_process(fault.kind) ? !dice.one_in(4) : dice.one_in(2);
    fault.candidate = is_at_leader ? kLeader : dice.below(static_cast<int>(plan.candidates.size()));
    fault.server = dice.below(servers);
    fault.amount_ms = draw_amount(dice, fault.kind, plan.ttl_ms);
    if (fault.kind == FaultKind::kRestartSaved && !plan.has_aof) {
      Fault snapshot = fault;
      snapshot.kind = FaultKind::kSnapshot;
      snapshot.length_ms = 0;
      plan.faults.push_back(snapshot);
      fault.at_ms += dice.between(10, plan.ttl_ms);
    }
    plan.faults.push_back(fault);
  }
  return plan;
}

Plan without(Plan plan, const std::vector<int>& faults) {
  std::vector<Fault> kept;
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    if (std::find(faults.begin(), faults.end(), static_cast<int>(i)) == faults.end()) {
      kept.push_back(plan.faults[i]);
    }
  }
  plan.faults = kept;
  return plan;
}

std::string text_of(const Plan& plan) {
  std::string text = std::string(name_of(plan.topology)) + " seed " + std::to_string(plan.seed) +
                     ", " + (plan.is_valkey ? "valkey" : "redis") +
                     (plan.has_aof ? " with AOF" : "") + ", ttl " + std::to_string(plan.ttl_ms) +
                     " ms; candidates:";
  for (std::size_t i = 0; i < plan.candidates.size(); ++i) {
    text += ' ' + std::to_string(i) + ' ' + name_of(plan.candidates[i].kind);
  }
  text += '\n';
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    const Fault& fault = plan.faults[i];
    text += "  fault " + std::to_string(i) + ": " + name_of(fault.kind) + " at " +
            std::to_string(fault.at_ms) + " ms";
    if (fault.length_ms > 0) text += " for " + std::to_string(fault.length_ms) + " ms";
    if (is_of_process(fault.kind) || is_of_network(fault.kind)) {
      text += fault.candidate == kLeader ? ", the leader"
                                         : ", candidate " + std::to_string(fault.candidate);
    } else {
      text += ", server " + std::to_string(fault.server);
    }
    if (fault.kind == FaultKind::kDelay || fault.kind == FaultKind::kClockForward ||
        fault.kind == FaultKind::kClockBack) {
      text += ", by " + std::to_string(fault.amount_ms) + " ms";
    }
    text += '\n';
  }
  return text;
}

const char* name_of(Topology topology) {
  switch (topology) {
    case Topology::kPlain:
      return "plain";
    case Topology::kTls:
      return "tls";
    case Topology::kFile:
      return "file";
    case Topology::kQuorum:
      return "quorum";
    case Topology::kSentinel:
      return "sentinel";
    case Topology::kCluster:
      return "cluster";
  }
  return "";
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kRun:
      return "run";
    case Kind::kWait:
      return "wait";
    case Kind::kElect:
      return "elect";
    case Kind::kSticky:
      return "sticky";
    case Kind::kMinHold:
      return "min-hold";
    case Kind::kOnceJoin:
      return "once-join";
    case Kind::kSlots:
      return "slots";
    case Kind::kSupersede:
      return "supersede";
  }
  return "";
}

const char* name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::kFreeze:
      return "server-frozen";
    case FaultKind::kRestartEmpty:
      return "server-restarted-empty";
    case FaultKind::kRestartSaved:
      return "server-restarted-saved";
    case FaultKind::kSnapshot:
      return "snapshot";
    case FaultKind::kFlushAll:
      return "flushall";
    case FaultKind::kDeleteLock:
      return "lock-deleted";
    case FaultKind::kDeleteRecord:
      return "record-deleted";
    case FaultKind::kDeleteBoth:
      return "lock-and-record-deleted";
    case FaultKind::kEvict:
      return "evicted";
    case FaultKind::kOutOfMemory:
      return "out-of-memory";
    case FaultKind::kFlushScripts:
      return "scripts-flushed";
    case FaultKind::kKillClients:
      return "clients-killed";
    case FaultKind::kClockForward:
      return "clock-forward";
    case FaultKind::kClockBack:
      return "clock-back";
    case FaultKind::kCutRequests:
      return "requests-cut";
    case FaultKind::kCutReplies:
      return "replies-cut";
    case FaultKind::kCutBoth:
      return "partition";
    case FaultKind::kHalfOpen:
      return "half-open";
    case FaultKind::kLoseReply:
      return "reply-lost";
    case FaultKind::kDelay:
      return "delay";
    case FaultKind::kStopFront:
      return "front-stopped";
    case FaultKind::kStopKeeper:
      return "keeper-stopped";
    case FaultKind::kKillFront:
      return "front-killed";
    case FaultKind::kKillKeeper:
      return "keeper-killed";
    case FaultKind::kStopJob:
      return "job-stopped";
    case FaultKind::kKillJob:
      return "job-killed";
    case FaultKind::kStopBoth:
      return "machine-frozen";
    case FaultKind::kKillBoth:
      return "both-killed";
    case FaultKind::kFailOver:
      return "failover";
    case FaultKind::kKillPrimary:
      return "primary-killed";
    case FaultKind::kReshard:
      return "resharding";
  }
  return "";
}

}  // namespace cluster_leader::histories
