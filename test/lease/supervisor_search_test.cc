// Visits every state that supervisor, server, network, job and rival can reach together, and checks
// each against the promise: while the job is alive, we hold the key on the server, and nobody else
// runs a job. What an elector reports about itself is checked against the same.
//
// Time advances in ticks of one second, within which events can occur in any order. The network
// delays and loses messages; after a reconnect it also reorders them, since a request on an
// abandoned connection may be executed at any later time, even after newer ones. The supervisor is
// stepped at each tick: if its process gets no processor time at all, the front takes over
// (process/front.h). The server is support/model_server.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "lease/election.h"
#include "lease/supervisor.h"
#include "support/model_server.h"

namespace cluster_leader {
namespace {

constexpr Duration kTick = std::chrono::seconds(1);
constexpr int kTtl = ModelServer::kTtl;
constexpr int kMargin = 2;
constexpr int kMaxOldRequests = 2;

Timeline search_timeline() {
  Timeline t;
  t.ttl = kTtl * kTick;
  t.heartbeat = kTick;
  t.kill_after = kTick;
  t.margin = kMargin * kTick;
  t.attempt = kTick;
  t.connect = 2 * kTick;
  // The shortest pause there is: the next tick, without any jitter that would multiply the states.
  t.retry_min = t.retry_max = Duration(1);
  return t;
}

using Node = ModelServer::Node;
using Verdict = ModelServer::Verdict;

enum class JobState : char { kNone, kStarting, kAlive, kDying, kDead };

/// A request on its way to the server, or its answer on its way back.
struct Message {
  ModelServer::Request request;
  std::uint64_t attempt = 0;
  bool answered = false;
  ModelServer::Reply reply{};
  bool asks_back = false;  ///< the answer says that somebody wants the key
};

/// Which misfortunes a search includes; all of them at once would only multiply the states.
struct Misfortunes {
  int connections_lost = 1;
  int evictions = 0;
  int restarts = 0;    ///< of the server
  int promotions = 0;  ///< of a replica, which has what the server had at some moment
  int losses = 0;      ///< of all data, which candidates that have watched the key can notice
  int runs = 3;        ///< of a job that is started again, until it can no longer be executed
  bool signals = false;
  bool resignation = false;
  int askings = 0;     ///< somebody asks the holder for the key
  bool hints = false;  ///< to a holder; a candidate gets them anyway
  bool hold = false;   ///< not a misfortune: the key is held after the job
  /// What the server has after a restart: nothing, or a snapshot in which the key was parked, taken
  /// before the search begins.
  Node snapshot_parked_for = Node::kNone;
};

class World {
 public:
  World(const Policy& policy, const Misfortunes& misfortunes)
      : supervisor_(search_timeline(), policy, 1, Time{}),
        left_(misfortunes),
        watches_(misfortunes.losses > 0),
        restarts_(policy.restarts) {
    if (left_.snapshot_parked_for != Node::kNone) {
      snapshot_ = ModelServer::parked_for(left_.snapshot_parked_for);
    }
    if (left_.losses > 0) server_ = ModelServer::used();
    feed(Tick{});
  }

  /// Everything that can happen next: the name of each step and the world that it leads to.
  std::vector<std::pair<std::string, World>> successors() const {
    std::vector<std::pair<std::string, World>> all;
    const auto add = [&](const std::string& name, auto&& change) {
      World next = *this;
      change(next);
      all.emplace_back(name, std::move(next));
    };
    if (done()) return all;
    if (may_tick()) add("tick", [](World& w) { w.tick(); });
    add_network(add);
    add_server(add);
    add_job(add);
    if (left_.signals) add_signals(add);
    add_wishes(add);
    return all;
  }

