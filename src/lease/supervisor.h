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

/// Where a supervisor is on the way from candidate to the end.
enum class Phase : std::uint8_t {
  kCandidate,  ///< asks for the lease, or waits to ask again
  kGranted,    ///< has the lease; the job is about to start, or to start again
  kRunning,    ///< the job runs under the lease
  kStopping,   ///< the job was told to stop; the lease is renewed on
  kKilling,    ///< the job was killed, but not all of it is reaped
  kReleasing,  ///< nothing of the job is alive; the lease is being given back
  kDone,
};

/// How it ended.
enum class Outcome : std::uint8_t {
  kNone,        ///< not yet
  kFollower,    ///< somebody else has the key, or a run that ended well forbids another one
  kJoined,      ///< somebody else's run has ended, and its result is ours
  kFailed,      ///< no lease was to be had: trouble() says why
  kAborted,     ///< stopped from outside while there was no job, or resigned before it started
  kNotStarted,  ///< the operating system would not start the job
  kJobEnded,   ///< the job ended under the lease, by itself or by a signal that was passed on to it
  kLost,       ///< the lease was lost or slipped away; the job was stopped for that
  kResigned,   ///< given up from inside after the job had started; it was stopped for that
  kFrontGone,  ///< the process that callers know has died; the job was killed for that
};

/// Whether there is a server that can tell how things stand.
enum class Contact : std::uint8_t {
  kAnswered,   ///< it has answered the last request, or none has been sent
  kFaltering,  ///< it has not, and is asked again at once, as after a connection that broke
  kNone,       ///< no answer in time, none twice in a row, or none to be hoped for soon
};

// What can happen. Each is told to Supervisor::step with the time at which it was noticed.
struct Tick {};  ///< nothing but the passing of time
/// Asking again may be worth while (Notice): a candidate that waits for a busy key, or for a young
/// server, tries at once, and a holder makes sure at once that it still is one. Never more than one
/// request at a time, and no shorter pause after a request that brought no answer: a storm of hints
/// goes at the pace of the server's answers. A candidate that has not begun yet stays out.
struct Hinted {};
struct AbortAsked {};  ///< a signal that ends us, while there is no job
/// The term is to end, whatever phase it is in: a running job is stopped politely, killed after
/// kill_after, and then the lease goes back.
struct ResignAsked {};
struct JobStarted {};   ///< the job's first process exists
struct StartFailed {};  ///< it could not be made
struct JobExited {};    ///< its main process has ended, and descendants of it have not
struct TreeGone {       ///< nothing of the job is left: every process is dead and reaped
  std::optional<RunResult> result;  ///< nothing if the command could not be executed
};
struct StopForwarded {};  ///< a signal that asks a program to end was passed on to the job
struct FrontGone {};      ///< the front has died
using Event = std::variant<Tick, Answered, Hinted, AbortAsked, ResignAsked, JobStarted, StartFailed,
                           JobExited, TreeGone, StopForwarded, FrontGone>;

/// What is to be done about it, in order.
struct Action {
  enum class Kind : std::uint8_t {
    kSend,      ///< send `request` to the store
    kCancel,    ///< Store::cancel
    kAbandon,   ///< Store::abandon
    kNewId,     ///< take a new holder id before the next request is sent (Store::set_holder)
    kStartJob,  ///< look at the clock once more (Tick); if the phase is still kGranted, start the
                ///< job, then tell JobStarted or StartFailed
    kStopJob,   ///< the stop signal to the job, and survey the tree for the kill that may follow
    kKillJob,   ///< SIGKILL to the whole tree, again and again until TreeGone
    kFinish,    ///< there is no more to do; outcome() stands
  };
  Kind kind{};
  Request request{};
};
using Actions = std::vector<Action>;

inline constexpr Duration kForever = Duration::max();

