#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/backoff.h"
#include "lease/timeline.h"

namespace cluster_leader {

/// The stages of a term, in order.
enum class Phase : std::uint8_t {
  kCandidate,  ///< asks for the lease, or waits to ask again
  kGranted,    ///< has the lease; the job is about to start, or to start again
  kRunning,    ///< the job runs under the lease
  kStopping,   ///< the job was told to stop; renewals continue
  kKilling,    ///< the job was killed, but not all of it has been reaped
  kReleasing,  ///< nothing of the job is alive; the lease is being given back
  kDone,
};

/// How a term ended.
enum class Outcome : std::uint8_t {
  kNone,        ///< not yet
  kFollower,    ///< somebody else has the key, or a run that ended well forbids another one
  kJoined,      ///< somebody else's run has ended, and its result is ours
  kFailed,      ///< the lease could not be acquired: trouble() says why
  kAborted,     ///< stopped from outside while there was no job, or resigned before it started
  kNotStarted,  ///< the operating system would not start the job
  kJobEnded,    ///< the job ended under the lease, by itself or by a forwarded signal
  kLost,        ///< the lease was lost or not renewed in time, so the job was stopped
  kResigned,    ///< the term was ended on request after the job had started, so it was stopped
  kAskedBack,   ///< somebody asked for the key (StopRequest), so the job was stopped
  kSuperseded,  ///< a newer run wants the key, so the job was stopped or the candidate sent away
  kFrontGone,   ///< the front has died, so the job was killed
};

/// Whether a server answers.
enum class Contact : std::uint8_t {
  kAnswered,   ///< it has answered the last request, or none has been sent
  kFaltering,  ///< the last request failed and is retried at once, as after a broken connection
  kNone,       ///< no answer in time, two failures in a row, or none expected soon
};

// What can happen. Each event is passed to Supervisor::step with the time at which it was noticed.
struct Tick {};  ///< time has passed
/// The key may have changed (Notice): a candidate that waits for a busy key, or for a young server,
/// tries at once, and a holder checks at once that it still holds the key. There is never more than
/// one request in flight, and the pause after a failed request is not shortened, so a storm of
/// hints is no faster than the server's answers. A candidate that has not begun yet ignores hints.
struct Hinted {
  Duration delay{};  ///< until it is time to try
};
struct AbortRequested {};  ///< a signal that ends us came while there is no job
/// End the term, whatever its phase: a running job gets the stop signal, is killed after
/// kill_after, and then the lease is released.
struct ResignRequested {};
struct JobStarted {};   ///< the job's first process exists
struct StartFailed {};  ///< it could not be made
struct JobExited {};    ///< its main process has ended, but some of its descendants have not
struct TreeGone {       ///< every process of the job is dead and reaped
  std::optional<RunResult> result;  ///< nothing if the command could not be executed
};
struct StopForwarded {};  ///< a signal that asks a program to end was forwarded to the job
struct FrontGone {};      ///< the front has died
using Event = std::variant<Tick, Answered, Hinted, AbortRequested, ResignRequested, JobStarted,
                           StartFailed, JobExited, TreeGone, StopForwarded, FrontGone>;

/// What the caller must do, in order.
struct Action {
  enum class Kind : std::uint8_t {
    kSend,      ///< send `request` to the store
    kCancel,    ///< Store::cancel
    kAbandon,   ///< Store::abandon, with a request in flight or its outcome unknown
    kLeave,     ///< Store::abandon, since others wait behind us
    kNewId,     ///< set a new holder id before the next request is sent (Store::set_holder)
    kStartJob,  ///< read the clock again (Tick); if still kGranted, start the job, then report
                ///< JobStarted or StartFailed
    kStopJob,   ///< send the job its stop signal, and survey the tree for the kill that may follow
    kKillJob,   ///< send SIGKILL to the whole tree, repeatedly until TreeGone
    kDone,      ///< the term is over; outcome() is final
  };
  Kind kind{};
  Request request{};
};
using Actions = std::vector<Action>;

inline constexpr Duration kForever = Duration::max();

/// What a user can configure about one term of leadership.
struct Policy {
  /// How long to campaign while the key is busy or no server answers; at least Timeline::connect.
  /// kForever: no limit.
  Duration patience{};
  /// How long to campaign once the server has answered that the key is busy, if that is shorter;
  /// 0: not at all. Both durations, and young_patience, count from the beginning of the term.
  Duration busy_patience{};
  /// Whether kill_after also applies after a signal that was only forwarded.
  bool kill_after_forwarded = false;
  /// Whether to accept the result of another holder's run in place of a lease.
  bool join = false;
  /// Whether the candidate supersedes others (Candidate::supersedes).
  bool supersedes = false;
  /// How many leases the key has (Candidate::slots). With several, nobody is its only leader.
  std::uint32_t slots = 1;
  /// Whether a job that has ended by itself is started again under the same lease, instead of
  /// releasing it: at once, or after a pause if it ran for less than a second. Pauses double from
  /// 1 s up to a ttl, at most a minute, until the job has run for that long. A command that could
  /// not be executed is not started again.
  bool restarts = false;
  /// Renewals are sent this long after whole multiples of the heartbeat, so that the leases of one
  /// process that share a beat are renewed together; each at most a heartbeat after the last one.
  /// Nothing: each a heartbeat after the last one.
  std::optional<Duration> beat{};
  /// How long to campaign on a server that is too young to grant anything, whatever `patience`
  /// says. A candidate that would have to wait for longer does not wait at all. kForever: no limit.
  Duration young_patience{};

