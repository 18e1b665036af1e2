#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lease/supervisor.h"
#include "store/quorum/store.h"
#include "store/reports.h"

// Servers, a network and candidates in simulated time, around the real QuorumStore and Supervisor.

namespace cluster_leader {

/// What happens later, in order of time; things at the same time happen in the order in which they
/// were added.
class Future {
 public:
  Time now() const { return now_; }
  Time next_at() const { return queue_.empty() ? kNever : queue_.begin()->first; }
  void at(Time time, std::function<void()> what) { queue_.emplace(time, std::move(what)); }
  /// Moves to `time` and does what is due.
  void advance(Time time) {
    now_ = time;
    while (next_at() <= now_) {
      const auto what = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      what();
    }
  }

 private:
  std::multimap<Time, std::function<void()>> queue_;
  Time now_ = Time{} + std::chrono::hours(1);
};

/// One key on a server, by the rules of store/redis/scripts/*.lua.
class QuorumModel {
 public:
  /// `is_mute` says whether it votes for nobody while it is young.
  QuorumModel(Duration ttl, Duration skew, bool is_mute = true)
      : ttl_(ttl), skew_(skew), is_mute_(is_mute) {}

  Answer execute(const Request& request, const std::string& id, Time now) {
    if (now >= data_.expires_at) data_.lock.clear();
    switch (request.kind) {
      case RequestKind::kVote:
        return vote(id, now);
      case RequestKind::kAdopt:
        return adopt(id, request.token.value, now);
      case RequestKind::kRenew:
        return renew(id, request.token.value, now);
      default:
        return release(id);
    }
  }

  void start(Time now) { started_at_ = now; }
  void lose_data() { data_ = Data(); }
  void save() { saved_ = data_; }
  void load() { data_ = saved_; }
  const std::string& lock() const { return data_.lock; }
  std::int64_t fence() const { return data_.fence; }

 private:
  struct Data {
    std::string lock, holder;
    Time expires_at;
    std::int64_t fence = 0;
    std::optional<Time> until;
  };

  Answer busy(const std::string& id, Time end, Time now) const {
    const bool is_known = id == data_.holder;
    return Busy{{id}, end - now + std::chrono::milliseconds(2), {is_known ? data_.fence : 0}};
  }

  Answer vote(const std::string& id, Time now) {
    if (!data_.lock.empty() && data_.lock != id) return busy(data_.lock, data_.expires_at, now);
    const bool has_until = data_.until && *data_.until > now;
    if (data_.lock.empty() && has_until && data_.holder != id) {
      return busy(data_.holder, *data_.until, now);
    }
    const bool is_own = data_.lock == id || (has_until && data_.holder == id);
    const Time grown_at = started_at_ + ttl_ + std::chrono::seconds(1);
    if (is_mute_ && !is_own && now < grown_at) return Young{now - started_at_, grown_at - now};
    data_.lock = id;
    data_.expires_at = now + ttl_;
    return Voted{{data_.fence}, ceil_ms((now + skew_).time_since_epoch())};
  }

  Answer adopt(const std::string& id, std::int64_t token, Time now) {
    if (data_.lock != id) return Lost{{data_.lock}};
    if (data_.fence >= token && data_.holder != id) return Lost{};
    data_ = {id, id, now + ttl_, token, now + ttl_};
    return Granted{{token}};
  }

  Answer renew(const std::string& id, std::int64_t token, Time now) {
    if (!data_.lock.empty() && data_.lock != id) return Lost{{data_.lock}};
    if (data_.lock.empty()) {
      if (data_.fence > token) return Lost{};
      if (data_.fence == token && (!data_.until || data_.holder != id)) return Lost{};
    }
    data_ = {id, id, now + ttl_, std::max(data_.fence, token), now + ttl_};
    return Renewed{};
  }

  Answer release(const std::string& id) {
    const bool is_holder = data_.holder == id && (data_.lock.empty() || data_.lock == id);
    if (data_.lock == id) data_.lock.clear();
    if (is_holder) data_.until.reset();
    return Released{};
  }

