#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cluster_leader::histories {

/// Where the leases of a history live.
enum class Topology { kPlain, kTls, kFile, kQuorum, kSentinel, kCluster };

/// How a candidate asks for the key, again and again.
enum class Kind {
  kRun,        ///< `run`, as by a timer
  kWait,       ///< `run --wait`
  kElect,      ///< `elect -- job`
  kSticky,     ///< `run --sticky`
  kMinHold,    ///< `run --min-hold`
  kOnceJoin,   ///< `run --once --join`
  kSlots,      ///< `run --slots --wait`
  kSupersede,  ///< `run --supersede`
};

enum class FaultKind {
  // Of a server.
  kFreeze,
  kRestartEmpty,
  kRestartSaved,  ///< with what it has on its disk: an AOF, or the last snapshot
  kSnapshot,      ///< writes one
  kFlushAll,
  kDeleteLock,
  kDeleteRecord,
  kDeleteBoth,
  kEvict,
  kOutOfMemory,
  kFlushScripts,
  kKillClients,
  kClockForward,
  kClockBack,
  // Of the network between a candidate and the servers.
  kCutRequests,  ///< what is sent arrives when the cut ends, also if its sender has given up
  kCutReplies,
  kCutBoth,
  kHalfOpen,   ///< connections are forgotten, and neither end is told
  kLoseReply,  ///< of a request that was executed; then the connection ends
  kDelay,
  // Of a candidate's processes.
  kStopFront,
  kStopKeeper,
  kKillFront,
  kKillKeeper,
  kStopJob,
  kKillJob,
  kStopBoth,  ///< front and keeper, as on a machine that is frozen
  kKillBoth,
  // Of several servers.
  kFailOver,     ///< that is asked for
  kKillPrimary,  ///< and it comes back as a replica
  kReshard,      ///< the slot of the key moves to another primary, and the keys with it
};

const char* name_of(Topology topology);
const char* name_of(Kind kind);
const char* name_of(FaultKind kind);

/// Whether it is a fault of a candidate's processes.
bool is_of_process(FaultKind kind);
/// Whether it is a fault of the network of one candidate.
bool is_of_network(FaultKind kind);

struct CandidatePlan {
  Kind kind = Kind::kRun;
  int pause_ms = 50;   ///< before it asks again
  int longest_ms = 0;  ///< the longest of its jobs
};

/// In place of a candidate's number.
inline constexpr int kLeader = -1;

struct Fault {
  FaultKind kind = FaultKind::kFreeze;
  int at_ms = 0;      ///< since the beginning of the history
  int length_ms = 0;  ///< 0: it is over at once
  int candidate = 0;  ///< of the network and of processes; kLeader: one that has a job then
  int server = 0;     ///< which of several
  int amount_ms = 0;  ///< of the clock, and of a delay
};

/// A job of a candidate.
struct JobPlan {
  int length_ms = 0;
  int status = 0;
  int tree = 0;  ///< see history_job.cc
};

/// A history before it happens: a pure function of topology and seed.
struct Plan {
  Topology topology = Topology::kPlain;
  std::uint64_t seed = 0;
  bool is_valkey = false;
  bool has_aof = false;
  int ttl_ms = 1000;
  int faults_end_ms = 0;  ///< then all faults are lifted
  int hold_ms = 0;        ///< of --min-hold
  int once_ms = 0;        ///< of --once
  int slots = 1;
  std::vector<CandidatePlan> candidates;
  std::vector<Fault> faults;

  /// The job of a candidate's start number `start`.
  JobPlan job(int candidate, int start) const;
};

Plan plan_of(Topology topology, std::uint64_t seed);

/// The plan without the faults with these numbers. Everything else stays as it is.
Plan without(Plan plan, const std::vector<int>& faults);

/// For people: a line for what is there, then one for each fault, with its number.
std::string text_of(const Plan& plan);

}  // namespace cluster_leader::histories
