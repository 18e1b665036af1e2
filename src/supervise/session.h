#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/poller.h"
#include "lease/election.h"
#include "lease/supervisor.h"
#include "report/reporter.h"
#include "report/wording.h"
#include "store/store.h"

namespace cluster_leader {

/// The campaign for one key: its supervisor, and what is known from the answers.
struct Campaign {
  std::string name;  ///< the key as the user wrote it
  Supervisor supervisor;
  HolderId own;  ///< the present holder id
  Leadership leadership;
  HolderId last_own{};  ///< the holder id before
  /// The value that the key had, according to the last answer, instead of our id; may be empty.
  HolderId other{};
  /// Why there is no answer, for people. Empty if the last request was answered.
  std::string failure{};
  /// The run that has ended instead of ours, if there is one.
  std::unique_ptr<Done> done{};
  /// Who asked for the lease of the present term; null: nobody.
  std::unique_ptr<StopRequest> stop{};
  std::uint32_t renewals = 0;         ///< of the present term
  Duration slowest_renewal{};         ///< of the present term, from sending to the answer
  std::uint32_t renewals_before = 0;  ///< of all terms before
  Duration slowest_before{};          ///< of the term before

  Time armed = kNever;       ///< the time of its entry in the session's queue
  bool has_changed = false;  ///< next_change() has not returned it since its last change

  /// The node that had the key instead of us; empty if the server did not say.
  std::string leader() const { return node_of(other.value); }
};

/// What is left to do for one campaign: kStartJob, kStopJob, kKillJob or kFinish.
struct ToDo {
  std::size_t campaign = 0;
  Action::Kind kind{};
};
using ToDos = std::vector<ToDo>;

/// Supervisors and the store that they share. Carries out what concerns the store, returns what
/// concerns the job, and keeps each campaign's view of who leads. `run` has one campaign of one
/// term, `elect` any number of both. A session survives the fork of the keeper, after which the
/// front destroys its copy.
///
/// A turn costs no more than the campaigns that something happens to: the others wait in a queue,
/// ordered by the time at which their supervisor must be woken.
class Session {
 public:
  /// `store` is null for a job that runs without a lease. `server` names it in messages.
  /// `new_holder` makes a holder id that was never used before; each acquisition takes one.
  Session(std::unique_ptr<Store> store, ServerName server, std::function<HolderId()> new_holder,
          Reporter& reporter);

  /// Adds a campaign for `key`, called `name` in messages, and returns its number: 0, 1, 2, ...
  std::size_t add(Key key, std::string name, const Supervisor& supervisor);

  /// Begins another term. REQUIRES: the last one is done.
  void begin_term(std::size_t campaign, const Supervisor& supervisor);

  /// Passes `event` to a supervisor, and appends what is left to do to `rest`.
  void step(std::size_t campaign, const Event& event, Time now, ToDos& rest);

  void watch(Poller& poller);
  Time wake_at() const;

  /// Wakes every supervisor whose time has come. Call this before what has arrived is read: no
  /// answer may delay a deadline.
  void tick(Time now, ToDos& rest);

  /// Handles what the store has received, once the poller has waited.
  void advance(const Poller& poller, Time now, ToDos& rest);

  std::size_t size() const { return campaigns_.size(); }
  const Campaign& at(std::size_t campaign) const { return campaigns_[campaign]; }
  /// A campaign whose leadership has changed since this returned it last, or nothing.
  std::optional<std::size_t> next_change();
  /// Lets next_change() return every campaign that leads once more.
  void repeat_led();

  /// The key and its server, for messages (describe_key).
  std::string describe(std::size_t campaign) const;
  /// The same with why there is no answer (describe_failure).
  std::string describe_failure(std::size_t campaign) const;

 private:
  struct Wake {
    Time at;
    std::size_t campaign;
    bool operator>(const Wake& other) const { return at > other.at; }
  };

  void carry_out(std::size_t campaign, const Actions& actions, Time now, ToDos& rest);
  void update(std::size_t campaign, Leadership leadership);
  void mark_changed(std::size_t campaign);
  void arm(std::size_t campaign);
  void renew_id(std::size_t campaign);
  void handle(std::size_t campaign, const Answered& answered, Time now, ToDos& rest);
  void handle(std::size_t campaign, const Notice& notice, Time now, ToDos& rest);
  void warn_of_hidden_age(std::size_t campaign, const Answer& answer);
  /// True if the answer is a failure that the one before was not.
  bool record(std::size_t campaign, const Answer& answer, Time now);
  void record_no_answer(std::size_t campaign);

  std::unique_ptr<Store> store_;
  ServerName server_;
  std::function<HolderId()> new_holder_;
  Reporter& reporter_;
  std::vector<Campaign> campaigns_;
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> queue_;
  std::vector<std::size_t> changed_;  ///< in order from next_changed_ on
  std::size_t next_changed_ = 0;
  bool warned_of_hidden_age_ = false;
};

}  // namespace cluster_leader