/// What a user may choose about one term of leadership.
struct Policy {
  /// How long to stand as a candidate while the key is busy or no server answers; at least
  /// Timeline::connect. kForever: for ever.
  Duration patience{};
  /// The same once it is known that somebody else has the key, where that is less; 0: not at all.
  /// Both count from the beginning.
  Duration busy_patience{};
  /// Whether kill_after also counts after a signal that was only passed on.
  bool kill_after_forwarded = false;
  /// Whether the result of somebody else's run is as good as a lease.
  bool join = false;
  /// Whether a job that has ended by itself is started again under the same lease, instead of
  /// giving that back: at once, or after a pause if it had run for less than a second. Pauses
  /// double from 1 s up to a ttl, at most a minute, until the job has run for that long. A command
  /// that could not be executed is not tried again.
  bool restarts = false;
  /// Renewals come at moments that are this long after whole multiples of the heartbeat, so that
  /// many leases of one process are not all renewed at once; each comes at most a heartbeat after
  /// the last one. Nothing: each comes a heartbeat after the last one.
  std::optional<Duration> beat{};

  bool waits_while_busy() const { return busy_patience > Duration::zero(); }
};

/// The rules of one lease, from candidate to release: the same events at the same times give the
/// same actions. No I/O, no clock, no log. The promise that it keeps (src/README.md): while the job
/// lives, the server has the key for us. Therefore
///  - a lease counts from before the request that took or renewed it was sent;
///  - only an answer to the request in flight counts, and no answer is never taken for an answer;
///  - an id that may have been released never acquires again: the release may still be on its way,
///    on a connection that was given up, and would delete the later lease;
///  - when several things are due in one turn, the kill deadline goes before what has just arrived;
///  - the lease is given back only when nothing of the job is alive.
class Supervisor {
 public:
  /// A candidate from `begin` on. Where that is in the future it rests until then, whatever it is
  /// hinted; where it is kNever it can only be ended. REQUIRES: !timeline.fault(). `seed` draws the
  /// pauses after failures.
  Supervisor(const Timeline& timeline, const Policy& policy, std::uint64_t seed, Time begin);

  /// One that has no lease and asks for none: the job may start at once and nothing but its end,
  /// and the front's, matters.
  static Supervisor without_lease(const Timeline& timeline, const Policy& policy, Time now);

  /// Takes in one event. To be called at least whenever wake_at() comes; until it has been called
  /// for the first time, nothing is under way.
  Actions step(const Event& event, Time now);

  /// Numbers the requests on from those of `earlier`, so that a late answer to one of those is
  /// not taken for an answer to one of ours. REQUIRES: !has_asked().
  void number_on_from(const Supervisor& earlier);

  /// When step() must be called next, if nothing happens before; kNever if only events matter.
  Time wake_at() const;

  /// By when the job will have been killed if no renewal succeeds: kNever if there is no such time.
  Time kill_at() const;

  /// Until when this candidate leads if no renewal succeeds, which is when the job is told to stop;
  /// kNever without a lease.
  Time good_until() const;

  /// By when somebody else must kill the job if nothing more is heard of this supervisor: never
  /// later than its own kill. While something of a job may be alive without a lease, that is `now`:
  /// whoever acts on the supervisor moves it on with each turn. kNever if nothing has to be killed.
  Time front_deadline(Time now) const;

  Phase phase() const { return state_.phase; }
  Outcome outcome() const { return state_.outcome; }
  Trouble trouble() const { return state_.trouble; }
  /// Whether the answer to the request with this number is still to come. Any other answer is about
  /// a moment that has passed, and is ignored.
  bool awaits(std::uint64_t attempt) const {
    return state_.in_flight && state_.in_flight->attempt == attempt;
  }
  /// Whether a request has been sent.
  bool has_asked() const { return state_.last_attempt > first_attempt_; }
  /// When the request that awaits its answer was sent; nothing if there is none.
  std::optional<Time> asked_at() const {
    return state_.in_flight ? std::optional(state_.in_flight->sent_at) : std::nullopt;
  }
  Contact contact() const { return state_.contact; }
  Token token() const { return state_.token; }
  /// False for one that was made by without_lease().
  bool is_leased() const { return leased_; }
  /// Whether the server has the key for us, as far as the last answer said.
  bool has_lease() const { return state_.lease_sent_at.has_value(); }
  /// Whether something of the job may be alive.
  bool job_alive() const;
  /// Whether this candidate leads: its job runs under its lease, or is about to be started again,
  /// and nothing has told it to stop. Trouble with the server changes nothing about that until the
  /// job is stopped for it, which is before the server may give the key away.
  bool leads() const;