  bool waits_while_busy() const { return busy_patience > Duration::zero(); }
};

/// The rules of one lease, from candidate to release: the same events at the same times give the
/// same actions. No I/O, no clock, no log. The promise that it keeps (src/README.md): while the job
/// is alive, we hold the key on the server. Therefore
///  - a lease counts from before the request that acquired or renewed it was sent;
///  - only the answer to the request in flight counts, and a missing answer means "unknown";
///  - a holder id that may have been released never acquires again: the release may still arrive
///    late, over an abandoned connection, and would delete the later lease;
///  - when several things are due in one turn, the kill deadline wins over what has just arrived;
///  - the lease is released only when no process of the job is alive.
class Supervisor {
 public:
  /// A candidate from `begin` on; until then it sends nothing and ignores hints. With kNever it can
  /// only be ended. `seed` randomizes the pauses after failures. REQUIRES: !timeline.fault().
  Supervisor(const Timeline& timeline, const Policy& policy, std::uint64_t seed, Time begin);

  /// A supervisor that has no lease and requests none: the job may start at once, and only the end
  /// of the job and of the front matter.
  static Supervisor without_lease(const Timeline& timeline, const Policy& policy, Time now);

  /// Handles one event. Call it at least whenever wake_at() is reached; before the first call,
  /// nothing is sent.
  Actions step(const Event& event, Time now);

  /// Continues the request numbers of `earlier`, so that a late answer to one of its requests is
  /// not mistaken for an answer to one of ours. REQUIRES: !has_asked().
  void continue_numbers_of(const Supervisor& earlier);

  /// When step() must be called next if nothing happens before; kNever if only events matter.
  Time wake_at() const;

  /// When the job will be killed if no renewal succeeds; kNever if no kill is due.
  Time kill_at() const;

  /// Until when this candidate leads if no renewal succeeds, which is when the job gets its stop
  /// signal; kNever without a lease.
  Time good_until() const;

  /// When the front must kill the job unless the keeper has moved this deadline before: the kill
  /// time of the lease; later only while the keeper is still killing, or releases after the job's
  /// end. It is `now` while a job is alive without a lease, or is killed beyond the lease's kill
  /// time, so the keeper must set it again in each turn. kNever if there is nothing to kill.
  Time front_deadline(Time now) const;

  Phase phase() const { return state_.phase; }
  Outcome outcome() const { return state_.outcome; }
  Trouble trouble() const { return state_.trouble; }
  /// Whether the request with this number is in flight. Answers to any other are out of date and
  /// ignored.
  bool awaits(std::uint64_t attempt) const {
    return state_.in_flight && state_.in_flight->attempt == attempt;
  }
  /// Whether the server is too young to grant anything, according to the last answer.
  bool is_server_young() const { return state_.young; }
  /// Whether a request has been sent.
  bool has_asked() const { return state_.last_attempt > first_attempt_; }
  /// When the request in flight was sent; nothing if there is none.
  std::optional<Time> asked_at() const {
    return state_.in_flight ? std::optional(state_.in_flight->sent_at) : std::nullopt;
  }
  Contact contact() const { return state_.contact; }
  Token token() const { return state_.token; }
  /// Which of the key's leases ours is, or was last.
  std::uint32_t slot() const { return state_.slot; }
  /// Whether the key has several leases.
  bool is_shared() const { return policy_.slots > 1; }
  /// False for one that was made by without_lease().
  bool is_leased() const { return leased_; }
  /// Whether we hold the key on the server, according to the last answer. It may have expired
  /// since: see good_until().
  bool has_lease() const { return state_.lease_sent_at.has_value(); }
  /// Whether a process of the job may be alive.
  bool job_alive() const;
  /// Whether a job has run in this term, other than one whose command could not be executed.
  bool job_has_run() const { return state_.job_ran; }
  /// Whether this candidate leads: its job runs under its lease, or is about to be started again,
  /// and has not been told to stop. Trouble with the server does not change that until the job is
  /// stopped because of it, which is before the server may give the key away.
  bool leads() const;