  Duration ttl_, skew_;
  bool is_mute_;
  Time started_at_;
  Data data_, saved_;
};

/// A server as clients see it.
struct SimulatedServer {
  QuorumModel model;
  bool is_up = true;
  Time frozen_until{};  ///< until then it answers nothing, but executes it later
};

/// How the network treats what clients send.
struct Network {
  int longest_delay_ms = 1;
  int lost_percent = 0;
};

/// The connection of one client to one server. Requests of one connection are executed in order;
/// one on a connection that was given up may be executed at any later time.
class SimulatedStore final : public Store {
 public:
  SimulatedStore(Future& future, SimulatedServer& server, const Network& network,
                 std::mt19937& random)
      : future_(future), server_(server), network_(network), random_(random) {}

  std::size_t add(Key) override { return 0; }
  void set_holder(std::size_t, HolderId holder) override { holder_ = std::move(holder); }
  void send(std::size_t, const Request& request, Time) override {
    ++requests_;
    attempt_ = request.attempt;
    if (!server_.is_up) {
      later([self = std::weak_ptr(self_), attempt = attempt_] {
        const Failed refused{Trouble::kUnreachable, "connection refused"};
        if (const auto there = self.lock()) (*there)->answer(attempt, refused);
      });
      return;
    }
    transmit(request, attempt_);
  }
  void cancel(std::size_t) override {
    attempt_ = 0;
    ordered_from_ = {};
  }
  void abandon(std::size_t) override {
    transmit({.kind = RequestKind::kRelease, .token = {}}, 0);
    attempt_ = 0;
  }
  void watch(Poller&) override {}
  Time wake_at() const override { return reports_.empty() ? kNever : Time::min(); }
  void advance(const Poller&, Time) override {}
  std::optional<StoreEvent> next() override { return reports_.next(); }
  std::string stage(std::size_t) const override { return "waiting for an answer"; }

  bool is_cut = false;  ///< nothing arrives in either direction
  int requests() const { return requests_; }

 private:
  Duration delay() {
    return std::chrono::microseconds(
        std::uniform_int_distribution<>(100, network_.longest_delay_ms * 1000)(random_));
  }
  bool is_lost() {
    return is_cut || std::uniform_int_distribution<>(0, 99)(random_) < network_.lost_percent;
  }
  void later(std::function<void()> what) { future_.at(future_.now() + delay(), std::move(what)); }

  void transmit(const Request& request, std::uint64_t attempt) {
    if (is_lost()) return;
    const Time arrives_at =
        std::max({future_.now() + delay(), ordered_from_, server_.frozen_until});
    ordered_from_ = arrives_at;
    // The network outlives the client.
    const std::weak_ptr self = self_;
    future_.at(arrives_at,
               [self, &server = server_, &future = future_, request, attempt, id = holder_.value] {
                 execute(self, server, future, request, attempt, id);
               });
  }

  static void execute(const std::weak_ptr<SimulatedStore*>& self, SimulatedServer& server,
                      Future& future, const Request& request, std::uint64_t attempt,
                      const std::string& id) {
    if (!server.is_up) return;
    if (future.now() < server.frozen_until) {
      future.at(server.frozen_until, [self, &server, &future, request, attempt, id] {
        execute(self, server, future, request, attempt, id);
      });
      return;
    }
    const Answer answer = server.model.execute(request, id, future.now());
    const auto store = self.lock();
    if (!store || (*store)->is_lost()) return;
    (*store)->later([self, attempt, answer] {
      if (const auto there = self.lock()) (*there)->answer(attempt, answer);
    });
  }

  void answer(std::uint64_t attempt, const Answer& answer) {
    if (attempt == 0 || attempt != attempt_) return;
    attempt_ = 0;
    reports_.answer(0, attempt, answer);
  }