  /// All that the supervisor knows; open only so that a test can visit every state that can be
  /// reached. Whatever else reads it lacks a query above.
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
    /// Of the run whose result we wait for; 0: none that we know of.
    Token awaited;
    /// How the job ended, once it has and nobody made it end.
    std::optional<RunResult> result;
    /// When the acquire or renew that last succeeded was sent; nothing: no lease, or none asked
    /// for.
    std::optional<Time> lease_sent_at;
    std::optional<InFlight> in_flight;
    std::uint64_t last_attempt = 0;
    Time next_send_at;             ///< not before then; meaningless while one is in flight
    Time give_up_at = kNever;      ///< as a candidate, and when releasing
    Time forced_kill_at = kNever;  ///< whatever the lease says
    Time started_at;               ///< when the job that ran last was there
    Time start_at = kNever;        ///< when it is to start again; kNever: no start is to come
    Duration restart_pause{};      ///< the last one
    bool busy = false;             ///< the last answer was that somebody else has the key
    bool young = false;            ///< the last answer was that the server is young
    bool hinted = false;           ///< a hint came while a request was in flight
    bool connected = false;        ///< the last request was answered
    bool acquire_unknown = false;  ///< an acquire may have been executed without our hearing of it
    bool handing_back = false;     ///< a grant came too late to be used
    bool job_ran = false;          ///< so that the lease is settled, not just given back
    bool ran_before = false;       ///< it had run, under the same lease, before its last start
    bool stop_forwarded = false;   ///< somebody outside asked the job to end
    bool operator==(const State&) const = default;
  };
  const State& state() const { return state_; }

 private:
  void on(const Tick&, Time now, Actions& out);
  void on(const Answered& event, Time now, Actions& out);
  void on(const Hinted&, Time now, Actions& out);
  void on(const AbortAsked&, Time now, Actions& out);
  void on(const ResignAsked&, Time now, Actions& out);
  void on(const JobStarted&, Time now, Actions& out);
  void on(const StartFailed&, Time now, Actions& out);
  void on(const JobExited&, Time now, Actions& out);
  void on(const TreeGone& event, Time now, Actions& out);
  void on(const StopForwarded&, Time now, Actions& out);
  void on(const FrontGone&, Time now, Actions& out);

  void accept(const Granted& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Busy& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Done& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Renewed& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Lost& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Released& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Young& answer, const State::InFlight& request, Time now, Actions& out);
  void accept(const Failed& answer, const State::InFlight& request, Time now, Actions& out);

  bool wants_request() const;
  RequestKind next_request() const;
  Time renew_at(Time sent_at) const;

  void enforce_deadlines(Time now, Actions& out);
  void make_requests(Time now, Actions& out);
  void give_up_candidacy(Outcome outcome, Actions& out);
  void hand_back(Time now);
  void take_new_id(Actions& out);
  void stop_job(Time now, Actions& out);
  void kill_job(Actions& out);
  void restart_job(Time now, Actions& out);
  void release(Time now, Actions& out);
  void finish(Actions& out);
  void retry(Duration at_least, Time now);

  Timeline timeline_;
  Policy policy_;
  Time begin_;
  bool leased_;
  Backoff backoff_;
  std::uint64_t first_attempt_ = 0;  ///< the last one of earlier terms
  State state_;
};

}  // namespace cluster_leader