  /// What is wrong with this state, or nothing.
  std::string fault() const {
    if (alive() && rival_runs_for_ > 0) return "the job is alive and the rival runs";
    if (alive() && !server_failed_ && server_.lock() != id_)
      return "the job is alive without the key";
    if (!done() && !alive() && supervisor_.wake_at() == kNever) return "no wake-up is due";
    if (done() && alive()) return "done while the job is alive";
    if (finished_ && alive()) return "finished while the job is alive";
    if (freed_early_) return "a key that must be held was freed";
    if (supervisor_.leads() && rival_runs_for_ > 0)
      return "reports that it leads while the rival runs";
    if (asked_ > 1) return "two requests are in flight";
    if (started_after_resignation_) return "started a job after a resignation";
    return "";
  }

  /// The state as a value: times relative to now, request numbers relative to the last one, ids and
  /// tokens as ranks, since only their order matters.
  std::string encode() const {
    const Supervisor::State& s = supervisor_.state();
    std::string key;
    Ranks ids;
    Ranks tokens;
    visit_numbers([&](int id) { ids.add(id); }, [&](int token) { tokens.add(token); }, key);
    ids.sort();
    tokens.sort();
    key.clear();
    visit_numbers([&](int id) { key.push_back(ids.of(id)); },
                  [&](int token) { key.push_back(tokens.of(token)); }, key);
    const auto put = [&](auto value) {
      key.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    const auto put_time = [&](Time t) {
      put(t == kNever ? INT64_MAX
                      : std::max<std::int64_t>((t - now_).count(), -2 * kTtl * kTick.count()));
    };
    put(static_cast<char>(s.phase));
    put(static_cast<char>(s.outcome));
    put(s.lease_sent_at.has_value());
    if (s.lease_sent_at) put_time(*s.lease_sent_at);
    put(s.in_flight.has_value());
    if (s.in_flight) {
      put(static_cast<char>(s.in_flight->kind));
      put_time(s.in_flight->sent_at);
      put_time(s.in_flight->timeout_at);
    }
    put_time(std::max(s.next_send_at, now_));
    put_time(s.hinted_for == kNever ? kNever : std::max(s.hinted_for, now_));
    // Once the job has run, patience no longer matters.
    const bool has_patience = s.phase == Phase::kCandidate || s.phase == Phase::kReleasing ||
                              (s.phase == Phase::kGranted && !s.job_ran);
    put_time(has_patience ? s.give_up_at : kNever);
    put_time(s.forced_kill_at);
    put(static_cast<char>(s.busy | s.in_line << 1 | s.connected << 2 | s.acquire_unknown << 3 |
                          s.handing_back << 4 | server_failed_ << 5 | s.job_ran << 6));
    put(static_cast<char>(s.stop_forwarded | freed_early_ << 1 | resigned_ << 2 |
                          started_after_resignation_ << 3 | s.ran_before << 4));
    put(static_cast<char>(s.contact));
    if (restarts_) {
      put(left_.runs);
      put_time(s.phase == Phase::kGranted ? s.start_at : kNever);
      // How long the job has run matters only for the pause before its next run.
      const bool counts = alive() && left_.runs > 1;
      const Duration longest = s.restart_pause > Duration::zero() ? kTtl * kTick : kTick;
      put(counts ? std::min(now_ - s.started_at, longest).count() : 0);
      put(left_.runs > 1 ? s.restart_pause.count() : 0);
    }
    put(s.young);
    for (const auto* messages : {&current_, &old_}) {
      put(static_cast<char>(messages->size()));
      for (const Message& m : *messages) {
        put(static_cast<char>(m.request.kind));
        put(static_cast<char>(m.answered | m.request.barred << 1 | m.asks_back << 2));
        put(m.reply.verdict);
        put(static_cast<char>(s.in_flight && m.attempt == s.in_flight->attempt));
      }
    }
    for (int n : {asked_, rival_runs_for_, int{finished_}, dying_for_, left_.connections_lost,
                  left_.evictions, left_.restarts, left_.promotions, int{replicates_}, left_.losses,
                  left_.askings, barred_for_, rival_barred_for_}) {
      put(static_cast<char>(n));
    }
    put(job_);
    return key;
  }

  bool done() const { return supervisor_.phase() == Phase::kDone; }
  Outcome outcome() const { return supervisor_.outcome(); }

 private:
  /// Numbers of which only the order matters. Values up to 0 are marks, which are kept.
  class Ranks {
   public:
    void add(int number) {
      if (number <= 0 || find(number) < size_) return;
      assert(size_ < numbers_.size());
      numbers_[size_++] = number;
    }
    void sort() { std::sort(numbers_.begin(), numbers_.begin() + size_); }
    char of(int number) const {
      return static_cast<char>(number <= 0 ? number : static_cast<int>(find(number)) + 1);
    }

   private:
    std::size_t find(int number) const {
      std::size_t i = 0;
      while (i < size_ && numbers_[i] != number) ++i;
      return i;
    }

    // An allocation per state would take longer than everything else.
    std::array<int, 64> numbers_{};
    std::size_t size_ = 0;
  };

  template <typename OnId, typename OnToken>
  void visit_numbers(const OnId& id, const OnToken& token, std::string& rest) const {
    server_.encode(rest, id, token);
    // A snapshot that will not be restored makes no difference.
    if (left_.restarts > 0) snapshot_.encode(rest, id, token);
    if (left_.promotions > 0 && !replicates_) replica_.encode(rest, id, token);
    token(seen_);
    token(rival_seen_);
    id(id_);
    if (left_.askings == 0) id(asked_back_);
    id(rival_runs_for_ > 0 ? rival_id_ : 0);
    token(static_cast<int>(supervisor_.token().value));
    for (const auto* messages : {&current_, &old_}) {
      for (const Message& m : *messages) {
        id(m.request.id);
        token(m.request.token);
        token(m.request.seen);
        token(m.reply.token);
      }
    }
  }

  bool alive() const { return job_ == JobState::kAlive || job_ == JobState::kDying; }

  void feed(const Event& event) {
    if (std::holds_alternative<Answered>(event)) asked_ = 0;
    for (const Action& action : supervisor_.step(event, now_)) {
      switch (action.kind) {
        case Action::Kind::kSend:
          ++asked_;
          write(action.request.kind, action.request.attempt, action.request.token);
          break;
        case Action::Kind::kCancel:
          asked_ = 0;
          reconnect();
          break;
        case Action::Kind::kLeave:    // a release of an id that holds nothing
        case Action::Kind::kAbandon:  // written behind what was sent on the same connection
          write(RequestKind::kRelease, 0, {});
          break;
        case Action::Kind::kNewId:
          id_ = ++last_number_;
          break;
        case Action::Kind::kStartJob:
          job_ = JobState::kStarting;
          started_after_resignation_ = resigned_;
          break;
        case Action::Kind::kStopJob:
          break;
        case Action::Kind::kKillJob:
          if (job_ == JobState::kAlive) {
            job_ = JobState::kDying;
            dying_for_ = 0;
          }
          break;
        case Action::Kind::kDone:
          asked_ = 0;
          break;
      }
    }
  }

  void write(RequestKind kind, std::uint64_t attempt, Token token) {
    ModelServer::Request request{kind, id_, static_cast<int>(token.value), Node::kUs, left_.hold};
    if (watches_ && kind == RequestKind::kAcquire) {
      request.seen = left_.losses > 0 ? server_.fence() : seen_;
      request.barred = barred_for_ > 0;
    }
    current_.push_back({request, attempt, false, {}, false});
  }

  void reconnect() {
    for (const Message& m : current_) {
      if (!m.answered && old_.size() < kMaxOldRequests) old_.push_back(m);
    }
    current_.clear();
  }

  /// A killed job is dead within the margin: that is what the margin is for.
  bool may_tick() const { return job_ != JobState::kDying || dying_for_ + 1 < kMargin; }

  void tick() {
    pass_tick();
    feed(Tick{});
  }

  void pass_tick() {
    now_ += kTick;
    if (job_ == JobState::kDying) ++dying_for_;
    for (int* left : {&rival_runs_for_, &barred_for_, &rival_barred_for_}) {
      if (*left > 0) --*left;
    }
    server_.tick();
    snapshot_.tick();
    replica_.tick();
  }

  template <typename Add>
  void add_network(const Add& add) const {
    if (!current_.empty()) {
      if (!current_.front().answered) {
        add("execute", [](World& w) { w.execute(w.current_.front()); });
      } else {
        add("answer", [](World& w) {
          const Message m = w.current_.front();
          w.current_.pop_front();
          w.notice_loss(m);
          w.feed(Answered{m.attempt, w.to_answer(m)});
        });
      }
      if (left_.connections_lost > 0) {
        add("connection lost", [](World& w) {
          --w.left_.connections_lost;
          w.lose_connection();
        });
      }
    }
    for (std::size_t i = 0; i < old_.size(); ++i) {
      add("execute late", [i](World& w) {
        w.execute(w.old_[i]);
        w.old_.erase(w.old_.begin() + static_cast<std::ptrdiff_t>(i));
      });
      add("lose late",
          [i](World& w) { w.old_.erase(w.old_.begin() + static_cast<std::ptrdiff_t>(i)); });
    }
  }

  template <typename Add>
  void add_server(const Add& add) const {
    // The rival has one run at a time, each under a new id.
    if (rival_runs_for_ == 0) {
      ModelServer asked = server_;
      const auto reply = asked.execute(rival_asks(), last_number_ + 1);
      if (reply.verdict == Verdict::kGranted) {
        add("rival acquires", [](World& w) {
          w.rival_id_ = w.last_number_ + 1;
          w.server_.execute(w.rival_asks(), w.last_number_ + 1);
          ++w.last_number_;
          w.rival_runs_for_ = kTtl;
        });
      } else if (reply.verdict == Verdict::kSuspect && rival_barred_for_ == 0) {
        add("rival notices the loss", [](World& w) {
          w.rival_barred_for_ = kTtl;
          w.rival_seen_ = 0;
        });
      } else if (server_.is_newly_promoted() && !asked.is_newly_promoted()) {
        add("rival notices the promotion",
            [](World& w) { w.server_.execute(w.rival_asks(), w.last_number_ + 1); });
      }
    } else {
      add("rival releases", [](World& w) {
        w.rival_runs_for_ = 0;
        w.server_.execute({.kind = RequestKind::kRelease, .id = w.rival_id_}, 0);
        w.feed(Hinted{});
      });
    }
    if (server_.lock() > 0 && left_.evictions > 0) {
      add("evict", [](World& w) {
        --w.left_.evictions;
        w.server_failed_ = true;
        w.server_.evict();
      });
    }
    if (left_.promotions > 0 && replicates_) {
      add("the replica stays behind", [](World& w) {
        w.replicates_ = false;
        w.replica_ = w.server_;
      });
    } else if (left_.promotions > 0) {
      add("promote", [](World& w) {
        --w.left_.promotions;
        w.server_failed_ = true;
        w.server_.promote(w.replica_);
        w.old_.clear();
        w.lose_connection();
        w.old_.clear();
      });
    }
    if (left_.losses > 0) {
      add("lose data", [](World& w) {
        --w.left_.losses;
        w.server_failed_ = true;
        w.seen_ = w.rival_seen_ = w.server_.fence();
        w.server_.lose_data();
        // A late renewal would restore a fence that we have seen, but not the lease after it.
        w.old_.clear();
      });
    }
    if (left_.restarts > 0) {
      add("restart", [](World& w) {
        --w.left_.restarts;
        w.server_failed_ = true;
        w.server_.restart_from(w.snapshot_);
        w.old_.clear();
        w.lose_connection();
        w.old_.clear();
      });
    }
  }

  ModelServer::Request rival_asks() const {
    return {.kind = RequestKind::kAcquire,
            .id = last_number_ + 1,
            .node = Node::kRival,
            .seen = rival_seen_,
            .barred = rival_barred_for_ > 0};
  }

  template <typename Add>
  void add_job(const Add& add) const {
    if (job_ == JobState::kStarting) {
      add("start", [](World& w) {
        // The session sends a Tick right before it starts the job.
        w.feed(Tick{});
        if (w.supervisor_.phase() != Phase::kGranted) {
          w.job_ = JobState::kDead;
          return;
        }
        w.job_ = JobState::kAlive;
        w.feed(JobStarted{});
      });
      add("start slowly", [](World& w) {
        w.feed(Tick{});
        if (w.supervisor_.phase() != Phase::kGranted) {
          w.job_ = JobState::kDead;
          return;
        }
        // The first process exists for a tick before the supervisor learns of it.
        w.job_ = JobState::kAlive;
        w.pass_tick();
        w.feed(JobStarted{});
      });
      add("start fails", [](World& w) {
        w.job_ = JobState::kDead;
        if (w.supervisor_.phase() == Phase::kGranted) w.feed(StartFailed{});
      });
    }
    if (job_ == JobState::kAlive && supervisor_.phase() == Phase::kRunning) {
      add("main exits", [](World& w) { w.feed(JobExited{}); });
    }
    if (alive()) {
      add("tree gone", [](World& w) {
        w.job_ = JobState::kDead;
        // A command that cannot be executed is not started again.
        const bool executable = !w.restarts_ || --w.left_.runs > 0;
        w.feed(TreeGone{executable ? std::optional(RunResult{}) : std::nullopt});
      });
    }
  }

  template <typename Add>
  void add_signals(const Add& add) const {
    add("abort", [](World& w) { w.feed(AbortRequested{}); });
    add("stop forwarded", [](World& w) { w.feed(StopForwarded{}); });
    if (job_ != JobState::kNone) add("front gone", [](World& w) { w.feed(FrontGone{}); });
  }

  template <typename Add>
  void add_wishes(const Add& add) const {
    if (left_.resignation) {
      add("resign", [](World& w) {
        w.resigned_ = true;
        w.feed(ResignRequested{});
      });
    }
    if (left_.askings > 0 && server_.lock() > 0) {
      add("ask back", [](World& w) {
        --w.left_.askings;
        w.asked_back_ = w.server_.lock();
      });
    }
    if (left_.hints && supervisor_.state().lease_sent_at) {
      add("hint", [](World& w) { w.feed(Hinted{}); });
    }
  }

  void lose_connection() {
    const bool pending = supervisor_.state().in_flight.has_value();
    const std::uint64_t attempt = pending ? supervisor_.state().in_flight->attempt : 0;
    reconnect();
    if (pending) feed(Answered{attempt, Failed{Trouble::kUnreachable, "", true, {}}});
  }

  void execute(Message& m) {
    m.answered = true;
    const bool frees = m.request.kind == RequestKind::kRelease && server_.lock() == m.request.id;
    // Once it is finished, nothing is left to free under our own id.
    if (frees) freed_early_ = left_.hold && supervisor_.state().job_ran;
    if (m.request.kind == RequestKind::kFinish) finished_ = true;
    m.reply = server_.execute(m.request, last_number_ + 1);
    m.asks_back = m.reply.verdict == Verdict::kRenewed && m.request.id == asked_back_;
    if (m.reply.verdict == Verdict::kGranted) last_number_ = std::max(last_number_, m.reply.token);
  }

  /// As the store does with each answer that shows the fence.
  void notice_loss(const Message& answer) {
    const bool shows_fence =
        answer.request.kind == RequestKind::kAcquire && answer.reply.verdict != Verdict::kGranted;
    if (!watches_ || left_.losses > 0 || !shows_fence) return;
    if (answer.reply.token < seen_) barred_for_ = kTtl;
    seen_ = answer.reply.token;
  }

  Answer to_answer(const Message& m) const {
    switch (m.reply.verdict) {
      case Verdict::kGranted:
        return Granted{Token{m.reply.token}};
      case Verdict::kBusy:
        return Busy{{}, kTick, {}};
      case Verdict::kYoung:
        return Young{{}, kTick};
      case Verdict::kSuspect:
        return Young{{}, std::max(barred_for_, 1) * kTick};
      case Verdict::kRenewed:
        return m.asks_back ? Renewed{StopRequest{"rival"}} : Renewed{};
      case Verdict::kLost:
        return Lost{};
      case Verdict::kReleased:
        return Released{};
    }
    return Failed{};
  }

  Supervisor supervisor_;
  Misfortunes left_;
  bool watches_;
  bool restarts_;
  Time now_{};
  std::deque<Message> current_;  ///< on the open connection, in order
  std::deque<Message> old_;      ///< on abandoned connections: executed in any order, or never
  ModelServer server_;
  ModelServer snapshot_;  ///< what a restart restores
  ModelServer replica_;   ///< what a promotion brings, once it stays behind
  bool replicates_ = true;
  int last_number_ = 1;     ///< the largest id or token so far
  int id_ = 1;              ///< our holder id
  int rival_id_ = 0;        ///< of its last lease
  int rival_runs_for_ = 0;  ///< how long its job may still run
  int seen_ = 0;            ///< the fence before the loss, until we notice that
  int rival_seen_ = 0;      ///< likewise
  int barred_for_ = 0;      ///< how long what we noticed keeps us from the key
  int rival_barred_for_ = 0;
  bool finished_ = false;  ///< the finish request has been executed
  bool server_failed_ = false;
  JobState job_ = JobState::kNone;
  int dying_for_ = 0;
  bool freed_early_ = false;
  int asked_ = 0;       ///< our requests in flight
  int asked_back_ = 0;  ///< whose lease somebody wants; 0: nobody's
  bool resigned_ = false;
  bool started_after_resignation_ = false;
};

struct SearchResult {
  std::size_t states = 0;
  std::string fault;  ///< what went wrong, after which steps; or empty
  int outcomes = 0;   ///< a bit for each Outcome that was reached
};

SearchResult search(const Policy& policy, const Misfortunes& misfortunes) {
  struct Visit {
    World world;
    std::size_t parent;
    std::string step;
  };
  std::deque<Visit> visits;
  std::unordered_map<std::string, std::size_t> seen;
  SearchResult result;
  visits.push_back({World(policy, misfortunes), 0, "begin"});
  seen.emplace(visits.front().world.encode(), 0);
  for (std::size_t i = 0; i < visits.size(); ++i) {
    if (visits[i].world.done()) result.outcomes |= 1 << static_cast<int>(visits[i].world.outcome());
    if (const std::string fault = visits[i].world.fault(); !fault.empty()) {
      std::string path;
      for (std::size_t at = i; at != 0; at = visits[at].parent)
        path = visits[at].step + "; " + path;
      result.fault = fault + ": " + path;
      break;
    }
    for (auto& [step, world] : visits[i].world.successors()) {
      if (seen.emplace(world.encode(), visits.size()).second) {
        visits.push_back({std::move(world), i, step});
      }
    }
  }
  result.states = visits.size();
  return result;
}

/// A server that is young is waited for as long as one that does not answer.
Policy with_patience(Duration patience, Duration busy_patience, bool kills_after_forwarding) {
  Policy policy{patience, busy_patience, kills_after_forwarding};
  policy.young_patience = patience;
  return policy;
}
Policy waiting() { return with_patience(4 * kTick, kForever, true); }
/// Patient enough to get the key a second time after handing it back.
Policy patient() { return with_patience(8 * kTick, kForever, true); }
Policy trying_once() { return with_patience(2 * kTick, {}, false); }
Policy restarting() {
  Policy policy = trying_once();
  policy.kill_after_forwarded = true;
  policy.restarts = true;
  return policy;
}

constexpr int bit(Outcome outcome) { return 1 << static_cast<int>(outcome); }

/// The promise holds in every state, and the search has visited at least so many states and reached
/// exactly these outcomes. A search that suddenly sees far fewer states is broken, not fast.
void expect_promise(const Policy& policy, const Misfortunes& misfortunes, std::size_t at_least,
                    int outcomes) {
  const SearchResult result = search(policy, misfortunes);
  EXPECT_EQ(result.fault, "");
  EXPECT_GE(result.states, at_least);
  EXPECT_EQ(result.outcomes, outcomes);
}

constexpr int kUndisturbed = bit(Outcome::kFollower) | bit(Outcome::kFailed) |
                             bit(Outcome::kNotStarted) | bit(Outcome::kJobEnded) |
                             bit(Outcome::kLost);
constexpr int kWithResignation = kUndisturbed | bit(Outcome::kAborted) | bit(Outcome::kResigned);
constexpr int kWithSignals = kUndisturbed | bit(Outcome::kAborted) | bit(Outcome::kFrontGone);

TEST(SupervisorSearch, JobNeverLivesWithoutTheKeyWhenConnectionsBreak) {
  expect_promise(trying_once(), {.connections_lost = 3}, 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesWithoutTheKeyAfterWaitingForIt) {
  expect_promise(waiting(), {.connections_lost = 3}, 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesWithoutTheKeyWhenAnEarlierLeaseWasHandedBack) {
  expect_promise(patient(), {.connections_lost = 1}, 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesBesideTheRivalWhenTheServerEvictsTheKey) {
  expect_promise(trying_once(), {.connections_lost = 2, .evictions = 2}, 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesBesideTheRivalWhenTheServerRestartsEmpty) {
  expect_promise(waiting(), {.connections_lost = 2, .restarts = 1}, 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesBesideTheRivalWhenAYoungServerHasTheKeyParkedForTheRival) {
  expect_promise(waiting(),
                 {.connections_lost = 1, .restarts = 1, .snapshot_parked_for = Node::kRival},
                 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesBesideTheRivalWhenAYoungServerHasTheKeyParkedForUs) {
  expect_promise(waiting(),
                 {.connections_lost = 1, .restarts = 1, .snapshot_parked_for = Node::kUs}, 30'000,
                 kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesBesideTheRivalWhenAReplicaIsPromotedWithoutTheLease) {
  expect_promise(waiting(), {.connections_lost = 1, .promotions = 1}, 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesBesideARivalThatHasWatchedWhenTheServerLosesItsData) {
  expect_promise(patient(), {.connections_lost = 0, .losses = 1}, 30'000, kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesWithoutTheKeyWhateverSignalsCome) {
  expect_promise(waiting(), {.connections_lost = 2, .signals = true}, 30'000, kWithSignals);
}

TEST(SupervisorSearch, LateRequestNeverFreesAKeyThatIsHeld) {
  expect_promise(waiting(), {.connections_lost = 2, .signals = true, .hold = true}, 30'000,
                 kWithSignals);
}

TEST(SupervisorSearch, JobIsDeadBeforeAResignedLeaseIsReleased) {
  expect_promise(waiting(), {.connections_lost = 2, .resignation = true}, 60'000, kWithResignation);
}

TEST(SupervisorSearch, JobIsDeadBeforeALeaseThatSomebodyAsksForIsReleased) {
  expect_promise(waiting(), {.connections_lost = 2, .askings = 1}, 60'000,
                 kUndisturbed | bit(Outcome::kAskedBack));
}

TEST(SupervisorSearch, JobThatIsStartedAgainNeverLivesWithoutTheKey) {
  expect_promise(restarting(), {.connections_lost = 2}, 60'000, kUndisturbed);
}

TEST(SupervisorSearch, JobThatIsStartedAgainEndsWhenToldTo) {
  expect_promise(restarting(),
                 {.connections_lost = 1, .signals = true, .resignation = true, .hold = true},
                 150'000, kWithSignals | kWithResignation);
}

TEST(SupervisorSearch, HintsNeverSendASecondRequest) {
  expect_promise(restarting(), {.connections_lost = 1, .evictions = 1, .hints = true}, 150'000,
                 kUndisturbed);
}

TEST(SupervisorSearch, JobNeverLivesBesideTheRivalWhateverComesTogether) {
  expect_promise(waiting(), {.connections_lost = 1, .evictions = 1, .restarts = 1, .signals = true},
                 200'000, kWithSignals);
}

}  // namespace
}  // namespace cluster_leader
