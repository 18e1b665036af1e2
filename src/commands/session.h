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
#include "commands/reporter.h"
#include "lease/election.h"
#include "lease/supervisor.h"
#include "store/store.h"

namespace cluster_leader {

/// One key's side of a session.
struct Contest {
  std::string name;  ///< the key as the user wrote it
  Supervisor supervisor;
  HolderId own;  ///< the present holder id
  Leadership leadership;
  HolderId last_own{};  ///< the one before
  /// What stood at the key instead of our lease when the last answer told; may be empty.
  HolderId other{};
  /// Why there is no answer, for people. Empty if the last request was answered.
  std::string failure{};
  /// The run that has ended instead of ours, if there is one.
  std::unique_ptr<Done> done{};
  std::uint32_t renewals = 0;  ///< of the present term
  Duration slowest_renewal{};

  Time armed = kNever;       ///< the time of its entry in the queue
  bool has_changed = false;  ///< leadership is another than the one that was last taken

  /// The node label of whoever had the key instead of us, or empty.
  std::string leader() const { return node_of(other.value); }
};

/// What is left to do for one contest.
struct ToDo {
  std::size_t contest = 0;
  Action::Kind kind{};
};
using ToDos = std::vector<ToDo>;

/// Supervisors with the store that they share: carries out what concerns the store, hands on what
/// concerns the job (kStartJob, kStopJob, kKillJob, kFinish), and keeps each contest's view of who
/// leads. `run` has one contest of one term, `elect` any number of both. It is carried through the
/// fork of the keeper, after which the front destroys its copy.
///
/// No turn costs more than the contests that something happens to: those that wait stand in a queue
/// by the time at which their supervisor wants to be woken.
class Session {
 public:
  /// `store` is null where there is no lease to ask for. `place` names it in messages.
  /// `new_holder` makes a holder id that was never used before; each acquisition takes one.
  Session(std::unique_ptr<Store> store, std::string place, std::function<HolderId()> new_holder,
          Reporter& reporter);

  /// Adds a contest for `key`, called `name` in messages, and returns its number: 0, 1, 2, ...
  std::size_t add(Key key, std::string name, const Supervisor& supervisor);

  /// A further term. REQUIRES: the last one is done.
  void stand(std::size_t contest, const Supervisor& supervisor);

  /// Tells a supervisor of `event`; what is left to do is added to `rest`.
  void tell(std::size_t contest, const Event& event, Time now, ToDos& rest);

  void watch(Poller& poller);
  Time wake_at() const;

  /// Tells every supervisor whose time has come. The clock goes before the network: a deadline is
  /// not put off by what has arrived.
  void tick(Time now, ToDos& rest);

  /// Goes on with the store, once the poller has waited.
  void advance(const Poller& poller, Time now, ToDos& rest);

  std::size_t size() const { return contests_.size(); }
  const Contest& at(std::size_t contest) const { return contests_[contest]; }
  /// A contest whose leadership has changed since it was last returned here, or nothing.
  std::optional<std::size_t> next_change();
  /// Lets next_change() return all that are led once more.
  void repeat_led();

  /// The key and its server, for people.
  std::string where(std::size_t contest) const;

 private:
  struct Wake {
    Time at;
    std::size_t contest;
    bool operator>(const Wake& other) const { return at > other.at; }
  };

  void carry_out(std::size_t contest, const Actions& actions, Time now, ToDos& rest);
  void see(std::size_t contest, Leadership leadership);
  void note_change(std::size_t contest);
  void arm(std::size_t contest);
  void take_new_id(std::size_t contest);
  void take_answer(std::size_t contest, const Answered& answered, Time now, ToDos& rest);
  void take_notice(std::size_t contest, const Notice& notice, Time now, ToDos& rest);
  void note(std::size_t contest, const Answer& answer, Time now);
  void note_no_answer(std::size_t contest);

  std::unique_ptr<Store> store_;
  std::string place_;
  std::function<HolderId()> new_holder_;
  Reporter& reporter_;
  std::vector<Contest> contests_;
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> queue_;
  std::vector<std::size_t> changed_;  ///< in order from next_changed_ on
  std::size_t next_changed_ = 0;
};

}  // namespace cluster_leader