  /// Everything that the supervisor knows. It is public only so that a test can visit every
  /// reachable state; production code uses the queries above.
  struct State {
    struct InFlight {
      RequestKind kind{};
      std::uint64_t attempt = 0;
      Time sent_at;
      Time timeout_at;
      bool operator==(const InFlight&) const = default;
    };
    Phase phase = Phase::kCandidate;
    Outcome outcome = Outcome::kNone;
    Trouble trouble = Trouble::kUnreachable;  ///< of the last failure
    Contact contact = Contact::kAnswered;
    Token token;
    std::uint32_t slot = 0;  ///< of the lease that was granted last
    /// Of the run whose result we wait for; 0: none is known yet.
    Token awaited;
    /// Busy::era of the first answer, or of the last one if the candidate supersedes others.
    std::optional<std::int64_t> era;
    /// How the job ended, once it has ended by itself.
    std::optional<RunResult> result;
    /// How it ended otherwise, or before it was started again.
    std::optional<RunResult> stopped;
    /// When the acquire or renewal that last succeeded was sent; nothing: no lease.
    std::optional<Time> lease_sent_at;
    std::optional<InFlight> in_flight;
    std::uint64_t last_attempt = 0;
    Time next_send_at;         ///< the earliest time; unused while a request is in flight
    Time hinted_for = kNever;  ///< when to try, by a hint that came while a request was in flight
    Time give_up_at = kNever;  ///< as a candidate, and when releasing
    Time forced_kill_at = kNever;  ///< independently of the lease
    Time started_at;               ///< when the last run began
    Time start_at = kNever;        ///< when to start the job again; kNever: no start is planned
    Duration restart_pause{};      ///< the last one
    bool busy = false;             ///< the last answer was that somebody else has the key
    bool young = false;            ///< the last answer was that the server is young
    bool in_line = false;          ///< we have a place in a queue
    bool connected = false;        ///< the last request was answered
    bool acquire_unknown = false;  ///< an acquire may have been executed, but its answer was lost
    bool handing_back = false;     ///< a grant came too late to be used
    bool job_ran = false;          ///< so the lease is finished, not just released
    bool ran_before = false;       ///< the job ran under this lease before its last start
    bool stop_forwarded = false;   ///< somebody outside asked the job to end
    bool operator==(const State&) const = default;
  };
  const State& state() const { return state_; }

 private:
  void on(const Tick&, Time now, Actions& out);
  void on(const Answered& event, Time now, Actions& out);
  void on(const Hinted&, Time now, Actions& out);
  void on(const AbortRequested&, Time now, Actions& out);
  void on(const ResignRequested&, Time now, Actions& out);
  void on(const JobStarted&, Time now, Actions& out);
  void on(const StartFailed&, Time now, Actions& out);
  void on(const JobExited&, Time now, Actions& out);
  void on(const TreeGone& event, Time now, Actions& out);
  void on(const StopForwarded&, Time now, Actions& out);
  void on(const FrontGone&, Time now, Actions& out);

  void accept(const Granted& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Voted& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Busy& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Superseded& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Done& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Renewed& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Lost& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Released& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Young& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Failed& answer, const State::InFlight& request, Time now, Actions& out);

  bool makes_requests() const;
  RequestKind next_request() const;
  Time renew_at(Time sent_at) const;

  void enforce_deadlines(Time now, Actions& out);
  void make_requests(Time now, Actions& out);
  void give_up_if_due(Time now, Actions& out);
  void cancel_if_timed_out(Time now, Actions& out);
  void end_campaign(Outcome outcome, Actions& out);
  void hand_back(Time now);
  void use_new_id(Actions& out);
  void stop_job(Time now, Actions& out);
  void kill_job(Actions& out);
  void restart_job(Time now, Actions& out);
  void release(Time now, Actions& out);
  void give_up_lease(Outcome outcome, Time now, Actions& out);
  void end_term(Actions& out);
  void retry(Duration at_least, Time now);
  Time unless_hinted(Time at, Time now) const;

  Timeline timeline_;
  Policy policy_;
  Time begin_;
  bool leased_;
  Backoff backoff_;
  std::uint64_t first_attempt_ = 0;  ///< the last number of earlier terms
  State state_;
};

}  // namespace cluster_leader