  Future& future_;
  SimulatedServer& server_;
  const Network& network_;
  std::mt19937& random_;
  HolderId holder_;
  std::uint64_t attempt_ = 0;
  Time ordered_from_;
  Reports reports_;
  int requests_ = 0;
  std::shared_ptr<SimulatedStore*> self_ = std::make_shared<SimulatedStore*>(this);
};

/// What all jobs of a history have done.
struct Jobs {
  int started = 0;
  int alive = 0;
  std::int64_t last_token = 0;
  std::string fault;  ///< two at once, or a token that was no larger than the one before
};

/// A candidate that campaigns again and again, as `elect` does.
class SimulatedClient {
 public:
  SimulatedClient(Future& future, std::vector<std::unique_ptr<SimulatedServer>>& servers,
                  const Network& network, std::mt19937& random, Jobs& jobs, std::string name,
                  const Timeline& timeline)
      : future_(future), random_(random), jobs_(jobs), name_(std::move(name)), timeline_(timeline) {
    std::vector<QuorumStore::Server> members;
    for (auto& server : servers) {
      auto member = std::make_unique<SimulatedStore>(future, *server, network, random);
      members_.push_back(member.get());
      members.push_back({"server-" + std::to_string(members_.size()), std::move(member)});
    }
    Candidate candidate;
    candidate.ttl = timeline.ttl;
    store_ = std::make_unique<QuorumStore>(std::move(members), candidate, random_());
    store_->add({"job"});
    begin_term(future_.now());
  }
  ~SimulatedClient() { end_job(); }

  Time wake_at() const { return std::min({store_->wake_at(), supervisor_->wake_at(), job_ends_}); }
  const std::string& name() const { return name_; }
  SimulatedStore& to(std::size_t server) { return *members_[server]; }

  void turn(const Poller& poller) {
    const Time now = future_.now();
    step(Tick{});
    if (now >= job_ends_) {
      end_job();
      step(TreeGone{RunResult{}});
    }
    store_->advance(poller, now);
    while (const auto event = store_->next()) {
      if (const auto* answered = std::get_if<Answered>(&event->what)) {
        step(*answered);
      } else {
        step(Hinted{});
      }
    }
    if (supervisor_->phase() == Phase::kDone) begin_term(now + pause());
  }

 private:
  Duration pause() {
    return std::chrono::milliseconds(std::uniform_int_distribution<>(0, 500)(random_));
  }

  void begin_term(Time begin) {
    Policy policy;
    policy.patience = policy.busy_patience = policy.young_patience = kForever;
    Supervisor next(timeline_, policy, random_(), begin);
    if (supervisor_) next.continue_numbers_of(*supervisor_);
    supervisor_.emplace(next);
    new_id();
  }

  void new_id() { store_->set_holder(0, {name_ + "/" + std::to_string(++ids_)}); }

  void step(const Event& event) {
    for (const Action& action : supervisor_->step(event, future_.now())) {
      switch (action.kind) {
        case Action::Kind::kSend:
          store_->send(0, action.request, future_.now());
          break;
        case Action::Kind::kCancel:
          store_->cancel(0);
          break;
        case Action::Kind::kLeave:
        case Action::Kind::kAbandon:
          store_->abandon(0);
          break;
        case Action::Kind::kNewId:
          new_id();
          break;
        case Action::Kind::kStartJob:
          start_job();
          break;
        case Action::Kind::kStopJob:
        case Action::Kind::kKillJob:
          end_job();
          step(TreeGone{});
          break;
        case Action::Kind::kDone:
          break;
      }
    }
  }

  void start_job() {
    if (supervisor_->phase() != Phase::kGranted) return;
    const std::int64_t token = supervisor_->token().value;
    if (++jobs_.alive > 1) jobs_.fault += name_ + " runs beside another job\n";
    if (token <= jobs_.last_token) {
      jobs_.fault += name_ + " has token " + std::to_string(token) + " after " +
                     std::to_string(jobs_.last_token) + "\n";
    }
    jobs_.last_token = token;
    ++jobs_.started;
    has_job_ = true;
    const int ms = std::uniform_int_distribution<>(1, 8'000)(random_);
    job_ends_ = future_.now() + std::chrono::milliseconds(ms);
    step(JobStarted{});
  }

  void end_job() {
    if (std::exchange(has_job_, false)) --jobs_.alive;
    job_ends_ = kNever;
  }

  Future& future_;
  std::mt19937& random_;
  Jobs& jobs_;
  const std::string name_;
  const Timeline timeline_;
  std::vector<SimulatedStore*> members_;
  std::unique_ptr<QuorumStore> store_;
  std::optional<Supervisor> supervisor_;
  int ids_ = 0;
  bool has_job_ = false;
  Time job_ends_ = kNever;
};

}  // namespace cluster_leader
